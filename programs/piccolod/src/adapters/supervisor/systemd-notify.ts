import { spawn } from "node:child_process";
import { type Supervisor, supervisorFaults } from "./supervisor.ts";

const program = "/usr/bin/systemd-notify";
const answerMs = 10_000;

/**
 * systemd, told by its own program: Node has no datagram sockets of the Unix kind. The program speaks in the name of the
 * process that started it, so the unit needs no more than `NotifyAccess=main`.
 */
export class SystemdNotify implements Supervisor {
  readonly silenceMs: number | undefined;
  readonly #socket: string;

  /** `socket` is what the environment calls NOTIFY_SOCKET: a path, or a name of the abstract kind after `@`. */
  constructor({ socket, silenceMs }: { readonly socket: string; readonly silenceMs: number | undefined }) {
    this.#socket = socket;
    this.silenceMs = silenceMs;
  }

  ready(status: string): Promise<void> {
    return this.#send("READY=1", `STATUS=${status.replaceAll(/\s+/g, " ")}`);
  }

  alive(): Promise<void> {
    return this.#send("WATCHDOG=1");
  }

  stopping(): Promise<void> {
    return this.#send("STOPPING=1");
  }

  #send(...lines: readonly string[]): Promise<void> {
    const child = spawn(program, lines, { stdio: "ignore", env: { NOTIFY_SOCKET: this.#socket } });
    return new Promise((resolve, reject) => {
      const deaf = (how: string, cause?: Error): void => {
        const message = `${program} ${how}`;
        reject(supervisorFaults.fault("supervisor-deaf", message, cause === undefined ? {} : { cause }));
      };
      const timer = setTimeout(() => child.kill("SIGKILL"), answerMs);
      child.once("error", (cause) => {
        clearTimeout(timer);
        deaf("could not be started", cause);
      });
      child.once("exit", (code, signal) => {
        clearTimeout(timer);
        if (code === 0) resolve();
        else deaf(`ended with ${signal ?? `code ${code ?? "none"}`}`);
      });
    });
  }
}

/** The software TPM of one device: a chip whose state outlives the process, as a real one's outlives the power. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/** What the kernel allows for the path of a Unix socket, less the suffix of the second one. */
const socketPathMax = 100;
const startMs = 15_000;

async function accepts(path: string): Promise<boolean> {
  const socket = connect(path);
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

export class SoftwareTpm {
  readonly socketPath: string;
  readonly #state: string;
  readonly #socketFolder: string | undefined;
  #child: ChildProcess | undefined;

  constructor(folder: string) {
    this.#state = join(folder, "state");
    mkdirSync(this.#state, { recursive: true, mode: 0o700 });
    const inside = join(folder, "socket");
    this.#socketFolder = inside.length > socketPathMax ? mkdtempSync(join(tmpdir(), "piccolo-tpm-")) : undefined;
    this.socketPath = this.#socketFolder === undefined ? inside : join(this.#socketFolder, "socket");
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** As the power that comes back: whatever ran before is gone, and all that is measured begins anew. */
  async start(): Promise<void> {
    await this.stop();
    rmSync(this.socketPath, { force: true });
    const args = [
      "socket",
      "--tpm2",
      "--tpmstate",
      `dir=${this.#state},mode=0600`,
      "--server",
      `type=unixio,path=${this.socketPath},mode=0600`,
      "--ctrl",
      `type=unixio,path=${this.socketPath}.ctrl,mode=0600`,
      "--flags",
      "not-need-init",
    ];
    // A group of its own, so that Ctrl-C in the terminal ends the device first.
    const child = spawn("swtpm", args, { stdio: "ignore", detached: true });
    this.#child = child;
    let ended = false;
    child.once("error", () => (ended = true));
    child.once("exit", () => (ended = true));
    for (const endMs = Date.now() + startMs; !(await accepts(this.socketPath)); await delay(10)) {
      if (ended || Date.now() > endMs) throw new Error(`swtpm with the state in ${this.#state} does not start`);
    }
  }

  /** As when the plug is pulled. */
  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  }
}

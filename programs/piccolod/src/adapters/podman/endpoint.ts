/** Where Podman's interface is: who sees to it that somebody answers there, and what starts and ends such a process. */
import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync, rmSync } from "node:fs";
import type { World } from "@piccolo/world";
import { serversOf } from "../volume/mounts.ts";
import { exchange, isGone, unavailable } from "./unix-http.ts";

/** Where the interface is, and who sees to it that somebody answers there. */
export interface PodmanEndpoint {
  readonly socketPath: string;
  /** Below this control group, an absolute path in its tree; undefined leaves it to Podman. */
  readonly cgroupParent: string | undefined;
  /** Makes sure that it answers. Throws `runtime-missing`, `runtime-unavailable`. */
  ensure(): Promise<void>;
  /**
   * Images come in through the endpoint that `work` is given, and through no other: it leaves no note of them outside the
   * storage, and may be gone when `work` has ended. Throws like `ensure`, and what `work` throws.
   */
  bringIn<Result>(work: (endpoint: PodmanEndpoint) => Promise<Result>): Promise<Result>;
  stop(): Promise<void>;
}

/**
 * Whatever storage it is told of, Podman run by root notes in `containers/cache` in here which registry has which layer.
 * Where it cannot write there, it keeps that in memory.
 */
export const notesFolder = "/var/lib";

/** Whether a Podman answers there. Throws `runtime-unavailable` where something else is wrong than that it is not there. */
export async function serviceAnswers(socketPath: string): Promise<boolean> {
  try {
    const { status, body } = await exchange(socketPath, { method: "GET", path: "/_ping", timeoutMs: answerMs });
    body.destroy();
    return status === 200;
  } catch (error) {
    if (isGone(error) || (error instanceof Error && "code" in error && error.code === "ETIMEDOUT")) return false;
    throw unavailable(error);
  }
}

export function endProcess(pid: number, signal: "SIGTERM" | "SIGKILL"): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended by itself.
  }
}

const startMs = 20_000;
const stopMs = 10_000;
const lookAgainMs = 20;
const answerMs = 5_000;

export interface ServiceStart {
  readonly socketPath: string;
  /** The program and its words, up to `podman`'s own path. */
  readonly command: readonly [string, ...string[]];
  readonly environment: Readonly<Record<string, string>>;
  /** Takes what it says of errors. */
  readonly wordsFile: string;
  readonly world: World;
}

const urlOf = (socketPath: string): string => `unix://${socketPath}`;

/** Resolves once it answers. Its process is detached, and nobody waits for its end. Throws `runtime-unavailable`. */
export async function startService({
  socketPath,
  command,
  environment,
  wordsFile,
  world,
}: ServiceStart): Promise<void> {
  rmSync(socketPath, { force: true });
  // Not a pipe: it outlives this process, and would die of writing to nobody. Of errors alone, this stays small.
  const words = openSync(wordsFile, "w", 0o600);
  const [program, ...args] = command;
  const child = spawn(program, [...args, "--log-level=error", "system", "service", "--time=0", urlOf(socketPath)], {
    detached: true,
    stdio: ["ignore", "ignore", words],
    env: environment,
    cwd: "/",
  });
  closeSync(words);
  child.unref();
  let ended: string | undefined;
  child.once("error", (error) => (ended = error.message));
  child.once("exit", (code, signal) => (ended = `it ended with ${code ?? signal}`));
  const untilMs = world.monotonicMs() + startMs;
  while (!(await serviceAnswers(socketPath))) {
    if (ended !== undefined || world.monotonicMs() > untilMs) {
      const said = readFileSync(wordsFile, "utf8").slice(-1_000);
      throw unavailable(new Error(`${ended ?? "it does not answer after its start"}: ${said}`));
    }
    await world.sleep(lookAgainMs);
  }
}

/** How many Podmans there were at the socket. */
export function signalServices(socketPath: string, signal: "SIGTERM" | "SIGKILL"): number {
  const pids = serversOf("podman", urlOf(socketPath));
  for (const pid of pids) endProcess(pid, signal);
  return pids.length;
}

/** Resolves once there is none at the socket any more. */
export async function endServices(socketPath: string, world: World): Promise<void> {
  const untilMs = world.monotonicMs() + stopMs;
  while (signalServices(socketPath, world.monotonicMs() > untilMs ? "SIGKILL" : "SIGTERM") > 0) {
    await world.sleep(lookAgainMs);
  }
  rmSync(socketPath, { force: true });
}

/** The port through which adapters use the system's programs; `runCommand` is the real one, tests bring their own. */
import { spawn } from "node:child_process";
import { closeSync, constants, existsSync, fsyncSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { delimiter, join } from "node:path";
import { toUtf8 } from "@piccolo/bytes";

export interface CommandResult {
  /** Undefined where the program could not be started, or did not end in time. */
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandInput {
  /** Through a pipe: what it says is in no argument, no environment and no file. */
  readonly stdin?: Uint8Array;
  /** For programs that take a path only: the file `secretPath` leads to holds it, in memory, without a name. */
  readonly secret?: Uint8Array;
  readonly timeoutMs?: number;
}

export type RunCommand = (program: string, args: readonly string[], input?: CommandInput) => Promise<CommandResult>;

/** Where a program finds `secret`. */
export const secretPath = "/dev/fd/3";

/** The system's own programs only, whatever the environment says. */
const programFolders = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
export const usualTimeoutMs = 60_000;
const outputBytesMax = 1024 * 1024;

export function hasProgram(name: string): boolean {
  return programFolders.some((folder) => existsSync(join(folder, name)));
}

export const runCommand: RunCommand = async (program, args, input = {}) => {
  const secret = input.secret === undefined ? undefined : openSecret(input.secret);
  try {
    return await run(program, args, input, secret);
  } finally {
    if (secret !== undefined) closeSecret(secret, input.secret?.length ?? 0);
  }
};

function run(
  program: string,
  args: readonly string[],
  { stdin, timeoutMs = usualTimeoutMs }: CommandInput,
  secret: number | undefined,
): Promise<CommandResult> {
  const child = spawn(program, args, {
    stdio: ["pipe", "pipe", "pipe", secret ?? "ignore"],
    env: { PATH: programFolders.join(delimiter), LC_ALL: "C" },
  });
  const texts = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name]?.on("data", (part: Buffer) => {
      if (texts[name].length < outputBytesMax) texts[name] += part.toString();
    });
  }
  return new Promise((resolve) => {
    const timer = setTimeout(() => child.kill("SIGKILL"), timeoutMs);
    const end = (code: number | undefined): void => {
      clearTimeout(timer);
      resolve({ code, ...texts });
    };
    child.once("error", () => end(undefined));
    child.once("close", (code) => end(code ?? undefined));
    // It may end before it has read: that it ended says why.
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(stdin ?? toUtf8(""));
  });
}

/** O_TMPFILE of the kernel, which Node has no name for: it includes the bit for folders. */
const withoutName = 0o20_000_000 | constants.O_DIRECTORY;

/** A file in memory that has no name: nobody else can open it, and it is gone with its last handle. */
function openSecret(secret: Uint8Array): number {
  const folder = ["/dev/shm", "/run"].find((path) => existsSync(path)) ?? "/tmp";
  const file = openSync(folder, withoutName | constants.O_RDWR, 0o600);
  let at = 0;
  while (at < secret.length) at += writeSync(file, secret, at, secret.length - at, at);
  return file;
}

function closeSecret(file: number, length: number): void {
  writeSync(file, new Uint8Array(length), 0, length, 0);
  fsyncSync(file);
  ftruncateSync(file);
  closeSync(file);
}

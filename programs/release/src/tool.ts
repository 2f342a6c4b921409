/** The programs of the operating system that the pipeline runs, and how their failures reach a person. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { releaseFaults } from "./faults.ts";

const execute = promisify(execFile);
const outputBytesMax = 64 << 20;

export interface ToolOptions {
  /** The Debian package that brings the program. */
  readonly from: string;
  readonly cwd?: string;
  readonly input?: Uint8Array;
}

/** Runs a program and gives what it printed. Throws `tool-missing` or `tool-failed` with its last words. */
export async function runTool(name: string, args: readonly string[], options: ToolOptions): Promise<Buffer> {
  const { from, cwd, input } = options;
  const running = execute(name, args, {
    encoding: "buffer",
    maxBuffer: outputBytesMax,
    ...(cwd === undefined ? {} : { cwd }),
  });
  // A program that ends before it has read its input says so by its exit code.
  running.child.stdin?.on("error", () => undefined);
  running.child.stdin?.end(input);
  try {
    return (await running).stdout;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") {
      throw releaseFaults.fault("tool-missing", `${name} is not installed; it comes with the package ${from}`);
    }
    const said = (error as { stderr?: Buffer }).stderr?.toString().trim() ?? "";
    throw releaseFaults.fault("tool-failed", `${name} failed: ${said.slice(-2_000) || String(error)}`, {
      cause: error,
    });
  }
}

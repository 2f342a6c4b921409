/** Runs another program and waits for it. */
import { spawn } from "node:child_process";

export interface RunOptions {
  readonly cwd?: string;
  readonly input?: string | Uint8Array;
  /** Gets each line the program writes to its standard error, for progress. */
  readonly onLine?: (line: string) => void;
}

const mostErrorCharacters = 4_000;

/** Resolves to the standard output; rejects with the end of the standard error where the program fails. */
export function execute(command: string, args: readonly string[], options: RunOptions = {}): Promise<Buffer> {
  const child = spawn(command, args, { cwd: options.cwd, stdio: ["pipe", "pipe", "pipe"] });
  const output: Buffer[] = [];
  let errors = "";
  child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
  child.stderr.setEncoding("utf8");
  child.stderr.on("data", (text: string) => {
    errors = (errors + text).slice(-mostErrorCharacters);
    if (options.onLine !== undefined) for (const line of text.split("\n")) if (line !== "") options.onLine(line);
  });
  // A program that ends without reading its input is judged by its exit code.
  child.stdin.on("error", () => undefined);
  child.stdin.end(options.input ?? "");
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      if (code === 0) return resolve(Buffer.concat(output));
      const end = `${errors}${Buffer.concat(output).toString("utf8").slice(-mostErrorCharacters)}`.trim();
      return reject(new Error(`${command} ${args.slice(0, 6).join(" ")} ... ended with ${code ?? signal}:\n${end}`));
    });
  });
}

export async function executeText(command: string, args: readonly string[], options?: RunOptions): Promise<string> {
  return (await execute(command, args, options)).toString("utf8");
}

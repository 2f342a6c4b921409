/** Files that an author gives: read within the manifest's bound, and what is wrong with them in words. */
import { createReadStream } from "node:fs";
import { documentBytesMax, type Problem } from "@piccolo/app-manifest";
import type { Terminal } from "../verb.ts";

/** One byte more than a manifest may have is enough to know that it is too large, whatever the file goes on with. */
async function readBounded(stream: AsyncIterable<Buffer | string>): Promise<Buffer> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of stream) {
    const bytes = typeof part === "string" ? Buffer.from(part) : part;
    parts.push(bytes);
    length += bytes.length;
    if (length > documentBytesMax) break;
  }
  return Buffer.concat(parts).subarray(0, documentBytesMax + 1);
}

function decode(bytes: Uint8Array): string | undefined {
  // A character cut in two at the bound is no fault of the file's: it is refused for its size.
  if (bytes.length > documentBytesMax) return "#".repeat(bytes.length);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/**
 * A file, or with `-` the input, as text; undefined for bytes that are no UTF-8. One that cannot be read is said so, and is
 * "unread".
 */
export async function readText(
  file: string,
  terminal: Terminal,
): Promise<{ readonly content: string } | undefined | "unread"> {
  let bytes;
  try {
    bytes = await readBounded(file === "-" ? (terminal.input as AsyncIterable<Buffer>) : createReadStream(file));
  } catch (error) {
    const reason = error instanceof Error && "code" in error ? String(error.code) : "unreadable";
    terminal.err(`piccolo: ${JSON.stringify(file)} cannot be read (${reason})\n`);
    return "unread";
  }
  const content = decode(bytes);
  return content === undefined ? undefined : { content };
}

export const notText: Problem = {
  code: "not-yaml",
  path: "",
  place: undefined,
  reason: "The file is not UTF-8 text.",
  advice: "Save it as UTF-8.",
};

/** A name may hold what moves a cursor; JSON escapes it by itself. */
export function printable(file: string): string {
  return file.replaceAll(/\p{Cc}/gu, "?");
}

export function problemLines(file: string, problems: readonly Problem[]): string {
  return problems.map((problem) => line(file, problem)).join("");
}

function line(file: string, { code, path, place, reason, advice }: Problem): string {
  const where = place === undefined ? file : `${file}:${place.line}:${place.column}`;
  return `${where}  ${path === "" ? "/" : path}\n    ${reason} [${code}]\n    ${advice}\n`;
}

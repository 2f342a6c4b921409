/** `piccolo app check FILE`: what is wrong with a manifest, all of it, before anybody else sees it. */
import { createReadStream } from "node:fs";
import { type CheckResult, checkManifest, documentBytesMax, type Problem } from "@piccolo/app-manifest";
import { readCheckArguments } from "../config.ts";
import { exitCodes, type Terminal, type Verb } from "../verb.ts";

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

/** Undefined for bytes that are no UTF-8. */
function decode(bytes: Uint8Array): string | undefined {
  // A character cut in two at the bound is no fault of the file's: it is refused for its size.
  if (bytes.length > documentBytesMax) return "#".repeat(bytes.length);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

const notText: CheckResult = {
  manifest: undefined,
  problems: [
    {
      code: "not-yaml",
      path: "",
      place: undefined,
      reason: "The file is not UTF-8 text.",
      advice: "Save it as UTF-8.",
    },
  ],
};

function line(file: string, { code, path, place, reason, advice }: Problem): string {
  const where = place === undefined ? file : `${file}:${place.line}:${place.column}`;
  return `${where}  ${path === "" ? "/" : path}\n    ${reason} [${code}]\n    ${advice}\n`;
}

function asText(file: string, { manifest, problems }: CheckResult): string {
  if (manifest !== undefined) {
    const { id, version, services, volumes, grants } = manifest;
    const asks = grants.length === 0 ? "nothing" : grants.map(({ kind }) => kind).join(", ");
    const counts = `${services.length} service${services.length === 1 ? "" : "s"}, ${volumes.length} volume${volumes.length === 1 ? "" : "s"}`;
    return `${file}: ${id} ${version} is fine (${counts}; asks for ${asks})\n`;
  }
  const count = `${problems.length} problem${problems.length === 1 ? "" : "s"}`;
  return `${problems.map((problem) => line(file, problem)).join("")}${file}: ${count}\n`;
}

function asJson(file: string, { manifest, problems }: CheckResult): string {
  const app = manifest === undefined ? undefined : { id: manifest.id, version: manifest.version };
  const listed = problems.map(({ place, ...problem }) => ({ ...problem, ...place }));
  return `${JSON.stringify({ file, fine: manifest !== undefined, app, problems: listed }, null, 2)}\n`;
}

async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  const { file, json } = readCheckArguments(args);
  let bytes;
  try {
    bytes = await readBounded(file === "-" ? (terminal.input as AsyncIterable<Buffer>) : createReadStream(file));
  } catch (error) {
    const reason = error instanceof Error && "code" in error ? String(error.code) : "unreadable";
    terminal.err(`piccolo: ${JSON.stringify(file)} cannot be read (${reason})\n`);
    return exitCodes.failed;
  }
  const text = decode(bytes);
  const result = text === undefined ? notText : checkManifest(text);
  // A name may hold what moves a cursor; JSON escapes it by itself.
  const name = file.replaceAll(/\p{Cc}/gu, "?");
  terminal.out(json ? asJson(file, result) : asText(name, result));
  return result.manifest === undefined ? exitCodes.refused : exitCodes.fine;
}

export const appCheck: Verb = {
  usage: "app check [--json] FILE",
  about: "says what is wrong with an app's manifest",
  run,
};

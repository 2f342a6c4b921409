/** `piccolo app check FILE`: what is wrong with a manifest, all of it, before anybody else sees it. */
import { type CheckResult, checkManifest } from "@piccolo/app-manifest";
import { readCheckArguments } from "../config.ts";
import { exitCodes, type Terminal, type Verb } from "../verb.ts";
import { notText, printable, problemLines, readText } from "./definition-file.ts";

function asText(file: string, { manifest, problems }: CheckResult): string {
  if (manifest !== undefined) {
    const { id, version, services, volumes, grants } = manifest;
    const asks = grants.length === 0 ? "nothing" : grants.map(({ kind }) => kind).join(", ");
    const counts = `${services.length} service${services.length === 1 ? "" : "s"}, ${volumes.length} volume${volumes.length === 1 ? "" : "s"}`;
    return `${file}: ${id} ${version} is fine (${counts}; asks for ${asks})\n`;
  }
  const count = `${problems.length} problem${problems.length === 1 ? "" : "s"}`;
  return `${problemLines(file, problems)}${file}: ${count}\n`;
}

function asJson(file: string, { manifest, problems }: CheckResult): string {
  const app = manifest === undefined ? undefined : { id: manifest.id, version: manifest.version };
  const listed = problems.map(({ place, ...problem }) => ({ ...problem, ...place }));
  return `${JSON.stringify({ file, fine: manifest !== undefined, app, problems: listed }, null, 2)}\n`;
}

async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  const { file, json } = readCheckArguments(args);
  const text = await readText(file, terminal);
  if (text === "unread") return exitCodes.failed;
  const result: CheckResult =
    text === undefined ? { manifest: undefined, problems: [notText] } : checkManifest(text.content);
  const name = printable(file);
  terminal.out(json ? asJson(file, result) : asText(name, result));
  return result.manifest === undefined ? exitCodes.refused : exitCodes.fine;
}

export const appCheck: Verb = {
  usage: "app check [--json] FILE",
  about: "says what is wrong with an app's manifest",
  run,
};

/** `piccolo app import FILE...`: another system's definition of an app as a manifest, or why it cannot be one. */
import { writeFile } from "node:fs/promises";
import { type DefinitionResult, importDefinition, type ImportNote, type Unsaid } from "@piccolo/app-manifest";
import { readImportArguments } from "../config.ts";
import { exitCodes, type Terminal, type Verb } from "../verb.ts";
import { notText, printable, problemLines, readText } from "./definition-file.ts";

type Foreign = Exclude<DefinitionResult, { readonly from: "manifest" }>;

const systems = { compose: "Compose", umbrel: "Umbrel", casaos: "CasaOS", runtipi: "Runtipi" } as const;

const optionOf: Readonly<Record<Unsaid, string>> = {
  id: "--id ID",
  name: "--name NAME",
  version: "--version VERSION",
  web: "--web SERVICE:PORT",
};

/** What was changed is said beside the manifest, not in it: that goes to a file or another program. */
function noteLines(notes: readonly ImportNote[]): string {
  return notes.map(({ path, text }) => `  ${path === "" ? "/" : path}\n    ${text}\n`).join("");
}

function refusal(called: string, { from, result, unsaid, fileMissing }: Foreign): string {
  const { problems, undigested } = result;
  const wanted = [
    ...(fileMissing === undefined ? [] : [fileMissing]),
    ...unsaid.map((fact) => optionOf[fact]),
    ...undigested.map((image) => `--digest ${printable(image).slice(0, 200)}=sha256:...`),
  ];
  const count = `${problems.length} problem${problems.length === 1 ? "" : "s"}`;
  const as = from === undefined ? "" : ` (read as ${systems[from]})`;
  const beside = wanted.length === 0 ? "" : `What may be given beside it: ${wanted.join(", ")}\n`;
  return `${problemLines(called, problems)}${called}: ${count}${as}\n${beside}`;
}

function asJson({ from, result, unsaid, fileMissing }: Foreign): string {
  const { text, problems, notes, undigested } = result;
  const listed = problems.map(({ place, ...problem }) => ({ ...problem, ...place }));
  const answer = { from, fine: text !== undefined, manifest: text, problems: listed, notes, unsaid, fileMissing };
  return `${JSON.stringify({ ...answer, undigested }, null, 2)}\n`;
}

/** Whether it could be written. What is there already may be somebody's own work and stays. */
async function written(out: string, text: string, terminal: Terminal): Promise<boolean> {
  try {
    await writeFile(out, text, { flag: "wx" });
    return true;
  } catch (error) {
    const reason = error instanceof Error && "code" in error ? String(error.code) : "unwritable";
    terminal.err(`piccolo: ${JSON.stringify(out)} cannot be written (${reason})\n`);
    return false;
  }
}

async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  const { files, facts, digests, out, json } = readImportArguments(args);
  const called = printable(files.join(" "));
  const texts: string[] = [];
  for (const file of files) {
    const text = await readText(file, terminal);
    if (text === "unread") return exitCodes.failed;
    if (text === undefined) {
      terminal.err(problemLines(printable(file), [notText]));
      return exitCodes.refused;
    }
    texts.push(text.content);
  }
  const translation = importDefinition(texts, facts, { digests });
  if (translation.from === "manifest") {
    terminal.err(`${called} is a manifest already; piccolo app check says what is wrong with it\n`);
    return exitCodes.refused;
  }
  const { text, notes, manifest } = translation.result;
  if (text !== undefined && out !== undefined && !(await written(out, text, terminal))) return exitCodes.failed;
  if (json) terminal.out(asJson(translation));
  else if (text === undefined) terminal.err(refusal(called, translation));
  else {
    if (out === undefined) terminal.out(text);
    const from = translation.from === undefined ? "" : ` from ${systems[translation.from]}`;
    terminal.err(`${called}: ${manifest.id} ${manifest.version}${from}, changed on the way:\n${noteLines(notes)}`);
  }
  return text === undefined ? exitCodes.refused : exitCodes.fine;
}

export const appImport: Verb = {
  usage: "app import [OPTIONS] FILE...",
  about: "makes a manifest of a Compose, Umbrel, CasaOS or Runtipi definition",
  run,
};

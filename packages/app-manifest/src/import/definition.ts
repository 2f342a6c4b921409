/** One or two files of some system's app: which system's they are, and the translation by the importer for it. */
import { type Node, readDocument } from "../document.ts";
import { Problems } from "../problems.ts";
import { importCasaOs } from "./casaos.ts";
import { importCompose } from "./compose.ts";
import { imageTag, nameFrom, unreadable } from "./draft.ts";
import { mapAt, plainOf, textAt } from "./plain.ts";
import { importRuntipi } from "./runtipi.ts";
import type { DefinitionFacts, DefinitionKind, ImportOptions, ImportResult, Unsaid } from "./types.ts";
import { importUmbrel } from "./umbrel.ts";

export type DefinitionResult =
  /** Nothing is to be translated: it is a manifest of this project's, right or wrong. */
  | { readonly from: "manifest" }
  | {
      /** Undefined: nobody knows what it is. */
      readonly from: DefinitionKind | undefined;
      readonly result: ImportResult;
      /** What has to be said beside the definition before it can be translated. */
      readonly unsaid: readonly Unsaid[];
      /** The other of the definition's two files, where it was not given. */
      readonly fileMissing: string | undefined;
    };

type Role = "manifest" | "compose" | "casaos" | "umbrel-compose" | "umbrel-app" | "runtipi-compose" | "runtipi-config";

/** By what only that system writes. */
function roleOf(node: Node): Role | undefined {
  if (node.kind !== "map") return undefined;
  const { entries } = node;
  if (entries.has("x-piccolo")) return "manifest";
  const services = entries.get("services")?.value;
  if (services?.kind === "list") return "runtipi-compose";
  if (services?.kind === "map") {
    if (services.entries.has("app_proxy")) return "umbrel-compose";
    return entries.get("x-casaos")?.value.kind === "map" ? "casaos" : "compose";
  }
  if (!entries.has("id")) return undefined;
  if (entries.has("manifestVersion")) return "umbrel-app";
  return ["form_fields", "tipi_version", "short_desc"].some((key) => entries.has(key)) ? "runtipi-config" : undefined;
}

const fileNames: Readonly<Record<Role, string>> = {
  manifest: "app.yaml",
  compose: "docker-compose.yml",
  casaos: "docker-compose.yml",
  "umbrel-compose": "docker-compose.yml",
  "umbrel-app": "umbrel-app.yml",
  "runtipi-compose": "docker-compose.json",
  "runtipi-config": "config.json",
};

function refusal(code: "not-importable" | "not-said", reason: string, advice: string): ImportResult {
  const problems = new Problems();
  problems.add(code, "", undefined, reason, advice);
  return unreadable(problems);
}

interface File {
  readonly text: string;
  readonly node: Node;
  readonly role: Role | undefined;
}

/** Two files of one system, in either order. */
function importPair(
  from: "umbrel" | "runtipi",
  files: ReadonlyMap<Role, File>,
  options: ImportOptions,
): DefinitionResult {
  const [composeRole, otherRole] =
    from === "umbrel" ? (["umbrel-compose", "umbrel-app"] as const) : (["runtipi-compose", "runtipi-config"] as const);
  const compose = files.get(composeRole) ?? files.get("compose");
  const other = files.get(otherRole);
  if (compose === undefined || other === undefined) {
    const fileMissing = fileNames[compose === undefined ? composeRole : otherRole];
    const reason = `The definition is two files, and ${fileMissing} is not there.`;
    return { from, result: refusal("not-said", reason, "Give both."), unsaid: [], fileMissing };
  }
  const result =
    from === "umbrel"
      ? importUmbrel({ compose: compose.text, app: other.text }, options)
      : importRuntipi({ compose: compose.text, config: other.text }, options);
  return { from, result, unsaid: [], fileMissing: undefined };
}

/** A version in the manifest's form from the image with the web page, else from the only one there is. */
function versionOf(node: Node, web: DefinitionFacts["web"]): string | undefined {
  const services = mapAt(plainOf(node), "services");
  const names = Object.keys(services);
  const name = web?.service ?? (names.length === 1 ? names[0] : undefined);
  return name === undefined ? undefined : imageTag(textAt(mapAt(services, name), "image"));
}

function importPlain({ text, node }: File, facts: DefinitionFacts, options: ImportOptions): DefinitionResult {
  const written = textAt(plainOf(node), "name");
  const name = facts.name ?? written;
  const id = facts.id ?? nameFrom(name ?? "");
  const version = facts.version ?? versionOf(node, facts.web);
  const { web } = facts;
  const result = importCompose(
    // What is not said is refused below; until it is, everything else is looked at with something in its place.
    { compose: text, id: id || "app", name: name ?? "App", version: version ?? "0", ...(web && { web }) },
    options,
  );
  const unsaid: Unsaid[] = [];
  const problems = new Problems();
  const note = (fact: Unsaid, what: string): void => {
    unsaid.push(fact);
    problems.add("not-said", "", undefined, `The definition does not say ${what}.`, "Say it beside the definition.");
  };
  if (id === "") note("id", "which id the app has");
  if (name === undefined) note("name", "what the app is called");
  if (version === undefined) note("version", "which version it is");
  const isWebUnsaid = result.problems.some(({ code, path }) => code === "not-said" && path === "/services");
  if (isWebUnsaid) unsaid.push("web");
  if (!problems.any) return { from: "compose", result, unsaid, fileMissing: undefined };
  const all = [...problems.found, ...result.problems];
  const { notes, undigested } = result;
  const refused = { text: undefined, manifest: undefined, problems: all, notes, undigested };
  return { from: "compose", result: refused, unsaid, fileMissing: undefined };
}

/** Never throws on any texts. The facts are asked for plain Compose alone; the others say theirs. */
export function importDefinition(
  texts: readonly string[],
  facts: DefinitionFacts = {},
  options: ImportOptions = {},
): DefinitionResult {
  const problems = new Problems();
  const files = texts.flatMap((text): File[] => {
    const node = readDocument(text, problems);
    return node === undefined ? [] : [{ text, node, role: roleOf(node) }];
  });
  const unknown = (result: ImportResult): DefinitionResult => ({
    from: undefined,
    result,
    unsaid: [],
    fileMissing: undefined,
  });
  if (problems.any) return unknown(unreadable(problems));
  const byRole = new Map(files.flatMap((file) => (file.role === undefined ? [] : [[file.role, file] as const])));
  const [file] = files;
  if (file === undefined || byRole.size !== files.length || files.length > 2) {
    const reason = "This is no definition of an app that could be translated.";
    return unknown(
      refusal(
        "not-importable",
        reason,
        "Give the file or the two files of one app of Compose, Umbrel, CasaOS or Runtipi.",
      ),
    );
  }
  const roles = [...byRole.keys()];
  const areAll = (...known: readonly Role[]): boolean => roles.every((role) => known.includes(role));
  const isPair = files.length === 2;
  if (areAll("umbrel-compose", "umbrel-app") || (isPair && byRole.has("umbrel-app") && byRole.has("compose")))
    return importPair("umbrel", byRole, options);
  if (areAll("runtipi-compose", "runtipi-config")) return importPair("runtipi", byRole, options);
  if (isPair) {
    return unknown(refusal("not-importable", "These files are not of one definition.", "Give those of one app alone."));
  }
  if (file.role === "manifest") return { from: "manifest" };
  return file.role === "casaos"
    ? { from: "casaos", result: importCasaOs(file.text, options), unsaid: [], fileMissing: undefined }
    : importPlain(file, facts, options);
}

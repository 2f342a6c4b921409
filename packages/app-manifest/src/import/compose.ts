/** Plain Compose: one file, and what it does not say is given beside it. */
import { readDocument } from "../document.ts";
import { isLiteralSecret } from "../literal-secret.ts";
import { variableName } from "../names.ts";
import { Problems, shown } from "../problems.ts";
import { type ForeignService, noteBounds } from "./bounds.ts";
import { type Dialect, leftOutPath, usualVariable } from "./dialect.ts";
import { clipped, Draft, nameFrom, unreadable } from "./draft.ts";
import { isMap, listAt, plainOf } from "./plain.ts";
import { portTarget, servicesOf, translateService } from "./service.ts";
import type { ImportOptions, ImportResult } from "./types.ts";
import { renamedDependencies } from "./umbrel.ts";

export interface ComposeDefinition {
  readonly compose: string;
  readonly id: string;
  readonly name: string;
  readonly version: string;
  /** Where the web page is; left out, the one published port decides. */
  readonly web?: { readonly service: string; readonly port: number };
}

function dialectOf(id: string): Dialect {
  return {
    called: "Compose",
    id,
    variable: (name, fallback) => {
      const usual = usualVariable(name);
      if (usual !== undefined) return usual;
      const upper = name.toUpperCase();
      if (!variableName.pattern.test(upper)) return undefined;
      if (isLiteralSecret(name, [{ kind: "text", text: "some value" }])) return { kind: "secret", name: upper };
      const label = clipped(name, 100);
      const setting = { type: "text", label, ...(fallback === undefined ? {} : { default: fallback }) } as const;
      return { kind: "setting", name: upper, setting };
    },
    hostPath: (path) => {
      const beside = /^\.\/(.*)$/.exec(path);
      if (beside !== null) return { kind: "own", folder: "", rest: beside[1] ?? "" };
      return leftOutPath.test(path) ? { kind: "left-out" } : { kind: "refused" };
    },
    rename: (text) => text,
  };
}

function onlyPublished(services: readonly ForeignService[]): { service: string; port: number } | undefined {
  const published = services.flatMap(({ name: service, body }) =>
    listAt(body, "ports").flatMap((entry) => {
      const port = portTarget(entry);
      return port === undefined ? [] : [{ service, port }];
    }),
  );
  return published.length === 1 ? published[0] : undefined;
}

export function importCompose(definition: ComposeDefinition, options: ImportOptions = {}): ImportResult {
  const problems = new Problems();
  const node = readDocument(definition.compose, problems);
  if (node === undefined) return unreadable(problems);
  const compose = plainOf(node);
  const services = servicesOf(compose);
  noteBounds(problems, { text: definition.id, path: "" }, services);
  if (problems.any) return unreadable(problems);
  const names = new Map(services.map(({ name }) => [name, nameFrom(name)]));
  const draft = new Draft(dialectOf(definition.id), options);
  const web = definition.web ?? onlyPublished(services);
  if (web === undefined) {
    draft.refuse("not-said", "/services", "Nothing says where the web page is.", "Say which service and port it has.");
  }
  for (const key of ["configs", "secrets", "include"]) {
    if (!isMap(compose) || compose[key] === undefined) continue;
    draft.refuse("not-importable", `/${key}`, `${shown(key)} lie in other files.`, "Write the manifest by hand.");
  }
  const translated = Object.fromEntries(
    services.map(({ name: written, body, path }) => [
      names.get(written) || written,
      translateService(draft, body, {
        name: written,
        has: (name) => names.has(name),
        webPort: written === web?.service ? web.port : undefined,
        path,
      }),
    ]),
  );
  return draft.finish(renamedDependencies(translated, names), {
    id: definition.id,
    version: definition.version,
    name: clipped(definition.name, 60),
    summary: clipped(definition.name, 160),
    ...(web === undefined
      ? {}
      : { web: { service: names.get(web.service) ?? web.service, port: web.port, "start-time": "5m" } }),
  });
}

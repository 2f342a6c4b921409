/** Umbrel: `docker-compose.yml` with a service `app_proxy`, and `umbrel-app.yml` beside it. */
import { readDocument } from "../document.ts";
import { Problems, shown } from "../problems.ts";
import { categoriesFrom } from "./categories.ts";
import { noteBounds } from "./bounds.ts";
import { type Dialect, leftOutPath, usualVariable } from "./dialect.ts";
import { clipped, Draft, nameFrom, unreadable } from "./draft.ts";
import { listAt, mapAt, type PlainMap, plainOf, textAt, textOf } from "./plain.ts";
import { servicesOf, translateService } from "./service.ts";
import type { ImportOptions, ImportResult } from "./types.ts";

export interface UmbrelDefinition {
  /** `docker-compose.yml` */
  readonly compose: string;
  /** `umbrel-app.yml` */
  readonly app: string;
}

/** Names of containers in a text, each for itself and no part of a longer word, as the names of services they stand for. */
export function replaceContainers(text: string, names: ReadonlyMap<string, string>): string {
  let result = "";
  let from = 0;
  // All of them end alike, so that only there is anything to be looked for.
  for (const { index } of text.matchAll(/_1\b/g)) {
    const end = index + "_1".length;
    for (const [container, name] of names) {
      const start = end - container.length;
      if (start < from || !text.startsWith(container, start) || /\w/.test(text.charAt(start - 1))) continue;
      result += text.slice(from, start) + name;
      from = end;
      break;
    }
  }
  return result + text.slice(from);
}

function dialectOf(id: string, names: ReadonlyMap<string, string>): Dialect {
  const containers = new Map([...names].map(([written, name]) => [`${id}_${written}_1`, name]));
  return {
    called: "Umbrel",
    id,
    variable: (name) => {
      switch (name) {
        case "APP_PASSWORD":
          return { kind: "secret", name, shownAs: "First password" };
        case "APP_SEED":
          return { kind: "secret", name, hex: true, length: 64 };
        case "APP_DOMAIN":
        case "DEVICE_DOMAIN_NAME":
        case "DEVICE_HOSTNAME":
          return { kind: "fact", name: "PICCOLO_APP_HOST" };
        case "NETWORK_IP":
        case "APP_PROXY_IP":
          return { kind: "fact", name: "PICCOLO_PROXY_ADDRESS" };
        // There is no hidden service here: lists of host names have one less.
        case "APP_HIDDEN_SERVICE":
          return { kind: "text", text: "" };
        default:
          return usualVariable(name);
      }
    },
    hostPath: (path) => {
      const own = /^\$\{?APP_DATA_DIR\}?(?:\/(.*))?$/.exec(path);
      if (own !== null) return { kind: "own", folder: "", rest: own[1] ?? "" };
      const shared = /^\$\{?UMBREL_ROOT\}?\/(data\/storage|home)(?:\/(.*))?$/.exec(path);
      if (shared !== null) return { kind: "shared", folder: shared[1] ?? "", rest: `storage/${shared[2] ?? ""}` };
      return leftOutPath.test(path) ? { kind: "left-out" } : { kind: "refused" };
    },
    rename: (text) => replaceContainers(text, containers),
  };
}

interface ProxyTarget {
  readonly service: string;
  readonly port: number;
}

function proxyTarget(id: string, proxy: PlainMap, names: ReadonlyMap<string, string>): ProxyTarget | undefined {
  const environment = mapAt(proxy, "environment");
  const host = textAt(environment, "APP_HOST") ?? "";
  const written = host.startsWith(`${id}_`) && host.endsWith("_1") ? host.slice(id.length + 1, -2) : host;
  const service = names.get(written);
  const port = Number(textAt(environment, "APP_PORT"));
  return service === undefined || !Number.isInteger(port) ? undefined : { service, port };
}

export function importUmbrel(definition: UmbrelDefinition, options: ImportOptions = {}): ImportResult {
  const problems = new Problems();
  const composeNode = readDocument(definition.compose, problems);
  const appNode = readDocument(definition.app, problems);
  if (composeNode === undefined || appNode === undefined) return unreadable(problems);
  const compose = plainOf(composeNode);
  const app = plainOf(appNode);
  const foreignId = textAt(app, "id") ?? "";
  const services = servicesOf(compose).filter(({ name }) => name !== "app_proxy");
  noteBounds(problems, { text: foreignId, path: "/id" }, services);
  if (problems.any) return unreadable(problems);
  const names = new Map(services.map(({ name }) => [name, nameFrom(name)]));
  const draft = new Draft(dialectOf(foreignId, names), options);
  const target = proxyTarget(foreignId, mapAt(mapAt(compose, "services"), "app_proxy"), names);
  if (target === undefined) {
    draft.refuse(
      "not-importable",
      "/services/app_proxy",
      "app_proxy names no web page of the app.",
      "Name APP_HOST and APP_PORT.",
    );
  }
  const dependencies = listAt(app, "dependencies");
  if (dependencies.length > 0) {
    draft.refuse(
      "not-importable",
      "/dependencies",
      `It needs other apps: ${shown(dependencies.map((one) => textOf(one) ?? "?").join(", "))}.`,
      "Apps do not reach each other here.",
    );
  }
  const translated = Object.fromEntries(
    services.map(({ name: written, body, path }) => [
      names.get(written) || written,
      translateService(draft, body, {
        name: written,
        has: (name) => names.has(name),
        webPort: target?.service === names.get(written) ? target?.port : undefined,
        path,
      }),
    ]),
  );
  const website = textAt(app, "website");
  return draft.finish(renamedDependencies(translated, names), {
    id: nameFrom(foreignId) || foreignId,
    version: (textAt(app, "version") ?? "0").replaceAll(/[^A-Za-z0-9.+_~-]/g, "-"),
    name: clipped(textAt(app, "name") ?? foreignId, 60),
    summary: clipped(textAt(app, "tagline") ?? textAt(app, "name") ?? foreignId, 160),
    ...(textAt(app, "description") === undefined
      ? {}
      : { description: clipped(textAt(app, "description") ?? "", 4000) }),
    ...(textAt(app, "developer") === undefined ? {} : { author: clipped(textAt(app, "developer") ?? "", 100) }),
    ...(website?.startsWith("https://") === true ? { website } : {}),
    categories: categoriesFrom([textAt(app, "category") ?? ""]),
    architectures: ["amd64", "arm64"],
    ...(target === undefined
      ? {}
      : { web: { ...target, "start-path": startPath(textAt(app, "path")), "start-time": "5m" } }),
  });
}

function startPath(path: string | undefined): string {
  return path === undefined || path === "" ? "/" : path.startsWith("/") ? path : `/${path}`;
}

/** Names of services that are no names here are spelt anew, also where others wait for them. */
export function renamedDependencies(
  services: Readonly<Record<string, Record<string, unknown>>>,
  names: ReadonlyMap<string, string>,
): Record<string, Record<string, unknown>> {
  const rename = (name: string): string => names.get(name) ?? name;
  return Object.fromEntries(
    Object.entries(services).map(([name, service]) => {
      const waits = service["depends_on"];
      if (waits === undefined) return [name, service];
      const renamed = Array.isArray(waits)
        ? (waits as readonly string[]).map(rename)
        : Object.fromEntries(Object.entries(waits as object).map(([key, value]) => [rename(key), value as unknown]));
      return [name, { ...service, depends_on: renamed }];
    }),
  );
}

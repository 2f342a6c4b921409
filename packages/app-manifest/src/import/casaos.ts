/** CasaOS: one Compose file with `x-casaos`. */
import { readDocument } from "../document.ts";
import { Problems } from "../problems.ts";
import { categoriesFrom } from "./categories.ts";
import { noteBounds } from "./bounds.ts";
import { type Dialect, leftOutPath, usualVariable } from "./dialect.ts";
import { clipped, Draft, imageTag, nameFrom, unreadable } from "./draft.ts";
import { localizedFrom } from "./languages.ts";
import { isMap, listAt, mapAt, type Plain, plainOf, textAt, textsOf } from "./plain.ts";
import { portTarget, servicesOf, translateService } from "./service.ts";
import type { ImportOptions, ImportResult } from "./types.ts";
import { renamedDependencies } from "./umbrel.ts";

function dialectOf(id: string, project: string): Dialect {
  return {
    called: "CasaOS",
    id,
    variable: (name, fallback) => {
      if (name === "AppID") return { kind: "text", text: id };
      if (name === "default_username") return { kind: "text", text: "admin" };
      if (name === "default_pwd") return { kind: "secret", name: "FIRST_PASSWORD", shownAs: "First password" };
      const usual = usualVariable(name);
      if (usual !== undefined) return usual;
      return fallback === undefined ? undefined : { kind: "text", text: fallback };
    },
    hostPath: (path) => {
      const own = /^\/DATA\/AppData(?:\/([^/]+))?(?:\/(.*))?$/.exec(path);
      if (own !== null) {
        const folder = (own[1] ?? "").replace(/^\$(?:AppID|\{AppID\})$/, () => project);
        return { kind: "own", folder, rest: own[2] ?? "" };
      }
      const shared = /^\/(DATA|media|mnt)(?:\/(.*))?$/.exec(path);
      if (shared !== null) return { kind: "shared", folder: shared[1] ?? "", rest: `storage/${shared[2] ?? ""}` };
      return leftOutPath.test(path) ? { kind: "left-out" } : { kind: "refused" };
    },
    rename: (text) => text,
  };
}

/** The port in the container behind the published port the web page is said to have, or the only one there is. */
function webPort(service: Plain | undefined, block: Plain | undefined): number | undefined {
  const ports = listAt(service, "ports").filter((port) => !isMap(port) || textAt(port, "protocol") !== "udp");
  const published = textAt(block, "port_map");
  const named = ports.find((port) => {
    const outside = isMap(port) ? textAt(port, "published") : textsOf(port)[0]?.split(":").at(-2);
    return outside !== undefined && outside.replaceAll(/^\$\{[^:}]*:-|\}$/g, "") === published;
  });
  const only = ports.length === 1 ? ports[0] : undefined;
  const chosen = named ?? only;
  return chosen === undefined ? undefined : portTarget(chosen);
}

export function importCasaOs(definition: string, options: ImportOptions = {}): ImportResult {
  const problems = new Problems();
  const node = readDocument(definition, problems);
  if (node === undefined) return unreadable(problems);
  const compose = plainOf(node);
  const block = mapAt(compose, "x-casaos");
  const storeId = textAt(block, "store_app_id");
  const foreignId = storeId ?? textAt(compose, "name") ?? "";
  const services = servicesOf(compose);
  const idPath = storeId === undefined ? "/name" : "/x-casaos/store_app_id";
  noteBounds(problems, { text: foreignId, path: idPath }, services);
  if (problems.any) return unreadable(problems);
  const id = nameFrom(foreignId) || foreignId;
  const draft = new Draft(dialectOf(id, textAt(compose, "name") ?? foreignId), options);
  const names = new Map(services.map(({ name }) => [name, nameFrom(name)]));
  const main = textAt(block, "main") ?? (services.length === 1 ? services[0]?.name : undefined) ?? "";
  const mainService = services.find(({ name }) => name === main)?.body;
  const port = webPort(mainService, block);
  if (port === undefined) {
    draft.refuse(
      "not-importable",
      "/x-casaos/port_map",
      "Nothing says which port is the web page.",
      "Name main and port_map.",
    );
  }
  const translated = Object.fromEntries(
    services.map(({ name: written, body, path }) => [
      names.get(written) || written,
      translateService(draft, body, {
        name: written,
        has: (name) => names.has(name),
        webPort: written === main ? port : undefined,
        path,
      }),
    ]),
  );
  const website = textAt(block, "website");
  const index = textAt(block, "index") ?? "/";
  const architectures = textsOf(block["architectures"]).filter((name) => name === "amd64" || name === "arm64");
  const description = localizedFrom(block["description"], 4000);
  return draft.finish(renamedDependencies(translated, names), {
    id,
    version: (textAt(block, "version") ?? imageTag(textAt(mainService, "image")) ?? "0").replaceAll(
      /[^A-Za-z0-9.+_~-]/g,
      "-",
    ),
    name: localizedFrom(block["title"], 60) ?? clipped(foreignId, 60),
    summary: localizedFrom(block["tagline"], 160) ?? localizedFrom(block["title"], 60) ?? clipped(foreignId, 60),
    ...(description === undefined ? {} : { description }),
    ...(textAt(block, "developer") === undefined ? {} : { author: clipped(textAt(block, "developer") ?? "", 100) }),
    ...(website?.startsWith("https://") === true ? { website } : {}),
    categories: categoriesFrom([textAt(block, "category") ?? ""]),
    architectures: architectures.length === 0 ? ["amd64"] : architectures,
    ...(port === undefined
      ? {}
      : {
          web: {
            service: names.get(main) ?? main,
            port,
            "start-path": index.startsWith("/") ? index : "/",
            "start-time": "5m",
          },
        }),
  });
}

/** The check of a whole manifest: shape first, then what its parts say of each other, all problems at once. */
import { type WrittenApp, writtenApp } from "./app-shape.ts";
import { type Node, readDocument, type TreeSize } from "./document.ts";
import { FilledText } from "./filled-text.ts";
import { reservedAppIds, serviceName } from "./names.ts";
import { below, type Place, type Problem, Problems, shown } from "./problems.ts";
import { refusedTopKeys } from "./refused-keys.ts";
import { type Declared, checkService } from "./service-check.ts";
import { type WrittenService, writtenService } from "./service-shape.ts";
import { mapOf, maybe, needed, nothing, object, passedOver, type Shape, text } from "./shape.ts";
import { startOrder } from "./start-order.ts";
import { variablesOf } from "./template.ts";
import type { AppManifest, DataVolume, Service, WebEntry } from "./types.ts";

export type CheckResult =
  | { readonly manifest: AppManifest; readonly problems: readonly [] }
  | { readonly manifest: undefined; readonly problems: readonly Problem[] };

export const servicesMax = 16;
export const volumesMax = 32;

const topFields = {
  version: maybe(passedOver(text({ lengthMax: 20 }))),
  name: maybe(text({ lengthMax: 100 })),
  services: needed(mapOf(serviceName, writtenService, servicesMax, 1)),
  volumes: maybe(mapOf(serviceName, nothing, volumesMax)),
  "x-piccolo": needed(writtenApp),
} as const;

export const writtenManifest = object(topFields, { refused: refusedTopKeys, extensions: true });

/** What is declared under a key, readable or not: a broken service must not make its dependents look wrong too. */
function namesBelow(node: Node, ...keys: readonly string[]): ReadonlyMap<string, Place> {
  let at: Node | undefined = node;
  for (const key of keys) at = at?.kind === "map" ? at.entries.get(key)?.value : undefined;
  return new Map(at?.kind === "map" ? [...at.entries].map(([name, { place }]) => [name, place]) : []);
}

function readPart<T>(shape: Shape<T>, node: Node, key: string, problems: Problems): T | undefined {
  const entry = node.kind === "map" ? node.entries.get(key) : undefined;
  return entry === undefined ? undefined : shape.read(entry.value, below("", key), problems);
}

function checkApp(app: WrittenApp, node: Node, problems: Problems): void {
  const noteId = (reason: string): void => {
    problems.add("name-reserved", below(app.path, "id"), app.node.place, reason, "Choose another id.");
  };
  if (reservedAppIds.has(app.id)) noteId(`${shown(app.id)} is a name of the device itself.`);
  const name = node.kind === "map" ? node.entries.get("name") : undefined;
  if (name !== undefined && name.value.kind === "scalar" && name.value.value !== app.id) {
    problems.add(
      "wrong-value",
      "/name",
      name.place,
      "The name at the top differs from the app's id.",
      "Leave it out, or write the id.",
    );
  }
}

function checkWeb(app: WrittenApp, declared: Declared, problems: Problems): WebEntry | undefined {
  const { web } = app;
  if (web === undefined) {
    if (app.grants?.some(({ kind }) => kind === "public-paths") === true) {
      problems.add(
        "wrong-value",
        below(below(app.path, "grants"), "public-paths"),
        app.node.place,
        "An app without a web page has no public paths.",
        "Add web, or remove the grant.",
      );
    }
    return undefined;
  }
  if (!declared.services.has(web.service)) {
    problems.add(
      "service-unknown",
      below(below(app.path, "web"), "service"),
      app.node.place,
      `There is no service ${shown(web.service)}.`,
      "Name the service that serves the web page.",
    );
  }
  const startPath = web["start-path"] ?? "/";
  return {
    service: web.service,
    port: web.port,
    startPath,
    healthPath: web["health-path"] ?? startPath,
    startSeconds: Math.ceil((web["start-time"] ?? 60_000) / 1000),
  };
}

function checkVolumes(
  app: WrittenApp,
  node: Node,
  services: readonly Service[] | undefined,
  problems: Problems,
): readonly DataVolume[] {
  const declared = namesBelow(node, "volumes");
  const described = app.volumes ?? new Map<string, never>();
  const mentioned = namesBelow(node, "x-piccolo", "volumes");
  const used = new Set(services?.flatMap(({ mounts }) => mounts.flatMap((m) => (m.kind === "volume" ? m.volume : []))));
  for (const [name, place] of declared) {
    const path = below("/volumes", name);
    if (!mentioned.has(name)) {
      const reason = `Nothing says how the volume ${shown(name)} is to be snapshotted.`;
      problems.add("volume-unknown", path, place, reason, "Describe it under x-piccolo volumes.");
    }
    if (services !== undefined && !used.has(name)) {
      problems.add("volume-unused", path, place, `No service uses ${shown(name)}.`, "Remove it, or mount it.");
    }
  }
  for (const [name, place] of mentioned) {
    if (declared.has(name)) continue;
    const path = below("/x-piccolo/volumes", name);
    problems.add("volume-unknown", path, place, `There is no volume ${shown(name)}.`, "Add it under volumes.");
  }
  return [...described].map(([name, volume]) => ({ ...volume, name, title: volume.title ?? { en: name } }));
}

function noteUnusedSecrets(app: WrittenApp, services: readonly Service[], problems: Problems): void {
  const used = new Set(
    services.flatMap(({ environment, secretFiles }) => [
      ...environment.flatMap(({ value }) => value.flatMap((part) => (part.kind === "secret" ? part.name : []))),
      ...secretFiles.map(({ secret }) => secret),
    ]),
  );
  const password = new Set([...(app.settings ?? [])].flatMap(([name, { kind }]) => (kind === "password" ? name : [])));
  for (const name of (app.secrets ?? new Map()).keys()) {
    if (used.has(name)) continue;
    const path = below("/x-piccolo/secrets", name);
    problems.add("secret-unused", path, app.node.place, `No service uses ${shown(name)}.`, "Remove it.");
  }
  for (const name of password) {
    if (!(app.secrets ?? new Map()).has(name)) continue;
    const path = below("/x-piccolo/settings", name);
    problems.add("duplicate-key", path, app.node.place, `${shown(name)} is a secret too.`, "Rename one of the two.");
  }
}

function inStartOrder(services: readonly Service[], problems: Problems): readonly Service[] {
  const byName = new Map(services.map((service) => [service.name, service]));
  const found = startOrder(
    [...byName.keys()],
    (name) => byName.get(name)?.dependsOn.map(({ service }) => service) ?? [],
  );
  if ("order" in found) return found.order.flatMap((name) => byName.get(name) ?? []);
  const path = below(below("/services", found.cycle[0] ?? ""), "depends_on");
  const reason = `Services wait for each other: ${found.cycle.join(" -> ")}.`;
  problems.add("dependency-cycle", path, undefined, reason, "Remove one of these dependencies.");
  return services;
}

function noteMissingChecks(services: readonly Service[], problems: Problems): void {
  for (const { name, dependsOn } of services) {
    for (const { service, condition } of dependsOn) {
      const target = services.find((candidate) => candidate.name === service);
      if (condition !== "healthy" || target === undefined || target.healthCheck !== undefined) continue;
      const path = below(below(below("/services", name), "depends_on"), service);
      const reason = `${shown(service)} has no health check that could be waited for.`;
      problems.add(
        "health-check-missing",
        path,
        undefined,
        reason,
        "Add healthcheck there, or wait for service_started.",
      );
    }
  }
}

function checkParts(node: Node, problems: Problems): AppManifest | undefined {
  writtenManifest.read(node, "", problems);
  // Read again by parts without noting anything twice: what one part got wrong must not hide what another did.
  const silent = new Problems();
  const app = readPart(writtenApp, node, "x-piccolo", silent);
  const written = readPart(mapOf(serviceName, writtenService, servicesMax), node, "services", silent);
  const secrets = new Set(namesBelow(node, "x-piccolo", "secrets").keys());
  const settings = namesBelow(node, "x-piccolo", "settings");
  const declared: Declared = {
    services: new Set(namesBelow(node, "services").keys()),
    volumes: new Set(namesBelow(node, "volumes").keys()),
    secrets,
    variables: variablesOf(secrets, new Set(settings.keys())),
    filled: new FilledText(app, problems),
    // Of one that could not be read it is not known; the manifest is refused for that.
    usual: (name) => {
      const setting = app?.settings?.get(name);
      return setting === undefined || setting.kind === "password" ? undefined : String(setting.default ?? "");
    },
  };
  const entries = [...(written ?? new Map<string, WrittenService>())];
  const services = entries.flatMap(([name, service]) => checkService(name, service, declared, problems) ?? []);
  const all = services.length === declared.services.size;
  const ordered = inStartOrder(services, problems);
  if (all) noteMissingChecks(services, problems);
  if (app === undefined) return undefined;
  checkApp(app, node, problems);
  const web = checkWeb(app, declared, problems);
  const volumes = checkVolumes(app, node, all ? services : undefined, problems);
  if (all) noteUnusedSecrets(app, services, problems);
  return {
    id: app.id,
    version: app.version,
    name: app.name,
    summary: app.summary,
    description: app.description,
    author: app.author,
    website: app.website,
    license: app.license,
    categories: [...new Set(app.categories ?? ["tools" as const])],
    architectures: [...new Set(app.architectures ?? ["amd64" as const])],
    minimumOs: app["minimum-os"] ?? "0.1.0",
    web,
    services: ordered,
    volumes,
    secrets: [...(app.secrets ?? [])].map(([name, secret]) => ({ ...secret, name })),
    settings: [...(app.settings ?? [])].map(([name, setting]) => ({ ...setting, name })),
    grants: app.grants ?? [],
    sideBySide: app.update?.["side-by-side"] ?? false,
  };
}

/** As they stand in the text; what has no place comes last. */
function inReadingOrder(problems: readonly Problem[]): readonly Problem[] {
  const rank = ({ place }: Problem): number => (place === undefined ? Infinity : place.line * 1e6 + place.column);
  return problems.toSorted((a, b) => (rank(a) === rank(b) ? 0 : rank(a) - rank(b)));
}

/** A manifest's text, checked; never throws on any text. What was read of it is counted in `size`. */
export function checkManifest(source: string, size?: TreeSize): CheckResult {
  const problems = new Problems();
  const node = readDocument(source, problems, size);
  const manifest = node === undefined ? undefined : checkParts(node, problems);
  if (manifest !== undefined && !problems.any) return { manifest, problems: [] };
  return { manifest: undefined, problems: inReadingOrder(problems.found) };
}

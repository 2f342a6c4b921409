/** Runtipi: `docker-compose.json`, a list of services, and `config.json` beside it. */
import { readDocument } from "../document.ts";
import { variableName } from "../names.ts";
import { below, Problems } from "../problems.ts";
import { categoriesFrom } from "./categories.ts";
import { noteBounds, noteOutOfBounds } from "./bounds.ts";
import { type Dialect, leftOutPath, usualVariable } from "./dialect.ts";
import { clipped, definedMax, Draft, nameFrom, unreadable } from "./draft.ts";
import { isMap, listAt, type Plain, type PlainMap, plainOf, textAt, textOf, textsOf } from "./plain.ts";
import { translateService } from "./service.ts";
import type { ImportOptions, ImportResult } from "./types.ts";
import { renamedDependencies } from "./umbrel.ts";

export interface RuntipiDefinition {
  /** `docker-compose.json` */
  readonly compose: string;
  /** `config.json` */
  readonly config: string;
}

function dialectOf(id: string): Dialect {
  return {
    called: "Runtipi",
    id,
    variable: (name, fallback) => {
      switch (name) {
        case "APP_DOMAIN":
        case "LOCAL_DOMAIN":
        case "INTERNAL_IP":
          return { kind: "fact", name: "PICCOLO_APP_HOST" };
        case "APP_PROTOCOL":
          return { kind: "text", text: "https" };
        case "APP_ID":
          return { kind: "text", text: id };
        default:
          return usualVariable(name) ?? (fallback === undefined ? undefined : { kind: "text", text: fallback });
      }
    },
    hostPath: (path) => {
      const own = /^\$\{?APP_DATA_DIR\}?(?:\/(.*))?$/.exec(path);
      if (own !== null) return { kind: "own", folder: "", rest: own[1] ?? "" };
      const shared = /^\$\{?ROOT_FOLDER_HOST\}?\/media(?:\/(.*))?$/.exec(path);
      if (shared !== null) return { kind: "shared", folder: "", rest: `media/${shared[1] ?? ""}` };
      return leftOutPath.test(path) ? { kind: "left-out" } : { kind: "refused" };
    },
    // The address as a whole has a fact of its own, with the right scheme in it.
    rename: (text) =>
      text.replaceAll(/\$\{APP_PROTOCOL(?::-[a-z]*)?\}:\/\/\$\{APP_DOMAIN\}/g, () => "${PICCOLO_APP_URL}"),
  };
}

const composeKeys: Readonly<Record<string, string>> = {
  capAdd: "cap_add",
  capDrop: "cap_drop",
  dependsOn: "depends_on",
  extraHosts: "extra_hosts",
  healthCheck: "healthcheck",
  networkMode: "network_mode",
  readOnly: "read_only",
  securityOpt: "security_opt",
  shmSize: "shm_size",
  stdinOpen: "stdin_open",
  stopGracePeriod: "stop_grace_period",
  stopSignal: "stop_signal",
  workingDir: "working_dir",
};

const ownKeys = new Set([
  "name",
  "internalPort",
  "isMain",
  "addPorts",
  "environment",
  "volumes",
  "healthCheck",
  "addToMainNetwork",
  "extraLabels",
  "hostPort",
]);

function inCompose(service: PlainMap): PlainMap {
  const result: Record<string, Plain> = {};
  for (const [key, value] of Object.entries(service)) if (!ownKeys.has(key)) result[composeKeys[key] ?? key] = value;
  const { environment, healthCheck } = service;
  if (Array.isArray(environment)) {
    result["environment"] = Object.fromEntries(
      (environment as readonly Plain[]).map((pair) => [textAt(pair, "key") ?? "", textAt(pair, "value") ?? ""]),
    );
  } else if (environment !== undefined) result["environment"] = environment;
  if (isMap(healthCheck)) {
    result["healthcheck"] = Object.fromEntries(
      Object.entries(healthCheck).map(([key, value]) => [
        key === "startPeriod" ? "start_period" : key === "startInterval" ? "start_interval" : key,
        value,
      ]),
    );
  }
  result["volumes"] = listAt(service, "volumes").map((mount) => ({
    type: "bind",
    source: textAt(mount, "hostPath") ?? "",
    target: textAt(mount, "containerPath") ?? "",
    read_only: isMap(mount) && mount["readOnly"] === true,
  }));
  result["ports"] = listAt(service, "addPorts").map((port) => ({
    target: textAt(port, "containerPort") ?? "",
    protocol: isMap(port) && port["udp"] === true ? "udp" : "tcp",
  }));
  return result;
}

function declareField(draft: Draft, field: Plain, path: string): void {
  const name = textAt(field, "env_variable") ?? "";
  const label = clipped(textAt(field, "label") ?? name, 100) || name;
  if (!variableName.pattern.test(name)) return;
  const type = textAt(field, "type") ?? "text";
  const usual = isMap(field) ? textOf(field["default"]) : undefined;
  const hint = textAt(field, "hint");
  const base = { label, ...(hint === undefined || hint.trim() === "" ? {} : { hint: clipped(hint, 500) }) };
  const withDefault = usual === undefined ? base : { ...base, default: usual };
  const isRequired = isMap(field) && field["required"] === true;
  if (type === "random") {
    const length = Math.min(Math.max(Number(textAt(field, "min") ?? 32) || 32, 16), 128);
    draft.declareSecret(name, { length, ...(textAt(field, "encoding") === "hex" ? { alphabet: "hex" } : {}) });
    return;
  }
  const options = listAt(field, "options");
  if (options.length > 0) {
    const choices = options.map((option) => ({
      value: textAt(option, "value") ?? "",
      label: clipped(textAt(option, "label") ?? "", 100),
    }));
    draft.setting(name, { type: "choice", ...withDefault, choices });
  } else if (type === "password") draft.setting(name, { type: "password", ...base });
  else if (type === "boolean") draft.setting(name, { type: "switch", ...withDefault });
  else if (type === "number")
    draft.setting(name, {
      type: "number",
      ...(usual === undefined && !isRequired ? { ...base, default: 0 } : withDefault),
    });
  else if (["text", "email", "url", "ip", "fqdn", "fqdnip"].includes(type)) {
    draft.setting(name, {
      type: "text",
      ...(usual === undefined && !isRequired ? { ...base, default: "" } : withDefault),
    });
  } else
    draft.refuse(
      "not-importable",
      path,
      `The field has an unknown type ${JSON.stringify(type.slice(0, 40))}.`,
      "Write the manifest by hand.",
    );
}

export function importRuntipi(definition: RuntipiDefinition, options: ImportOptions = {}): ImportResult {
  const problems = new Problems();
  const composeNode = readDocument(definition.compose, problems);
  const configNode = readDocument(definition.config, problems);
  if (composeNode === undefined || configNode === undefined) return unreadable(problems);
  const config = plainOf(configNode);
  const services = listAt(plainOf(composeNode), "services")
    .filter(isMap)
    .map((written, at) => {
      const service = { name: textAt(written, "name") ?? "", path: below("/services", at), body: inCompose(written) };
      return { ...service, isMain: written["isMain"] === true, internalPort: textAt(written, "internalPort") };
    });
  const foreignId = textAt(config, "id") ?? "";
  const fields = listAt(config, "form_fields");
  if (fields.length > definedMax) noteOutOfBounds(problems, "/form_fields", "fields", definedMax);
  noteBounds(problems, { text: foreignId, path: "/id" }, services);
  if (problems.any) return unreadable(problems);
  const id = nameFrom(foreignId) || foreignId;
  const draft = new Draft(dialectOf(id), options);
  for (const [at, field] of fields.entries()) declareField(draft, field, below("/form_fields", at));
  const names = new Map(services.map(({ name }) => [name, nameFrom(name)]));
  const main = services.find(({ isMain }) => isMain) ?? (services.length === 1 ? services[0] : undefined);
  const port = Number(main?.internalPort);
  const hasWeb = main !== undefined && Number.isInteger(port);
  if (!hasWeb) {
    draft.refuse(
      "not-importable",
      "/services",
      "No service is said to have the web page.",
      "Mark one with isMain and internalPort.",
    );
  }
  const translated = Object.fromEntries(
    services.map((service) => {
      const context = {
        name: service.name,
        has: (name: string) => names.has(name),
        webPort: service === main ? port : undefined,
        path: service.path,
      };
      return [names.get(service.name) || service.name, translateService(draft, service.body, context)];
    }),
  );
  const website = textAt(config, "website");
  const architectures = textsOf(isMap(config) ? config["supported_architectures"] : undefined).filter(
    (name) => name === "amd64" || name === "arm64",
  );
  return draft.finish(renamedDependencies(translated, names), {
    id,
    version: (textAt(config, "version") ?? "0").replaceAll(/[^A-Za-z0-9.+_~-]/g, "-"),
    name: clipped(textAt(config, "name") ?? foreignId, 60),
    summary: clipped(textAt(config, "short_desc") ?? textAt(config, "name") ?? foreignId, 160),
    ...(textAt(config, "description") === undefined
      ? {}
      : { description: clipped(textAt(config, "description") ?? "", 4000) }),
    ...(textAt(config, "author") === undefined ? {} : { author: clipped(textAt(config, "author") ?? "", 100) }),
    ...(website?.startsWith("https://") === true ? { website } : {}),
    categories: categoriesFrom(textsOf(isMap(config) ? config["categories"] : undefined)),
    architectures: architectures.length === 0 ? ["amd64"] : architectures,
    ...(hasWeb ? { web: { service: names.get(main.name) ?? "", port, "start-time": "5m" } } : {}),
  });
}

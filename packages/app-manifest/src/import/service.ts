/** One service of a foreign Compose file in this project's words. */
import { isLiteralSecret, literalPassword } from "../literal-secret.ts";
import { below, shown } from "../problems.ts";
import type { ForeignService } from "./bounds.ts";
import type { Draft } from "./draft.ts";
import { translateMount } from "./mounts.ts";
import { isMap, listAt, mapAt, type Plain, type PlainMap, textAt, textOf, textsOf } from "./plain.ts";

/** Copied as they are, variables apart; the check says what is wrong with them. */
const copiedKeys = [
  "cap_add",
  "cap_drop",
  "healthcheck",
  "init",
  "mem_limit",
  "cpus",
  "pids_limit",
  "read_only",
  "restart",
  "shm_size",
  "stop_grace_period",
  "stop_signal",
  "tmpfs",
  "working_dir",
  "security_opt",
] as const;

/** Dropped: the device does this in its own way, and the app works without. */
const leftOutKeys = new Set([
  "container_name",
  "expose",
  "hostname",
  "labels",
  "logging",
  "networks",
  "platform",
  "pull_policy",
  "stdin_open",
  "tty",
  "ulimits",
  "mem_reservation",
  "oom_score_adj",
  "memswap_limit",
  "cpu_shares",
  "domainname",
  "profiles",
]);

const handledKeys = new Set([
  ...copiedKeys,
  "image",
  "command",
  "entrypoint",
  "environment",
  "volumes",
  "ports",
  "depends_on",
  "user",
  "deploy",
  "devices",
  "network_mode",
  "privileged",
]);

/** What a container started as root needs back to change to another user, as images of that field do. */
const rootCapabilities = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "NET_BIND_SERVICE", "SETGID", "SETUID"];
const databaseImage = /(?:postgres|pgvect|timescale|mysql|mariadb|redis|valkey|mongo|keydb)/i;

function environmentPairs(value: Plain | undefined): readonly (readonly [string, string])[] {
  if (Array.isArray(value)) {
    return (value as readonly Plain[]).flatMap((item) => {
      const line = textOf(item) ?? "";
      const equals = line.indexOf("=");
      return equals < 0 ? [] : [[line.slice(0, equals).trim(), line.slice(equals + 1)] as const];
    });
  }
  return isMap(value) ? Object.entries(value).map(([name, text]) => [name, textOf(text) ?? ""] as const) : [];
}

function translateEnvironment(draft: Draft, value: Plain | undefined, path: string): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [name, written] of environmentPairs(value)) {
    const at = below(path, name);
    const text = draft.text(written);
    // A default is as much the same for everyone as what is written out.
    const usual = draft.usualText(text, at);
    const password = literalPassword(usual);
    const inAddress = /:\/\/[^/\s:@]*:([^/\s@]+)@/.exec(text)?.[1];
    if (password !== undefined) {
      if (inAddress !== undefined && draft.settingBecomesSecret(inAddress, at)) result[name] = text;
      else
        result[name] = usual.replace(`:${password}@`, () => `:${draft.secretFor(`${name}_PASSWORD`, password, at)}@`);
    } else if (!/\$\{/.test(usual) && isLiteralSecret(name, [{ kind: "text", text: usual }]))
      result[name] = draft.settingBecomesSecret(text, at) ? text : draft.secretFor(name, usual, at);
    else result[name] = text;
  }
  return result;
}

function translateValue(draft: Draft, value: Plain): Plain {
  if (typeof value === "string") return draft.text(value);
  if (Array.isArray(value)) return (value as readonly Plain[]).map((item) => translateValue(draft, item));
  if (isMap(value))
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, translateValue(draft, item)]));
  return value;
}

function translateDependencies(value: Plain | undefined, has: (name: string) => boolean): Plain {
  if (!isMap(value)) return textsOf(value).filter(has);
  return Object.fromEntries(Object.entries(value).filter(([name]) => has(name)));
}

function notePorts(draft: Draft, service: PlainMap, path: string, webPort: number | undefined): void {
  for (const [at, port] of listAt(service, "ports").entries()) {
    const text = isMap(port)
      ? `${textAt(port, "target") ?? ""}/${textAt(port, "protocol") ?? "tcp"}`
      : (textOf(port) ?? "");
    if (portTarget(port) === webPort) continue;
    const where = below(below(path, "ports"), at);
    draft.note("port-not-published", where, `Port ${shown(text)} is not reachable from outside; only the web page is.`);
  }
}

/** The port in the container, of any spelling; undefined for ranges and variables. */
export function portTarget(port: Plain): number | undefined {
  const text = isMap(port)
    ? textAt(port, "target")
    : textOf(port)
        ?.replace(/\/(?:tcp|udp)$/, "")
        .split(":")
        .at(-1);
  return text !== undefined && /^[0-9]{1,5}$/.test(text) ? Number(text) : undefined;
}

function noteDevices(draft: Draft, service: PlainMap, path: string): void {
  for (const [at, device] of listAt(service, "devices").entries()) {
    const name = textOf(device) ?? textAt(device, "source") ?? "";
    const where = below(below(path, "devices"), at);
    if (name.startsWith("/dev/dri"))
      draft.note("device-left-out", where, "The graphics processor is left out; the app computes without it.");
    else
      draft.refuse(
        "device-refused",
        where,
        `${shown(name)} is a device of the machine.`,
        "This app cannot run on this device.",
      );
  }
}

/** Of a Compose file; what is no map has no keys. */
export function servicesOf(compose: Plain): readonly ForeignService[] {
  return Object.entries(mapAt(compose, "services")).map(([name, body]) => ({
    name,
    path: below("/services", name),
    body: isMap(body) ? body : {},
  }));
}

export interface ServiceContext {
  /** As it is written. */
  readonly name: string;
  /** Names of services, as the manifest has them. */
  readonly has: (name: string) => boolean;
  readonly webPort: number | undefined;
  /** JSON Pointer of the service. */
  readonly path: string;
}

export function translateService(
  draft: Draft,
  service: PlainMap,
  { name, has, webPort, path }: ServiceContext,
): Record<string, unknown> {
  const image = textAt(service, "image") ?? "";
  const isDatabase = databaseImage.test(image.split("@")[0] ?? "");
  const result: Record<string, unknown> = { image: draft.image(image) };
  for (const key of ["entrypoint", "command"] as const) {
    const value = service[key];
    if (value !== undefined && value !== null) result[key] = translateValue(draft, value);
  }
  const environment = translateEnvironment(draft, service["environment"], below(path, "environment"));
  if (Object.keys(environment).length > 0) result["environment"] = environment;
  for (const key of copiedKeys) {
    const value = service[key];
    if (value !== undefined && value !== null)
      result[key] = key === "healthcheck" ? value : translateValue(draft, value);
  }
  const user = textAt(service, "user");
  const numbers = user === undefined ? undefined : draft.text(user);
  const isRoot = numbers === undefined || numbers === "root" || /^0(?::|$)/.test(numbers);
  if (numbers !== undefined && numbers !== "root") result["user"] = numbers;
  if (isRoot) result["cap_add"] ??= rootCapabilities;
  result["mem_limit"] ??= memoryLimit(service) ?? "1g";
  const dependsOn = translateDependencies(service["depends_on"], has);
  if (Array.isArray(dependsOn) ? dependsOn.length > 0 : Object.keys(dependsOn ?? {}).length > 0)
    result["depends_on"] = dependsOn;
  const volumes = listAt(service, "volumes").flatMap(
    (mount, at) => translateMount(draft, mount, below(below(path, "volumes"), at), { name, isDatabase }) ?? [],
  );
  if (volumes.length > 0) result["volumes"] = [...new Set(volumes)];
  notePorts(draft, service, path, webPort);
  noteDevices(draft, service, path);
  const mode = textAt(service, "network_mode");
  if (mode !== undefined && mode !== "bridge" && mode !== "default") result["network_mode"] = mode;
  if (service["privileged"] === true) result["privileged"] = true;
  for (const [key, value] of Object.entries(service)) {
    if (handledKeys.has(key) || key.startsWith("x-")) continue;
    if (leftOutKeys.has(key))
      draft.note("key-left-out", below(path, key), `${shown(key)} is left out; the device decides this.`);
    else if (value !== null && !(Array.isArray(value) && value.length === 0)) result[key] = value;
  }
  return result;
}

function memoryLimit(service: PlainMap): string | undefined {
  const deploy = service["deploy"];
  const resources = isMap(deploy) ? deploy["resources"] : undefined;
  const limits = isMap(resources) ? resources["limits"] : undefined;
  const memory = textAt(limits, "memory");
  return memory !== undefined && /^[0-9]+[bkmgBKMG]?[bB]?$/.test(memory) ? memory : undefined;
}

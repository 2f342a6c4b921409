/** From a manifest to what its containers are made from. Pure. */
import { createHash } from "node:crypto";
import {
  type AppManifest,
  type FactName,
  renderTemplate,
  type Service,
  type Template,
  type TemplateValues,
} from "@piccolo/app-manifest";
import { addressOf, type DeviceNetworks, idsAt, networkOf } from "./addresses.ts";
import type { ContainerMount, ContainerSpec, NetworkSpec } from "./runtime/container-spec.ts";
import type { AppRecord } from "./types.ts";

export const appLabel = "piccolo.app";
export const serviceLabel = "piccolo.service";
export const generationLabel = "piccolo.generation";
/** Of everything the container was made from: another one says that it has to be made anew. */
export const specLabel = "piccolo.spec";

const mebibyte = 1024 ** 2;
const logBytesMax = 10 * mebibyte;
/** Folders that programs expect to write to, and that are no part of an app's data. */
const scratchFolders: readonly (readonly [target: string, sizeBytes: number])[] = [
  ["/tmp", 64 * mebibyte],
  ["/var/tmp", 64 * mebibyte],
  ["/run", 16 * mebibyte],
];
const scratchMode = 0o1777;

export interface Account {
  readonly uid: number;
  readonly gid: number;
}

export interface SpecSurroundings {
  readonly device: DeviceNetworks;
  readonly facts: Readonly<Record<FactName, string>>;
  readonly secrets: Readonly<Record<string, string>>;
  /** Folders on the host, by volume. */
  readonly volumeFolders: Readonly<Record<string, string>>;
  /** Files on the host, by `service.secret`. */
  readonly secretFiles: Readonly<Record<string, string>>;
  /** The image's own account, as the image says it, by digest. */
  readonly imageUsers: ReadonlyMap<string, string>;
}

/** The networks an app has: its inner one, and one with a way out where the owner agreed to it. */
export function networksOf(app: AppRecord, device: DeviceNetworks): readonly NetworkSpec[] {
  const inner = networkOf(device, app.slot, "inner");
  return app.grants.includes("internet") ? [inner, networkOf(device, app.slot, "outer")] : [inner];
}

/** Whom a service runs as; names of accounts are only known inside the image, and count as root. */
export function accountOf(service: Service, imageUsers: ReadonlyMap<string, string>): Account {
  if (service.user !== undefined) return service.user;
  const [user = "", group = user] = (imageUsers.get(service.image.digest) ?? "").split(":");
  if (!/^\d{1,5}$/.test(user)) return { uid: 0, gid: 0 };
  return { uid: Number(user), gid: /^\d{1,5}$/.test(group) ? Number(group) : 0 };
}

/** On the host. */
export function hostAccount(app: AppRecord, { uid, gid }: Account): Account {
  return { uid: app.idStart + uid, gid: app.idStart + gid };
}

export function containerName(app: AppRecord, service: string): string {
  return `${app.id}.${service}.${app.generation}`;
}

/** Ends by itself, and others wait until it has. */
export function isOneShot(manifest: AppManifest, service: string): boolean {
  return manifest.services.some(({ dependsOn }) =>
    dependsOn.some((one) => one.service === service && one.condition === "completed"),
  );
}

/** In the order in which they start. */
export function containerSpecs(app: AppRecord, around: SpecSurroundings): readonly ContainerSpec[] {
  return app.manifest.services.map((service) => specOf(app, service, around));
}

export function serviceAddress(app: AppRecord, device: DeviceNetworks, service: string): string {
  const at = app.manifest.services.findIndex(({ name }) => name === service);
  return addressOf(networkOf(device, app.slot, "inner"), at, app.generation);
}

function specOf(app: AppRecord, service: Service, around: SpecSurroundings): ContainerSpec {
  const { services } = app.manifest;
  const networks = networksOf(app, around.device);
  const at = services.indexOf(service);
  const { secrets, facts } = around;
  const values: TemplateValues = {
    secret: (name) => secrets[name] ?? "",
    setting: (name) => settingOf(app, name, secrets),
    fact: (name) => facts[name],
  };
  const fill = (template: Template): string => renderTemplate(template, values);
  const mounts = mountsOf(service, around);
  const scratch = service.readOnlyRoot
    ? scratchFolders
        .filter(([target]) => !mounts.some((mount) => mount.target === target))
        .map(([target, sizeBytes]): ContainerMount => ({ kind: "scratch", target, sizeBytes, mode: scratchMode }))
    : [];
  const spec: ContainerSpec = {
    name: containerName(app, service.name),
    image: service.image.digest,
    ...(service.entrypoint === undefined ? {} : { entrypoint: service.entrypoint.map(fill) }),
    ...(service.command === undefined ? {} : { command: service.command.map(fill) }),
    environment: Object.fromEntries(service.environment.map(({ name, value }) => [name, fill(value)])),
    ...(service.user === undefined ? {} : { user: service.user }),
    ...(service.workingFolder === undefined ? {} : { workingFolder: service.workingFolder }),
    hostName: service.hostName,
    labels: {},
    mounts: [...scratch, ...mounts],
    readOnlyRoot: service.readOnlyRoot,
    init: service.init,
    capabilities: service.capabilities,
    ids: idsAt(app.idStart),
    networks: networks.map((network) => ({ network: network.name, address: addressOf(network, at, app.generation) })),
    hosts: services.flatMap((other) =>
      [...new Set([other.name, other.hostName])].map((name) => ({
        name,
        address: serviceAddress(app, around.device, other.name),
      })),
    ),
    nameServers: networks.filter(({ nameService }) => nameService).map(({ gateway }) => gateway),
    memoryBytes: service.memoryBytes,
    milliCpus: service.milliCpus,
    processesMax: service.processesMax,
    sharedMemoryBytes: service.sharedMemoryBytes,
    logBytesMax,
    stopSignal: service.stopSignal,
    stopGraceMs: service.stopGraceMs,
    restart: isOneShot(app.manifest, service.name) ? "never" : "always",
  };
  const labels = {
    [appLabel]: app.id,
    [serviceLabel]: service.name,
    [generationLabel]: String(app.generation),
    [specLabel]: createHash("sha256").update(JSON.stringify(spec)).digest("hex"),
  };
  return { ...spec, labels };
}

function mountsOf(service: Service, { volumeFolders, secretFiles }: SpecSurroundings): ContainerMount[] {
  const mounts = service.mounts.map((mount): ContainerMount => {
    if (mount.kind === "scratch") return { ...mount, mode: scratchMode };
    const source = volumeFolders[mount.volume];
    if (source === undefined) throw new Error(`the volume ${mount.volume} has no folder`);
    return { kind: "bind", source, target: mount.target, readOnly: mount.readOnly };
  });
  const files = service.secretFiles.map(({ secret, target }): ContainerMount => {
    const source = secretFiles[`${service.name}.${secret}`];
    if (source === undefined) throw new Error(`the secret ${secret} has no file`);
    return { kind: "bind", source, target, readOnly: true };
  });
  return [...mounts, ...files];
}

/** What the owner chose, or what the manifest has; passwords are kept with the secrets. */
export function settingOf(app: AppRecord, name: string, secrets: Readonly<Record<string, string>>): string {
  const setting = app.manifest.settings.find((one) => one.name === name);
  if (setting?.kind === "password") return secrets[name] ?? "";
  const chosen = app.settings[name];
  if (chosen !== undefined) return chosen;
  return setting?.default === undefined ? "" : String(setting.default);
}

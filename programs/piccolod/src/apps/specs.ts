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
import type { Generation } from "./plan-types.ts";
import type { ContainerMount, ContainerSpec, NetworkSpec } from "./runtime/container-spec.ts";
import type { AppPlace } from "./types.ts";

export const appLabel = "piccolo.app";
export const serviceLabel = "piccolo.service";
export const generationLabel = "piccolo.generation";
/** Of everything the container was made from: another one says that it has to be made anew. */
export const specLabel = "piccolo.spec";

/**
 * Raised with every change in how a container is made of its specification, so that those of before are made anew. Second: no file
 * is Podman's own to lay out.
 */
export const makingVersion = 2;

const mebibyte = 1024 ** 2;
const logBytesMax = 10 * mebibyte;
const rootBytesMax = 1024 * mebibyte;
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

/** One generation of an app at the app's place. */
export interface AppForm {
  readonly app: string;
  readonly place: AppPlace;
  readonly generation: Generation;
}

export interface SpecSurroundings {
  readonly device: DeviceNetworks;
  readonly facts: Readonly<Record<FactName, string>>;
  readonly secrets: Readonly<Record<string, string>>;
  /** Folder on the host. */
  readonly volumeFolder: (volume: string) => string;
  /** File on the host. */
  readonly secretFile: (name: string) => string;
}

/** The networks a generation has: its inner one, and one with a way out where the owner agreed to it. */
export function networksOf({ place, generation }: AppForm, device: DeviceNetworks): readonly NetworkSpec[] {
  const inner = networkOf(device, place.networkSlot, "inner");
  return generation.grants.includes("internet") ? [inner, networkOf(device, place.networkSlot, "outer")] : [inner];
}

/** Whom a service runs as; names of accounts are only known inside the image, and count as root. */
export function accountOf(service: Service, imageUser: string): Account {
  if (service.user !== undefined) return service.user;
  const [user = "", group = user] = imageUser.split(":");
  if (!/^\d{1,5}$/.test(user)) return { uid: 0, gid: 0 };
  return { uid: Number(user), gid: /^\d{1,5}$/.test(group) ? Number(group) : 0 };
}

/** On the host. */
export function hostAccount({ idStart }: AppPlace, { uid, gid }: Account): Account {
  return { uid: idStart + uid, gid: idStart + gid };
}

export function containerName(app: string, generation: number, service: string): string {
  return `${app}.${service}.${generation}`;
}

/** A secret's file is made for each service that has it, since it is that service's account that reads it. */
export function secretName(service: string, secret: string): string {
  return `${service}.${secret}`;
}

export function serviceAddress(form: AppForm, device: DeviceNetworks, service: string): string {
  const at = form.generation.manifest.services.findIndex(({ name }) => name === service);
  return addressOf(networkOf(device, form.place.networkSlot, "inner"), at, form.generation.number);
}

export function specOf(form: AppForm, service: Service, around: SpecSurroundings): ContainerSpec {
  const { manifest, number } = form.generation;
  const networks = networksOf(form, around.device);
  const at = manifest.services.indexOf(service);
  const { secrets, facts } = around;
  const values: TemplateValues = {
    secret: (name) => secrets[name] ?? "",
    setting: (name) => settingOf(form.generation, name, secrets),
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
    name: containerName(form.app, number, service.name),
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
    rootBytesMax,
    init: service.init,
    capabilities: service.capabilities,
    ids: idsAt(form.place.idStart),
    networks: networks.map((network) => ({ network: network.name, address: addressOf(network, at, number) })),
    hosts: manifest.services.flatMap((other) =>
      [...new Set([other.name, other.hostName])].map((name) => ({
        name,
        address: serviceAddress(form, around.device, other.name),
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
  };
  const labels = {
    [appLabel]: form.app,
    [serviceLabel]: service.name,
    [generationLabel]: String(number),
    [specLabel]: createHash("sha256").update(JSON.stringify({ makingVersion, spec })).digest("hex"),
  };
  return { ...spec, labels };
}

function mountsOf(service: Service, { volumeFolder, secretFile }: SpecSurroundings): ContainerMount[] {
  const mounts = service.mounts.map((mount): ContainerMount =>
    mount.kind === "scratch"
      ? { ...mount, mode: scratchMode }
      : { kind: "bind", source: volumeFolder(mount.volume), target: mount.target, readOnly: mount.readOnly },
  );
  const files = service.secretFiles.map(({ secret, target }): ContainerMount => ({
    kind: "bind",
    source: secretFile(secretName(service.name, secret)),
    target,
    readOnly: true,
  }));
  return [...mounts, ...files];
}

/** What the owner chose, or what the manifest has; passwords are kept with the secrets. */
function settingOf(
  { manifest, settings }: Generation,
  name: string,
  secrets: Readonly<Record<string, string>>,
): string {
  if (isPassword(manifest, name)) return secrets[name] ?? "";
  return settings[name] ?? "";
}

function isPassword(manifest: AppManifest, name: string): boolean {
  return manifest.settings.some((setting) => setting.name === name && setting.kind === "password");
}

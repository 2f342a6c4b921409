/**
 * What a container is made from. Everything that is not said here is dropped, refused or read-only. One that ends stays
 * down until it is started: who starts what again is piccolod's to say alone.
 */

/** Ids of an app's own on the host, in the place of 0 to 65,535 inside its containers. */
export interface IdRange {
  readonly start: number;
  readonly size: number;
}

/** Ids every container has; images use low ones, and `nobody` is 65,534. */
export const idRangeSize = 65_536;

export type ContainerMount =
  /** A file or folder of the host; never a device, never a program that takes another's rights. */
  | { readonly kind: "bind"; readonly source: string; readonly target: string; readonly readOnly: boolean }
  | { readonly kind: "scratch"; readonly target: string; readonly sizeBytes: number; readonly mode: number };

export interface NetworkAttachment {
  readonly network: string;
  readonly address: string;
}

export interface ContainerSpec {
  readonly name: string;
  /** Digest of an image that is there. */
  readonly image: string;
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly user?: { readonly uid: number; readonly gid: number };
  readonly workingFolder?: string;
  readonly hostName: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly mounts: readonly ContainerMount[];
  readonly readOnlyRoot: boolean;
  /** What it may write to a root that is not read-only; of that, nothing outlives the container. */
  readonly rootBytesMax: number;
  readonly init: boolean;
  readonly capabilities: readonly string[];
  readonly ids: IdRange;
  readonly networks: readonly NetworkAttachment[];
  /** Names of other containers, which are looked up in no other place. */
  readonly hosts: readonly { readonly name: string; readonly address: string }[];
  /** Where names of the outside are looked up; nowhere when empty. */
  readonly nameServers: readonly string[];
  readonly memoryBytes: number;
  readonly milliCpus: number;
  readonly processesMax: number;
  readonly sharedMemoryBytes: number;
  readonly logBytesMax: number;
  readonly stopSignal: NodeJS.Signals;
  readonly stopGraceMs: number;
}

export interface NetworkSpec {
  readonly name: string;
  /** Of the bridge on the host; the firewall knows networks by it. At most 15 characters. */
  readonly bridge: string;
  /** `10.0.0.0/28` */
  readonly subnet: string;
  readonly gateway: string;
  /** An internal network has no way out. */
  readonly internal: boolean;
  /** Whether the host answers name queries at the gateway. */
  readonly nameService: boolean;
}

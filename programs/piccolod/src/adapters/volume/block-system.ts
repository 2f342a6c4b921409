/** What `Luks2Volume` needs of the running system; tests bring one without device mapper. */
import { existsSync, realpathSync, renameSync } from "node:fs";
import { chmod, mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { volumeFaults } from "../../security/volume.ts";
import { type RunCommand, runCommand } from "./command.ts";
import { fsyncPath } from "./key-check.ts";
import { answers, mountsOn } from "./mounts.ts";
import { numberOf, partitionsNamed } from "./partitions.ts";

export interface BlockSystem {
  readonly run: RunCommand;
  readonly partitionsNamed: (name: string) => readonly string[];
  /** `major:minor` of a device file. */
  readonly numberOf: (device: string) => string | undefined;
  /** All disks that are there have been found. */
  isSettled(): boolean;
  hasMapping(name: string): boolean;
  /** Whether a mount's source is the mapping, by whichever of its names. */
  isMapping(source: string, name: string): boolean;
  mountsOn(path: string): readonly { readonly source: string }[];
  answers(path: string): Promise<boolean>;
  /** False where the file system is none that can be mounted. */
  mount(device: string, path: string): Promise<boolean>;
  /** Everything written is on the disk when it returns. Throws `volume-busy`. */
  unmount(path: string): Promise<void>;
  /** Durable when it returns. */
  replace(from: string, to: string): void;
}

const mountOptions = "nosuid,nodev,noexec,noatime,prjquota";
/** So long a mount may take, and its end. */
export const longestMountMs = 120_000;

export interface LinuxBlockOptions {
  /**
   * The unit of the service manager that mounts the volume, so that the mount is seen by all of the system although the
   * daemon has its own view of it. undefined = the daemon mounts by itself.
   */
  readonly mountUnit: string | undefined;
  /** Uptime in milliseconds: disks appear in the first moments after the start of the machine. */
  readonly uptimeMs: () => number;
  readonly run?: RunCommand;
}

const settledAfterMs = 120_000;

export function linuxBlockSystem(options: LinuxBlockOptions): BlockSystem {
  const { mountUnit, uptimeMs, run = runCommand } = options;
  const mapped = (name: string): string => `/dev/mapper/${name}`;
  const isDone = async (program: string, ...args: readonly string[]): Promise<boolean> =>
    (await run(program, args, { timeoutMs: longestMountMs })).code === 0;
  return {
    run,
    partitionsNamed,
    numberOf,
    isSettled: () => uptimeMs() > settledAfterMs,
    hasMapping: (name) => existsSync(mapped(name)),
    isMapping: (source, name) => source === mapped(name) || sameDevice(source, mapped(name)),
    mountsOn,
    answers,
    async mount(device, path) {
      const isMounted =
        mountUnit === undefined
          ? (await mkdir(path, { recursive: true, mode: 0o700 }),
            await isDone("mount", "-t", "xfs", "-o", mountOptions, device, path))
          : await isDone("systemctl", "start", mountUnit);
      if (isMounted) await chmod(path, 0o700);
      return isMounted;
    },
    async unmount(path) {
      if (mountUnit === undefined) await isDone("umount", path);
      // When the machine stops, the service manager would have it wait for this daemon, which waits for it.
      else await isDone("systemctl", "stop", "--job-mode=ignore-dependencies", mountUnit);
      if (mountsOn(path).length > 0) {
        throw volumeFaults.fault("volume-busy", `files in ${path} are still in use`);
      }
    },
    replace(from, to) {
      renameSync(from, to);
      fsyncPath(dirname(to));
    },
  };
}

function sameDevice(one: string, other: string): boolean {
  try {
    return realpathSync(one) === realpathSync(other);
  } catch {
    return false;
  }
}

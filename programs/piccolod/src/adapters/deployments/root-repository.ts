/** The repository of releases on the root partition, which is mounted read-only but for the moments in which something is written. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { deploymentFaults } from "../../system/deployments.ts";
import { type RunCommand, runCommand } from "../volume/command.ts";

export interface RootRepository {
  /** Throws `deployment-failed` where it cannot be written to. */
  use<Result>(access: "read" | "write", work: (path: string) => Promise<Result>): Promise<Result>;
}

/** A repository that may be written to as it is. */
export function openRepository(path: string): RootRepository {
  return { use: (_access, work) => work(path) };
}

export interface MountedRepositoryOptions {
  /** Where the root partition is mounted, read-only. */
  readonly root: string;
  readonly repository: string;
  /** Where it is mounted a second time to be written to, in the daemon's own view of the file systems. */
  readonly writableAt: string;
  readonly run?: RunCommand;
}

export function mountedRepository(options: MountedRepositoryOptions): RootRepository {
  const { root, repository, writableAt, run = runCommand } = options;
  const isDone = async (program: string, ...args: readonly string[]): Promise<boolean> =>
    (await run(program, args)).code === 0;
  return {
    async use(access, work) {
      if (access === "read") return work(join(root, repository));
      mkdirSync(writableAt, { recursive: true, mode: 0o700 });
      const isMounted =
        (await isDone("mount", "--bind", root, writableAt)) &&
        // The first mount stays read-only: being writable is each mount's own affair, and the file system's.
        (await isDone("mount", "-o", "remount,rw,nosuid,nodev,noexec", writableAt));
      try {
        if (!isMounted) throw deploymentFaults.fault("deployment-failed", "the disk's root partition stays read-only");
        return await work(join(writableAt, repository));
      } finally {
        await isDone("sync", "-f", writableAt);
        await isDone("mount", "-o", "remount,ro,nosuid,nodev,noexec", writableAt);
        await isDone("umount", writableAt);
      }
    },
  };
}

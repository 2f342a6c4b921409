/** Other programs that keep encrypted copies, as references: each run is a fresh process on the same disk. */
import { execFile } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

const execute = promisify(execFile);

export interface Rival {
  /** Stores a file. */
  put(path: string): Promise<void>;
  /** Brings the file stored last back into an empty folder. */
  get(): Promise<void>;
}

/** restic with a repository that is initialised already. */
export async function openRestic(folder: string): Promise<Rival> {
  mkdirSync(folder, { recursive: true });
  const repository = join(folder, "repository");
  const restored = join(folder, "restored");
  const env = {
    ...process.env,
    RESTIC_PASSWORD: "bench",
    RESTIC_REPOSITORY: repository,
    RESTIC_CACHE_DIR: join(folder, "cache"),
  };
  await execute("restic", ["init"], { env });
  return {
    put: async (path) => void (await execute("restic", ["backup", "--quiet", path], { env })),
    get: async () => {
      rmSync(restored, { recursive: true, force: true });
      await execute("restic", ["restore", "latest", "--quiet", "--target", restored], { env });
    },
  };
}

/** rclone with a crypt remote over a local folder. */
export async function openRclone(folder: string): Promise<Rival> {
  mkdirSync(folder, { recursive: true });
  const { stdout } = await execute("rclone", ["obscure", "bench"]);
  const env = {
    ...process.env,
    RCLONE_CONFIG: join(folder, "rclone.conf"),
    RCLONE_CONFIG_SAFE_TYPE: "crypt",
    RCLONE_CONFIG_SAFE_REMOTE: join(folder, "store"),
    RCLONE_CONFIG_SAFE_PASSWORD: stdout.trim(),
  };
  const restored = join(folder, "restored");
  let last = "";
  return {
    put: async (path) => {
      last = path.split("/").at(-1) ?? "";
      await execute("rclone", ["copy", path, "safe:"], { env });
    },
    get: async () => {
      rmSync(restored, { recursive: true, force: true });
      await execute("rclone", ["copy", `safe:${last}`, restored], { env });
    },
  };
}

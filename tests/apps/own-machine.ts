/**
 * Runs a scene with mounts, a network and processes of its own: whatever it starts, mounts or sets up is gone when it has
 * ended, however it ended. Only control groups belong to the machine; those that are left empty are taken away.
 */
import { spawn } from "node:child_process";
import { existsSync, readdirSync, rmdirSync } from "node:fs";
import { join } from "node:path";

const ownNamespaces = ["--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"];

const setUp = [
  // What is mounted in here is nobody else's, and what others mount does not come in.
  "mount --make-rprivate /",
  "mount -t tmpfs -o mode=755 tmpfs /run",
  "ip link set lo up",
].join(" && ");

/** Resolves when the scene (a file beside this one) has ended well; rejects with what it said. */
export function playScene(scene: string, ...args: readonly string[]): Promise<void> {
  const file = join(import.meta.dirname, scene);
  const child = spawn(
    "unshare",
    [...ownNamespaces, "sh", "-c", `${setUp} && exec "$0" "$@"`, process.execPath, file, ...args],
    { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, NODE_TEST_CONTEXT: "" } },
  );
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (bytes: Buffer) => (said += bytes.toString()));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => {
      removeEmptyGroups();
      if (code === 0) resolve();
      else reject(new Error(`${scene} ended with ${code}:\n${said}`));
    });
  });
}

function removeEmptyGroups(): void {
  const top = "/sys/fs/cgroup";
  const removeTree = (path: string): void => {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      if (entry.isDirectory()) removeTree(join(path, entry.name));
    }
    rmdirSync(path);
  };
  for (const folder of [top, ...readdirSync(top, { withFileTypes: true }).map(({ name }) => join(top, name))]) {
    if (!existsSync(join(folder, "cgroup.procs"))) continue;
    for (const name of readdirSync(folder).filter((one) => /^(?:piccolo-|libpod_parent$)/.test(one))) {
      try {
        removeTree(join(folder, name));
      } catch {
        // Somebody is in it, or it has gone by itself.
      }
    }
  }
}

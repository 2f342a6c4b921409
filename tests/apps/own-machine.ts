/**
 * Runs a scene with mounts, a network and processes of its own: whatever it starts, mounts or sets up is gone when it has
 * ended, however it ended. Only control groups belong to the machine; those that are left empty are taken away.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { unlessGone } from "../network/unless-gone.ts";

const ownNamespaces = ["--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"];

const setUp = [
  // What is mounted in here is nobody else's, and what others mount does not come in.
  "mount --make-rprivate /",
  // Networks that the machine has by name would be seen below the new folder, where nothing can be done with them.
  "{ umount -R /run/netns 2>/dev/null; true; }",
  "mount -t tmpfs -o mode=755 tmpfs /run",
  "ip link set lo up",
].join(" && ");
// The shell stays, as the first process: it takes in those whose parents have ended.

export interface Ended {
  readonly code: number | null;
  /** All that it wrote, standard output and errors. */
  readonly said: string;
}

/** Held shared by each such machine: control groups are the one thing they have in common. */
const runningLock = join(tmpdir(), "piccolo-own-machines.lock");

/**
 * Does `work` unless another such machine runs, whose end it is left to then: a control group that is empty may be one that
 * a container is about to enter.
 */
async function whileNoneRuns(work: () => void): Promise<void> {
  const holder = spawn("flock", ["--exclusive", "--nonblock", "--no-fork", runningLock, "cat"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = new Promise<false>((resolve, reject) => {
    holder.on("error", reject);
    holder.on("close", () => resolve(false));
  });
  // Where the lock was not to be had, nobody reads it.
  holder.stdin.on("error", () => undefined);
  holder.stdin.write("held\n");
  if (await Promise.race([once(holder.stdout, "data").then(() => true), ended])) work();
  holder.stdin.end();
  await ended;
}

/** Runs a file of ours on a machine of its own; `line` hears what it writes, line by line. */
export async function runOnOwnMachine(
  file: string,
  args: readonly string[],
  line: (text: string) => void = () => undefined,
): Promise<Ended> {
  const own = [...ownNamespaces, "sh", "-c", `${setUp} && "$0" "$@"; exit $?`, process.execPath, file, ...args];
  const child = spawn("flock", ["--shared", "--no-fork", runningLock, "unshare", ...own], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, NODE_TEST_CONTEXT: "" },
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (bytes: Buffer) => (said += bytes.toString()));
    createInterface({ input: stream }).on("line", line);
  }
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  await whileNoneRuns(removeEmptyGroups);
  return { code, said };
}

/** Resolves when the scene (a file beside this one) has ended well; rejects with what it said. */
export async function playScene(scene: string, ...args: readonly string[]): Promise<void> {
  const { code, said } = await runOnOwnMachine(join(import.meta.dirname, scene), args);
  if (code !== 0) throw new Error(`${scene} ended with ${code}:\n${said}`);
}

/**
 * On such a machine: what a power cut leaves of apps, which is what lies on the disk. Devices have been cut off before.
 */
export async function cutAppsOff(): Promise<void> {
  for (let round = 0; round < 200; round++) {
    const left = readdirSync("/proc").filter((name) => /^\d+$/.test(name) && isOfApps(name));
    if (left.length === 0) break;
    for (const pid of left) {
      try {
        process.kill(Number(pid), "SIGKILL");
      } catch {
        // It has ended by itself.
      }
    }
    await delay(20);
  }
  const run = (program: string, ...args: readonly string[]): void => {
    spawnSync(program, args, { stdio: "ignore" });
  };
  const mounted = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .map((text) => text.split(" ")[4] ?? "")
    .filter((path) => path.startsWith("/run/piccolo/") || path === "/run/netns" || path.startsWith("/run/netns/"));
  for (const path of mounted.toReversed()) run("umount", "--lazy", path);
  for (const name of ownBridges()) run("ip", "link", "delete", name);
  for (const name of ["piccolo", "netns", "containers", "libpod"])
    rmSync(join("/run", name), { recursive: true, force: true });
  run("nft", "flush", "ruleset");
}

/** Of the network this process is in: the folder of network devices shows that of the machine it was mounted on. */
function ownBridges(): readonly string[] {
  const { stdout } = spawnSync("ip", ["-o", "link", "show", "type", "bridge"], { encoding: "utf8" });
  return stdout.split("\n").flatMap((line) => /^\d+: (pc[^:@]+)/.exec(line)?.[1] ?? []);
}

/** Podman, what watches its containers, and what runs in them. */
function isOfApps(pid: string): boolean {
  try {
    if (/^(?:podman|conmon|aardvark-dns)$/.test(readFileSync(`/proc/${pid}/comm`, "utf8").trim())) return true;
    return readFileSync(`/proc/${pid}/cgroup`, "utf8").includes(":/piccolo-");
  } catch {
    return false;
  }
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
    const names = unlessGone(() => readdirSync(folder), []);
    for (const name of names.filter((one) => /^(?:piccolo-|libpod_parent$)/.test(one))) {
      try {
        removeTree(join(folder, name));
      } catch {
        // Somebody is in it, or it has gone by itself.
      }
    }
  }
}

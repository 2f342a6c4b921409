/**
 * Ends what runs of one device's apps, and takes away what they have of the machine: processes, mounts, networks, rules.
 * What lies on the disk stays. For what its own runtime cannot end any more, since the volume below it is gone.
 */
import { execFile } from "node:child_process";
import { readdirSync, readFileSync, rmdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { z } from "zod";
import { runProgram } from "./app-storage/run-program.ts";
import { removalOf } from "./firewall/rules.ts";

export interface AppTraces {
  /** Of the device's own, in `/run`. */
  readonly runFolder: string;
  /** Absolute in its tree. */
  readonly cgroupParent: string;
  readonly bridgePrefix: string;
  readonly firewallTable: string;
}

const killTries = 250;
const killPauseMs = 20;
const namesFolder = "/run/netns";
const cgroups = "/sys/fs/cgroup";
const environment = { PATH: "/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin" };
const run = promisify(execFile);

/** Where devices have what must be gone after a restart of the machine, each below its tag. */
export const runRoot = "/run/piccolo";
/** Of folders that a container's first process, which is nobody on this machine, has to pass by and read nothing of. */
export const passByMode = 0o711;
/** Says whose it is: the folder of the device's content. */
export const ownerFileName = "content";

/** Those of the machine that nobody but this device has made. */
export function tracesOf(tag: string): AppTraces {
  return {
    runFolder: join(runRoot, tag),
    cgroupParent: `/piccolo-${tag}`,
    bridgePrefix: `pc${tag}-`,
    firewallTable: `piccolo_${tag}`,
  };
}

export async function endApps(traces: AppTraces): Promise<void> {
  // A network has a name in the file system, which outlives all that was in it.
  const networks = new Set(await networksBehind(traces.bridgePrefix));
  await endProcesses(traces, (pid) => {
    for (const name of networksOf(pid)) networks.add(name);
  });
  for (const path of mountedBelow(traces.runFolder)) await runProgram("/bin/umount", ["--lazy", path]);
  for (const name of networks) await run("ip", ["netns", "delete", name], { env: environment });
  for (const { ifname } of await links([])) {
    if (ifname.startsWith(traces.bridgePrefix)) await run("ip", ["link", "delete", ifname], { env: environment });
  }
  const filter = run("nft", ["-f", "-"], { env: environment });
  filter.child.stdin?.end(removalOf(traces.firewallTable));
  await filter;
  if (mountedBelow(traces.runFolder).length === 0) rmSync(traces.runFolder, { recursive: true, force: true });
  removeGroups(traces.cgroupParent);
}

function mountedBelow(folder: string): readonly string[] {
  return readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .filter((path) => path.startsWith(`${folder}/`))
    .toReversed();
}

async function endProcesses({ runFolder, cgroupParent }: AppTraces, before: (pid: string) => void): Promise<void> {
  for (let attempt = 0; attempt < killTries; attempt++) {
    const left = readdirSync("/proc").filter((name) => /^\d+$/.test(name) && isTheirs(name));
    if (left.length === 0) return;
    for (const pid of left) {
      before(pid);
      try {
        process.kill(Number(pid), "SIGKILL");
      } catch {
        // It has ended by itself.
      }
    }
    await delay(killPauseMs);
  }

  /** What runs in a container, or looks after one. */
  function isTheirs(pid: string): boolean {
    if (Number(pid) === process.pid) return false;
    try {
      // One that has ended and whom nobody has asked for yet cannot be ended again.
      if (/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"))) return false;
      const groups = readFileSync(`/proc/${pid}/cgroup`, "utf8").split("\n");
      if (groups.some((line) => `${line.split(":").slice(2).join(":")}/`.startsWith(`${cgroupParent}/`))) return true;
      const [program = "", ...words] = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
      return /(?:podman|conmon|runc|crun|netavark|aardvark-dns)$/.test(program) && words.some(isBelow);
    } catch {
      return false;
    }
  }

  function isBelow(word: string): boolean {
    return word.includes(`${runFolder}/`);
  }
}

const Links = z.array(
  z.object({ ifname: z.string(), master: z.string().optional(), link_netns: z.string().optional() }),
);

async function links(kind: readonly string[]): Promise<z.infer<typeof Links>> {
  const { stdout } = await run("ip", ["-json", "link", "show", ...kind], { env: environment });
  return Links.parse(JSON.parse(stdout.trim() === "" ? "[]" : stdout));
}

/** Names of the network a process is in; none for the machine's own. */
function networksOf(pid: string): readonly string[] {
  try {
    const { ino } = statSync(`/proc/${pid}/ns/net`);
    return readdirSync(namesFolder).filter((name) => statSync(join(namesFolder, name)).ino === ino);
  } catch {
    // It has ended meanwhile, or no network has a name.
    return [];
  }
}

/** Names of the networks that are linked to a bridge of the device. */
async function networksBehind(bridgePrefix: string): Promise<readonly string[]> {
  const names = (await links(["type", "veth"]))
    .filter(({ master }) => master?.startsWith(bridgePrefix) === true)
    .map(({ link_netns: name }) => name);
  return [...new Set(names.filter((name) => name !== undefined))];
}

/** Empty ones; where somebody is in one, it stays. */
function removeGroups(parent: string): void {
  const removeTree = (path: string): void => {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      if (entry.isDirectory()) removeTree(join(path, entry.name));
    }
    rmdirSync(path);
  };
  for (const tree of ["", ...readdirSync(cgroups)]) {
    try {
      removeTree(join(cgroups, tree, parent));
    } catch {
      // There is none, or somebody is in it.
    }
  }
}

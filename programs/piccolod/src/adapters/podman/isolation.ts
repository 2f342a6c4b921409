/** What the kernel says of a container's main process: whether it is there, and how it is kept apart. */
import { readFileSync } from "node:fs";
import { unavailable } from "./unix-http.ts";
import type { ContainerSpec } from "../../apps/runtime/container-spec.ts";

/** `<linux/capability.h>` */
const capabilityBits: Readonly<Record<string, number>> = {
  CHOWN: 0,
  DAC_OVERRIDE: 1,
  FOWNER: 3,
  KILL: 5,
  SETGID: 6,
  SETUID: 7,
  NET_BIND_SERVICE: 10,
};

/** Undefined where the process is gone; throws `runtime-unavailable` where that cannot be found out. */
function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ESRCH") return undefined;
    throw unavailable(error);
  }
}

/** Whether the process is the container's: ids of processes are given again to others. */
export function isProcessOf(pid: number, containerId: string): boolean {
  return pid > 0 && (read(`/proc/${pid}/cgroup`)?.includes(containerId) ?? false);
}

/** Whether what watches a container is there: without it nobody hears what the container says, nor how it ends. */
export function isWatched(conmonPid: number | undefined): boolean {
  return conmonPid === undefined || (conmonPid > 0 && (read(`/proc/${conmonPid}/comm`)?.startsWith("conmon") ?? false));
}

/** What the isolation lacks, in words; undefined when all is there, or when the process has ended meanwhile. */
export function whatIsolationLacks(pid: number, spec: Pick<ContainerSpec, "ids" | "capabilities">): string | undefined {
  const [users, groups, status] = ["uid_map", "gid_map", "status"].map((name) => read(`/proc/${pid}/${name}`));
  if (users === undefined || groups === undefined || status === undefined) return undefined;
  const wanted = `0 ${spec.ids.start} ${spec.ids.size}`;
  // The maps of a process that has just ended are empty.
  if (/^State:\s+[ZX]/m.test(status)) return undefined;
  for (const [name, map] of [["users", users] as const, ["groups", groups] as const]) {
    if (map.trim().split(/\s+/).join(" ") !== wanted) return `the map of ${name} is "${map.trim()}", not "${wanted}"`;
  }
  const field = (name: string): string => new RegExp(`^${name}:\\s+(\\S+)`, "m").exec(status)?.[1] ?? "";
  if (field("NoNewPrivs") !== "1") return "programs that take another's rights are allowed";
  if (field("Seccomp") !== "2") return "no filter of system calls is in force";
  const allowed = spec.capabilities.reduce((mask, name) => mask | (1n << BigInt(capabilityBits[name] ?? 63)), 0n);
  for (const name of ["CapBnd", "CapPrm", "CapEff"]) {
    const held = BigInt(`0x${field(name)}`);
    if ((held & ~allowed) !== 0n) return `${name} is ${field(name)}`;
  }
  return undefined;
}

/** What protects a device's disk on this machine, and what the machine lacks for it. */
import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

export interface Protection {
  readonly tpm: boolean;
  readonly volume: boolean;
  /** Passwords cost next to nothing to guess, and to check. */
  readonly cheapSlots: boolean;
}

/** For tests and drills that are about something else: ten devices start in seconds. */
export const unprotected: Protection = { tpm: false, volume: false, cheapSlots: true };

/** Where a Debian has its programs. */
const programFolders = ["/usr/local/bin", "/usr/bin", "/bin"];

const isInPath = (name: string): boolean => programFolders.some((folder) => existsSync(join(folder, name)));

function lacksFuse(): string | undefined {
  for (const name of ["gocryptfs", "fusermount3"]) if (!isInPath(name)) return name;
  try {
    accessSync("/dev/fuse", constants.R_OK | constants.W_OK);
    return undefined;
  } catch {
    return "access to /dev/fuse";
  }
}

/** As much of it as this machine can do; `say` hears in one line what is missing. */
export function possibleProtection(say: (text: string) => void): Protection {
  const fuse = lacksFuse();
  const tpm = isInPath("swtpm");
  const missing = [...(fuse === undefined ? [] : [fuse]), ...(tpm ? [] : ["swtpm"])];
  if (missing.length > 0) say(`This machine lacks ${missing.join(" and ")}: the devices run insecure without it.`);
  return { tpm, volume: fuse === undefined, cheapSlots: false };
}

/** What a device is told about it. */
export function protectionArgs({ tpm, volume, cheapSlots }: Protection, socketPath: string): readonly string[] {
  return [
    ...(tpm ? ["--tpm", `swtpm:${socketPath}`] : ["--insecure-no-tpm"]),
    ...(volume ? [] : ["--insecure-no-volume"]),
    ...(cheapSlots ? ["--insecure-cheap-slots"] : []),
  ];
}

const endApps = join(import.meta.dirname, "../../piccolod/src/end-apps.ts");

/** Ends the apps of all devices below the folder, and what they have of the machine, whoever started them. */
export function endAppsBelow(folder: string): void {
  spawnSync(process.execPath, [endApps], { input: folder, stdio: ["pipe", "ignore", "ignore"] });
}

/** Takes away every volume that is still mounted below the folder, innermost first, in use or not. */
export function unmountBelow(folder: string): void {
  const mounted = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .map((line) => (line.split(" ")[4] ?? "").replaceAll(/\\([0-7]{3})/g, (_, octal: string) => unoctal(octal)))
    .filter((path) => path.startsWith(`${folder}/`));
  for (const path of mounted.toReversed()) spawnSync("fusermount3", ["-uz", path], { stdio: "ignore" });
}

const unoctal = (octal: string): string => String.fromCharCode(Number.parseInt(octal, 8));

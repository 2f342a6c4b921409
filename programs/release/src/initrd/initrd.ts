/** The initrd: made by dracut inside the root of packages, so that it has that root's kernel, systemd and libraries. */
import { join } from "node:path";
import { Chroot } from "../chroot/chroot.ts";
import { readPackageList } from "../chroot/root-cache.ts";
import { kernelVersionOf } from "../tree/assemble.ts";
import { builtInDrivers, missingDrivers, refuse } from "../tree/drivers.ts";

const build = `
set -eu
mkdir -p /usr/lib/dracut/modules.d/99piccolo
cp "$1"/initrd/99piccolo/* /usr/lib/dracut/modules.d/99piccolo/
dracut --force --no-hostonly --no-hostonly-cmdline --no-hostonly-default-device --reproducible \
  --kver "$2" -m "$3" --zstd /tmp/initrd.img "$2" >/tmp/dracut.log 2>&1 || { cat /tmp/dracut.log >&2; exit 1; }
chmod 0644 /tmp/initrd.img
cp /tmp/initrd.img "$4"
`;

export interface InitrdParts {
  readonly packagesRoot: string;
  readonly os: string;
  readonly epochS: number;
  /** Folder and name of the file that is written. */
  readonly folder: string;
  readonly name: string;
}

export async function buildInitrd(parts: InitrdParts): Promise<void> {
  const chroot = new Chroot(parts.packagesRoot, [parts.os, parts.folder]);
  const modules = readPackageList(join(parts.os, "initrd/modules.txt")).join(" ");
  const version = kernelVersionOf(parts.packagesRoot);
  const args = ["-c", build, "initrd", parts.os, version, modules, join(parts.folder, parts.name)];
  await chroot.run("/bin/bash", args, { env: { SOURCE_DATE_EPOCH: String(parts.epochS) } });
  const listed = await chroot.text("/usr/bin/lsinitrd", [join(parts.folder, parts.name)]);
  refuse("dracut put a way in into the initrd", waysIn(listed));
  const wanted = readPackageList(join(parts.os, "initrd/99piccolo/drivers.txt"));
  const drivers = [...pathsIn(listed), ...builtInDrivers(parts.packagesRoot, version)];
  refuse("dracut found no such drivers for the initrd", missingDrivers(wanted, drivers));
}

/** Paths in a list of lsinitrd's. */
function pathsIn(listed: string): string[] {
  return listed.split("\n").map(
    (line) =>
      line
        .replace(/ -> .*$/, "")
        .split(" ")
        .at(-1) ?? "",
  );
}

/** Programs somebody at the console could log in with, or get a shell from, in a list of lsinitrd's. */
export function waysIn(listed: string): string[] {
  const programs = /\/(?:agetty|getty|login|sulogin|systemd-sulogin-shell|su|sshd|telnetd|busybox|bash|rdsosreport)$/;
  return pathsIn(listed).filter((path) => programs.test(`/${path}`));
}

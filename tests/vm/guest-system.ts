/** What the machine of a suite is made of beside the suite: the image's packages, in memory, and what starts in it. */
import { copyFileSync, cpSync, existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Chroot, keyOf, type Workshop } from "@piccolo/release";
import { publicAddress } from "../apps/outside.ts";
import { repositoryRoot } from "../../tools/run-tests.ts";

/**
 * `kernel`: nothing runs beside the suite. `services`: the service manager runs it, with the image's own units, and apps can
 * run.
 */
export type GuestKind = "kernel" | "services";

/** What the tests' machine has no use for, and what would only fill its memory. */
const leftOut = [
  "boot",
  "usr/include",
  "usr/lib/python3*",
  "usr/lib/dracut",
  "usr/lib/x86_64-linux-gnu/perl*",
  "usr/bin/perl*",
  "var/lib",
  "var/cache",
  // Of the kernel's drivers, the many that this machine has nothing for.
  "usr/lib/modules/*/kernel/sound",
  ...["gpu", "infiniband", "iio", "media", "net/ethernet", "net/wireless", "scsi", "usb"].map(
    (folder) => `usr/lib/modules/*/kernel/drivers/${folder}`,
  ),
];

const leftOutOf: Readonly<Record<GuestKind, readonly string[]>> = {
  kernel: [...leftOut, "usr/share", "usr/bin/podman*", "usr/libexec/podman"],
  services: leftOut,
};

export const pack = `
set -eu
out=$1; shift
cd "$1"; shift
for path; do set -- "$@" -path "./$path" -prune -o; shift; done
find . -xdev "$@" -print0 | cpio --quiet --null -o -H newc >"$out"
`;

const shell = `#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
`;

const inits: Readonly<Record<GuestKind, string>> = {
  kernel: `${shell}
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/shm /run /tmp
ln -s /proc/self/fd /dev/fd
for at in /dev/shm /run /tmp; do mount -t tmpfs tmpfs $at; done
/tests/prepare
exec /tests/run
`,
  // A container changes its root, and the kernel allows that nowhere on its very first file system: all of it is mounted on
  // itself, and the system started from there.
  services: `${shell}
mkdir /same
mount --bind / /same
cd /same
mount --move . /
exec chroot . /usr/lib/systemd/systemd --system --unit=suite.target
`,
};

const prepare = `${shell}
for module in virtio_blk dm_mod dm_crypt xfs loop; do modprobe $module || echo "no module $module" >/dev/ttyS1; done
`;

const run = `${shell}
cd /tmp
/tests/node --test-reporter=tap /tests/suite.mjs >/dev/ttyS1 2>&1
code=$?
[ $code = 0 ] || [ ! -d /run/log/journal ] || journalctl --no-pager --lines=300 --output=short-monotonic >/dev/ttyS1
echo "ended with $code" >/dev/ttyS1
echo o >/proc/sysrq-trigger
sleep 60
`;

const productUnits = ["piccolo-podman.socket", "piccolo-podman.service", "var-lib-piccolo-volume.mount"] as const;

/** As piccolod, the suite has a view of the file systems of its own, in which most of them cannot be written to. */
const units: Readonly<Record<string, string>> = {
  "suite.target": "[Unit]\nRequires=suite.service\nAllowIsolate=yes\n",
  "suite.service": `[Unit]
Wants=modprobe@dm_mod.service modprobe@dm_crypt.service modprobe@loop.service
After=modprobe@dm_mod.service modprobe@dm_crypt.service modprobe@loop.service
[Service]
Type=exec
ExecStartPre=+/tests/prepare
ExecStart=/tests/run
ProtectSystem=strict
ReadWritePaths=/run -/var/lib/piccolo
PrivateTmp=yes
LimitNOFILE=65536
`,
};

/** By path, what is being made: suites that run at once share it. */
const provided = new Map<string, Promise<string>>();

export function provideSystem(shop: Workshop, kind: GuestKind): Promise<string> {
  const key = keyOf(repositoryRoot, [], [shop.packagesRoot, leftOutOf[kind], pack]);
  const path = join(shop.folder, `guest-system-${key}.cpio`);
  const known = provided.get(path);
  if (known !== undefined) return known;
  const made = makeSystem(shop, kind, path);
  provided.set(path, made);
  // What could not be made is tried again by the next suite: a disk may have been full for a moment.
  made.catch(() => provided.delete(path));
  return made;
}

async function makeSystem(shop: Workshop, kind: GuestKind, path: string): Promise<string> {
  if (existsSync(path)) return path;
  const unfinished = `${path}.unfinished`;
  const chroot = new Chroot(shop.packagesRoot, [shop.folder]);
  await chroot.run("/bin/sh", ["-c", pack, "pack", unfinished, "/", ...leftOutOf[kind]]);
  renameSync(unfinished, path);
  return path;
}

/** Lays what a suite starts with over the system's tree, in a folder; `tests` in it is the suite's own. */
export function stageStart(folder: string, kind: GuestKind): void {
  const program = (path: string, text: string): void => writeFileSync(join(folder, path), text, { mode: 0o755 });
  program("init", inits[kind]);
  program("tests/prepare", prepare);
  program("tests/run", run);
  if (kind === "kernel") return;
  const own = join(folder, "usr/lib/systemd/system");
  mkdirSync(own, { recursive: true });
  for (const name of productUnits) copyFileSync(join(repositoryRoot, "os/units", name), join(own, name));
  cpSync(join(repositoryRoot, "os/root/usr/lib/sysctl.d"), join(folder, "usr/lib/sysctl.d"), { recursive: true });
  for (const [name, text] of Object.entries(units)) writeFileSync(join(own, name), text);
  // Else the service manager asks questions at its first start.
  mkdirSync(join(folder, "etc"));
  writeFileSync(join(folder, "etc/machine-id"), `${"0123456789abcdef".repeat(2)}\n`);
  mkdirSync(join(folder, "var/lib/piccolo"), { recursive: true });
  // Whom the suite sets up to know names.
  writeFileSync(join(folder, "etc/resolv.conf"), `nameserver ${publicAddress}\n`);
  // As `os/root/usr/lib/tmpfiles.d` has it.
  mkdirSync(join(folder, "var/lib/containers"));
  writeFileSync(join(folder, "var/lib/containers/cache"), "");
  // What containers are made of here.
  mkdirSync(join(folder, "usr/bin"));
  copyFileSync("/bin/busybox", join(folder, "usr/bin/busybox"));
}

/** From inside: what of the host an app could see or touch without any network. */
import { rmSync, writeFileSync } from "node:fs";
import { PrivilegedContainer } from "./privileged.ts";
import { type EscapeScene, hostileContainer } from "./scene.ts";

/** Everybody may read it who can name it. */
const marker = "/run/escape-marker";
const markerText = "a file of the host";

/** Each leaves what it could change as it was: the control really can. */
const attempts: readonly (readonly [string, string])[] = [
  ["Podman's socket", "ls /run/piccolo/*/podman/podman.sock /run/podman/podman.sock 2>/dev/null | grep ."],
  ["a socket anywhere", "find / \\( -path /proc -o -path /sys \\) -prune -o -type s -print 2>/dev/null | grep ."],
  ["the host's processes", "cat /proc/[0-9]*/comm 2>/dev/null | grep -x conmon"],
  ["the host's root by a process's", `cat /proc/[0-9]*/root${marker} 2>/dev/null | grep "${markerText}"`],
  ["a mount of its own", "mkdir -p /tmp/m && busybox mount -t tmpfs tmpfs /tmp/m && busybox umount /tmp/m"],
  ["a device file", "busybox mknod /tmp/device b 7 0 && rm -f /tmp/device"],
  [
    "the device of the volume",
    "for one in /dev/loop* /dev/vd* /dev/sd* /dev/dm-*; do [ -b $one ] && exit 0; done; exit 1",
  ],
  ["the kernel's settings", "now=$(cat /proc/sys/kernel/panic) && echo $now >/proc/sys/kernel/panic"],
  ["the kernel's messages", "busybox dmesg 2>/dev/null | grep ."],
  ["another network", "busybox ip link add escape0 type bridge && busybox ip link delete escape0"],
  ["the machine's clock", "busybox adjtimex -o 0"],
  [
    "a control group",
    "for one in $(find /sys/fs/cgroup -name cgroup.procs); do (: >>$one) 2>/dev/null && exit 0; done; exit 1",
  ],
  ["rights of its own", "grep -Eq '^Cap(Bnd|Eff|Prm):.*[1-9a-f]' /proc/self/status"],
  ["rights it could get", "grep -Eq '^NoNewPrivs:.*0' /proc/self/status"],
  ["system calls without a filter", "grep -Eq '^Seccomp:.*0' /proc/self/status"],
  ["the host's users", "grep -Eq '^ *0 +0 ' /proc/self/uid_map"],
];

export async function attackHost(scene: EscapeScene): Promise<void> {
  const { drill } = scene;
  writeFileSync(marker, `${markerText}\n`, { mode: 0o644 });
  const control = await PrivilegedContainer.like(hostileContainer);
  try {
    for (const [what, script] of attempts) {
      drill.fault(what);
      drill.equal(`${what} is out of reach`, await scene.can(script), false);
      drill.equal(`${what} is within reach of a container without the rules`, await control.can(script), true);
    }
  } finally {
    await control.remove();
    rmSync(marker);
  }
  drill.step(`the host: ${drill.checks} checks`);
}

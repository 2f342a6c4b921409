import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "@piccolo/fault";
import { labelTree, parseLabelPolicy } from "./labels.ts";
import type { Directory } from "./tree.ts";

const contexts = `
# Of the reference policy's form: patterns, kinds, the last that fits, exact paths before all.
/.*		system_u:object_r:default_t:s0
/	-d	system_u:object_r:root_t:s0
/a?quota\\.(user|group)	--	system_u:object_r:quota_db_t:s0
/etc/.*		system_u:object_r:etc_t:s0
/etc	-d	system_u:object_r:etc_t:s0
/etc/shadow.*	--	system_u:object_r:shadow_t:s0
/etc/\\.pwd\\.lock	--	system_u:object_r:shadow_t:s0
/usr/.*		system_u:object_r:usr_t:s0
/usr	-d	system_u:object_r:usr_t:s0
/usr/lib(/.*)?		system_u:object_r:lib_t:s0
/usr/lib(/.*)?/[^/]*\\.so(\\.[^/]*)*	--	system_u:object_r:lib_t:s0
/usr/lib/systemd/system(/.*)?		system_u:object_r:systemd_unit_t:s0
/usr/lib/systemd/systemd	--	system_u:object_r:init_exec_t:s0
/usr/bin(/.*)?		system_u:object_r:bin_t:s0
/usr/bin/fsck.*	--	system_u:object_r:fsadm_exec_t:s0
/usr/bin/d?ash	--	system_u:object_r:shell_exec_t:s0
/usr/(s)?bin/gpg(2)?	--	system_u:object_r:gpg_exec_t:s0
/usr/share/fonts(/.*)?		system_u:object_r:fonts_t:s0
/usr/share/tmp	-d	<<none>>
/dev/null	-c	system_u:object_r:null_device_t:s0
/usr/sbin/crond	--	system_u:object_r:crond_exec_t:s0
`;
const substitutions = "/usr/lib64 /usr/lib\n/usr/sbin /usr/bin\n";

/** What `matchpathcon` of libselinux 3.4 says of this policy. */
const recorded: readonly (readonly [path: string, kind: "file" | "directory" | "link", type: string | undefined])[] = [
  ["/", "directory", "root_t"],
  ["/other", "file", "default_t"],
  ["/quota.user", "file", "quota_db_t"],
  ["/aquota.group", "file", "quota_db_t"],
  ["/quotaXuser", "file", "default_t"],
  ["/etc", "directory", "etc_t"],
  ["/etc/passwd", "file", "etc_t"],
  ["/etc/shadow", "file", "shadow_t"],
  ["/etc/shadow-", "file", "shadow_t"],
  ["/etc/shadow.d", "directory", "etc_t"],
  ["/etc/.pwd.lock", "file", "shadow_t"],
  ["/usr", "directory", "usr_t"],
  ["/usr/lib", "directory", "lib_t"],
  ["/usr/lib/libc.so.6", "file", "lib_t"],
  ["/usr/lib64/libc.so.6", "file", "lib_t"],
  ["/usr/lib64", "directory", "lib_t"],
  ["/usr/lib64x", "file", "usr_t"],
  ["/usr/lib/systemd/system", "directory", "systemd_unit_t"],
  ["/usr/lib/systemd/system/a.service", "file", "systemd_unit_t"],
  ["/usr/lib/systemd/systemd", "file", "init_exec_t"],
  ["/usr/lib/systemd/systemd", "link", "lib_t"],
  ["/usr/lib/systemd/systemd-x", "file", "lib_t"],
  ["/usr/bin/sh", "link", "bin_t"],
  ["/usr/bin/ash", "file", "shell_exec_t"],
  ["/usr/bin/dash", "file", "shell_exec_t"],
  ["/usr/bin/bash", "file", "bin_t"],
  ["/usr/sbin/fsck.ext4", "file", "fsadm_exec_t"],
  ["/usr/sbin/fsck.ext4", "link", "bin_t"],
  ["/usr/bin/gpg", "file", "gpg_exec_t"],
  ["/usr/bin/gpg2", "file", "gpg_exec_t"],
  ["/usr/sbin/gpg", "file", "gpg_exec_t"],
  ["/usr/share/fonts/x", "file", "fonts_t"],
  ["/usr/share/tmp", "directory", undefined],
  ["/usr/share/tmp", "file", "usr_t"],
  ["/usr/sbin/crond", "file", "bin_t"],
  ["/usr/bin/crond", "file", "bin_t"],
];

test("a policy with a line that is not understood is refused", () => {
  for (const line of ["/a", "/a -- b c", "/a -x system_u:object_r:a_t:s0", "/a( system_u:object_r:a_t:s0"]) {
    assert.throws(
      () => parseLabelPolicy(line),
      (error) => isFault(error, "malformed"),
      line,
    );
  }
});

test("each path has the label that libselinux gives it", () => {
  const policy = parseLabelPolicy(contexts, substitutions);
  for (const [path, kind, type] of recorded) {
    const expected = type === undefined ? undefined : `system_u:object_r:${type}:s0`;
    assert.equal(policy.labelOf(path, kind), expected, `${kind} ${path}`);
  }
});

test("alternatives at the top of a pattern each begin anew, and a path no rule fits has no label", () => {
  const policy = parseLabelPolicy("/a/x|/b/y system_u:object_r:t:s0\n/c\\+d system_u:object_r:plus:s0");
  assert.equal(policy.labelOf("/b/y", "file"), "system_u:object_r:t:s0");
  assert.equal(policy.labelOf("/c+d", "file"), "system_u:object_r:plus:s0");
  assert.equal(policy.labelOf("/d", "file"), undefined);
});

test("a tree keeps what it was and has labels beside, /usr/etc those of /etc", () => {
  const plain = { mode: 0o755, uid: 0, gid: 0 };
  const shadow = {
    ...plain,
    kind: "inline" as const,
    content: new Uint8Array([1]),
    xattrs: { "user.a": new Uint8Array(1) },
  };
  const etc: Directory = { ...plain, kind: "directory", entries: new Map([["shadow", shadow]]) };
  const usr: Directory = { ...plain, kind: "directory", entries: new Map([["etc", etc]]) };
  const root: Directory = { ...plain, kind: "directory", entries: new Map([["usr", usr]]) };
  const labelled = labelTree(root, parseLabelPolicy(contexts, substitutions));
  const text = (value: Uint8Array | undefined): string => Buffer.from(value ?? []).toString("latin1");
  const found = labelled.entries.get("usr");
  assert.ok(found?.kind === "directory");
  assert.equal(text(found.xattrs?.["security.selinux"]), "system_u:object_r:usr_t:s0\0");
  const inner = found.entries.get("etc");
  assert.ok(inner?.kind === "directory");
  const { xattrs, ...rest } = inner.entries.get("shadow") ?? assert.fail("it is gone");
  assert.deepEqual(rest, { ...plain, kind: "inline", content: new Uint8Array([1]) });
  assert.deepEqual(Object.keys(xattrs ?? {}), ["user.a", "security.selinux"]);
  assert.equal(text(xattrs?.["security.selinux"]), "system_u:object_r:shadow_t:s0\0");
  assert.equal(usr.xattrs, undefined, "the tree it was made from is as it was");
});

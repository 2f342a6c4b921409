/** What `os/` says in one file it does not take back in another. */
import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { test } from "node:test";
import { readPackageList } from "../chroot/root-cache.ts";
import { repositoryRoot } from "../config.ts";

const os = join(repositoryRoot, "os");
const masks = readPackageList(join(os, "masks.txt"));

test("no unit is masked twice, and none that is enabled or ours is masked", () => {
  assert.equal(new Set(masks).size, masks.length);
  const preset = readFileSync(join(os, "root/usr/lib/systemd/system-preset/00-piccolo.preset"), "utf8");
  const enabled = [...preset.matchAll(/^enable (\S+)$/gm)].map((match) => match[1] ?? "");
  const ours = globSync(["root/usr/lib/systemd/system/*.*", "units/*"], { cwd: os }).map((path) => basename(path));
  for (const unit of [...enabled, ...ours]) assert.ok(!masks.includes(unit), `${unit} is masked`);
  assert.match(preset, /^disable \*$/m);
});

test("whatever could let somebody in is masked", () => {
  for (const unit of [
    "getty.target",
    "getty@.service",
    "serial-getty@.service",
    "sshd.service",
    "debug-shell.service",
  ]) {
    assert.ok(masks.includes(unit), unit);
  }
  for (const unit of ["systemd-pcrmachine.service", "systemd-pcrfs-root.service", "systemd-pcrfs@.service"]) {
    assert.ok(masks.includes(unit), `${unit}, which writes PCR 15`);
  }
});

test("the command line shuts the ways in that are opened there", () => {
  const line = readPackageList(join(os, "cmdline.txt"));
  for (const argument of [
    "systemd.import_credentials=no",
    "systemd.gpt_auto=0",
    "rd.shell=0",
    "rd.emergency=reboot",
    "sysctl.kernel.sysrq=0",
  ]) {
    assert.ok(line.includes(argument), argument);
  }
});

test("our scripts have our interpreter, and can be executed", () => {
  const path = join(os, "root/usr/lib/piccolo/install");
  assert.ok(readFileSync(path, "utf8").startsWith("#!/usr/lib/piccolo/sh\n"));
  assert.ok((statSync(path).mode & 0o111) !== 0);
});

test("the shell, getty and what asks for passwords must be there to be taken out", () => {
  const removed = readPackageList(join(os, "removed-paths.txt"));
  for (const path of ["usr/bin/sh", "usr/bin/bash", "usr/sbin/agetty", "usr/sbin/sulogin", "usr/bin/su"]) {
    assert.ok(removed.includes(`! ${path}`), path);
  }
  assert.ok(existsSync(join(os, "initrd/99piccolo/piccolo-root.sh")));
});

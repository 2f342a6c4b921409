/** What `os/` says in one file it does not take back in another. */
import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { test } from "node:test";
import { readPackageList } from "../chroot/root-cache.ts";
import { repositoryRoot } from "../config.ts";
import { biosMessage } from "../disk/bios-message.ts";

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

test("the stick's text and the installer speak of the same files, and of what boot loader and initrd say", () => {
  const text = readFileSync(join(os, "installer/READ-ME.txt"), "utf8");
  const script = readFileSync(join(os, "root/usr/lib/piccolo/install"), "utf8");
  for (const file of ["erase-the-disk", "repair-the-system"]) {
    assert.ok(text.includes(file), file);
    assert.ok(script.includes(`/run/piccolo-install/medium/${file}\n`), file);
  }
  assert.ok(text.includes("claim-code") && script.includes("for name in claim-code claim-code.txt;"));
  assert.ok(text.includes(biosMessage.split(".")[0] ?? ""));
  const initrd = ["piccolo-root.sh", "start-again.service"].map((name) => join(os, "initrd/99piccolo", name));
  const said = initrd.map((path) => readFileSync(path, "utf8")).join("");
  for (const words of ["the disk holds no release", "this release cannot start here; the machine starts again"]) {
    assert.ok(said.includes(words) && text.includes(words), words);
  }
  assert.match(text, /^[ -~\n]+$/, "every editor shows it");
});

test("where the initrd cannot go on, the screen says what to do before the machine starts again", () => {
  const unit = readFileSync(join(os, "initrd/99piccolo/start-again.service"), "utf8");
  const command = /^ExecStart=\/bin\/sh -c '([^'%$\\]*)'$/m.exec(unit)?.[1] ?? "";
  const said = [...command.matchAll(/echo "([^"]*)"/g)].map(([, line = ""]) => line);
  assert.ok(said[0]?.endsWith("this release cannot start here; the machine starts again"));
  assert.match(said.join("\n"), /older version.*comes back.*repair the system.*READ-ME\.txt.*stays/s);
  assert.ok(said.every((line) => line.length < 90));
  assert.match(command, /> \/dev\/console; sleep 10; exec systemctl reboot --force --force$/);
});

test("a program of the device's own that does not run is said on every screen before the machine starts again, without a shell", () => {
  for (const name of ["piccolod.service", "piccolod-ready.target"]) {
    const lines = readFileSync(join(os, "units", name), "utf8").split("\n");
    assert.ok(lines.includes("OnFailure=piccolod-gave-up.service"), name);
    // It would begin before anything is said, and keep it from being said.
    assert.doesNotMatch(lines.join("\n"), /^\w+Action=/m);
  }
  const unit = readFileSync(join(os, "units/piccolod-gave-up.service"), "utf8");
  for (const line of ["SuccessAction=reboot", "FailureAction=reboot"]) assert.ok(unit.split("\n").includes(line), line);
  assert.doesNotMatch(unit, /^(?:Requires|Wants|BindsTo|RequiresMountsFor|Condition\w+|Assert\w+|ExecCondition)=/m);
  const settings = JSON.parse(readFileSync(join(os, "piccolod/piccolod.json"), "utf8")) as { screen: string[] };
  const commands = [...unit.matchAll(/^Exec\w+=(.*)$/gm)].map(([, command]) => command);
  assert.deepEqual(commands, [`-tee ${settings.screen.join(" ")}`, "sleep 10"]);
  const said = [...unit.matchAll(/^StandardInputText=(.*)$/gm)].map(([, line = ""]) => line);
  assert.ok(
    said.every((line) => line !== "" && line.length < 90 && !line.includes("%")),
    "an empty one would clear those before it",
  );
  const words = "the device's own program does not run; the machine starts again";
  assert.ok(said.join("\n").includes(words));
  for (const path of ["os/installer/READ-ME.txt", "docs/guide/install.md", "docs/guide/os.md"]) {
    assert.ok(readFileSync(join(repositoryRoot, path), "utf8").includes(words), path);
  }
});

test("an ordinary switch-off says nothing of the kind, also of a daemon that ends badly then", () => {
  // By its default dependencies a unit conflicts with a shutdown, and is not started once one has begun.
  assert.doesNotMatch(readFileSync(join(os, "units/piccolod-gave-up.service"), "utf8"), /^DefaultDependencies=/m);
});

test("the shell, getty and what asks for passwords must be there to be taken out", () => {
  const removed = readPackageList(join(os, "removed-paths.txt"));
  for (const path of ["usr/bin/sh", "usr/bin/bash", "usr/sbin/agetty", "usr/sbin/sulogin", "usr/bin/su"]) {
    assert.ok(removed.includes(`! ${path}`), path);
  }
  assert.ok(existsSync(join(os, "initrd/99piccolo/piccolo-root.sh")));
});

test("piccolod on a Fedora CoreOS masks what the image masks, but for what that system needs", () => {
  const text = readFileSync(join(os, "butane/piccolo.bu"), "utf8");
  const masked = [...text.matchAll(/^ {4}- name: (\S+)\n {6}mask: true$/gm)].map((match) => match[1] ?? "");
  const needed = readPackageList(join(os, "butane/not-masked.txt"));
  assert.deepEqual(
    needed.filter((unit) => !masks.includes(unit)),
    [],
    "what the image does not mask needs no exception",
  );
  const enabled = [...text.matchAll(/^ {4}- name: (\S+)\n {6}enabled: true$/gm)].map((match) => match[1] ?? "");
  // The image has no such files at all.
  const own = ["emergency.service", "rescue.service"];
  const wanted = [...masks.filter((unit) => !needed.includes(unit)), ...own];
  assert.deepEqual(masked.toSorted(), wanted.toSorted());
  for (const unit of enabled) assert.ok(!masked.includes(unit), `${unit} is masked`);
  assert.match(text, /path: \/etc\/systemd\/system-generators\/systemd-ssh-generator\n {6}target: \/dev\/null$/m);
  assert.match(text, /- systemd\.ssh_auto=no$/m);
});

test("the initrd has the drivers of each kind of disk the installer takes, and of the stick", () => {
  const script = readFileSync(join(os, "root/usr/lib/piccolo/install"), "utf8");
  const [, taken = ""] = /case \$name in ([^)]*)\) ;;/.exec(script) ?? [];
  const drivers: Readonly<Record<string, readonly string[]>> = {
    "sd*": ["sd_mod", "ahci", "virtio_scsi"],
    // Beside the disk's own, for processors that put a controller of theirs before it.
    "nvme*n*": ["nvme", "vmd"],
    "vd*": ["virtio_blk", "virtio_pci"],
    "mmcblk[0-9]": ["mmc_block", "sdhci_pci", "sdhci_acpi"],
  };
  assert.deepEqual(taken.split(" | "), Object.keys(drivers));
  const installed = readPackageList(join(os, "initrd/99piccolo/drivers.txt"));
  const stick = ["usb_storage", "uas", "xhci_pci", "ehci_pci"];
  for (const driver of [...Object.values(drivers).flat(), ...stick]) assert.ok(installed.includes(driver), driver);
  const setup = readFileSync(join(os, "initrd/99piccolo/module-setup.sh"), "utf8");
  assert.match(setup, /^ *hostonly='' instmods \$\(sed 's\/#\.\*\/\/' "\$moddir\/drivers\.txt"\)$/m);
});

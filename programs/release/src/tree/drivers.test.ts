import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { Chroot } from "../chroot/chroot.ts";
import { driverOf, missingDrivers, parseDependencies, settleDrivers, unmetNeeds } from "./drivers.ts";

const usb = "kernel/drivers/usb";
const dependencies = [
  `${usb}/storage/usb-storage.ko.xz: ${usb}/core/usbcore.ko.xz kernel/drivers/scsi/scsi_mod.ko.xz`,
  `${usb}/core/usbcore.ko.xz:`,
  "kernel/drivers/scsi/scsi_mod.ko.xz:",
  "",
].join("\n");

class NoTools extends Chroot {
  readonly asked: string[][] = [];

  override run(program: string, args: readonly string[]): Promise<Buffer> {
    this.asked.push([program, ...args]);
    return Promise.resolve(Buffer.alloc(0));
  }
}

let folder: string;
before(() => (folder = mkdtempSync(join(tmpdir(), "drivers-"))));
after(() => rmSync(folder, { recursive: true }));

/** A tree with these drivers, of a kernel that once had all. */
function treeWith(name: string, files: readonly string[]): string {
  const put = (path: string, content: string): void => {
    const at = join(folder, name, "usr/lib/modules/6", path);
    mkdirSync(dirname(at), { recursive: true });
    writeFileSync(at, content);
  };
  put("modules.dep", dependencies);
  put("modules.builtin", "kernel/drivers/char/tpm/tpm_tis.ko\n");
  for (const file of files) put(file, "");
  return join(folder, name);
}

function listOf(...names: string[]): string {
  const path = join(folder, "drivers.txt");
  writeFileSync(path, `# needed\n${names.join("\n")}\n`);
  return path;
}

test("a driver has one name, however its file is written and packed", () => {
  assert.equal(driverOf("usr/lib/modules/6/kernel/drivers/usb/host/xhci-pci.ko.xz"), "xhci_pci");
  assert.equal(driverOf("kernel/fs/ext4/ext4.ko"), "ext4");
  assert.equal(driverOf("usr/lib/modules/6/modules.dep"), undefined);
});

test("a wanted driver that no file is, is missing; one that is only named alike is not it", () => {
  const paths = ["kernel/drivers/usb/storage/usb-storage.ko.xz", "kernel/drivers/nvme/host/nvme-core.ko.xz"];
  assert.deepEqual(missingDrivers(["usb_storage", "usb-storage", "nvme"], paths), ["nvme"]);
});

test("what needs a driver that is gone is found, and what is gone itself needs nothing", () => {
  const parsed = parseDependencies(dependencies);
  assert.deepEqual(
    unmetNeeds(parsed, (file) => !file.endsWith("usbcore.ko.xz")),
    [`${usb}/storage/usb-storage.ko.xz needs ${usb}/core/usbcore.ko.xz`],
  );
  assert.deepEqual(
    unmetNeeds(parsed, (file) => file.includes("scsi")),
    [],
  );
});

test("a tree whose drivers are whole has them told anew, by the kernel's own root", async () => {
  const tree = treeWith("whole", parseDependencies(dependencies).keys().toArray());
  const own = new NoTools("/", []);
  await settleDrivers(tree, "6", listOf("usb_storage", "tpm_tis"), own);
  assert.deepEqual(own.asked, [["depmod", "--basedir", tree, "6"]]);
});

test("a tree that lost what another driver needs, or a driver a device needs, is refused", async () => {
  const own = new NoTools("/", []);
  const broken = treeWith("broken", [`${usb}/storage/usb-storage.ko.xz`]);
  await assert.rejects(settleDrivers(broken, "6", listOf(), own), {
    code: "release-unfit",
    message: /takes out what others need: .*usb-storage\.ko\.xz needs .*usbcore/,
  });
  const lacking = treeWith("lacking", [`${usb}/core/usbcore.ko.xz`]);
  await assert.rejects(settleDrivers(lacking, "6", listOf("usb_storage", "tpm_tis"), own), {
    code: "release-unfit",
    message: /lacks drivers that a device needs: usb_storage$/,
  });
  assert.deepEqual(own.asked, []);
});

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { encryptsAsOurs } from "./crypt-table.ts";
import { numberOf, partitionsNamed } from "./partitions.ts";

test("partitions are found by the name the kernel read, whatever disk they are on", (context) => {
  const folder = mkdtempSync(join(tmpdir(), "piccolo-sysfs-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const entries: Readonly<Record<string, string>> = {
    vda: "MAJOR=254\nMINOR=0\nDEVNAME=vda\nDEVTYPE=disk\nDISKSEQ=9\n",
    vda1: "MAJOR=254\nMINOR=1\nDEVNAME=vda1\nDEVTYPE=partition\nDISKSEQ=9\nPARTN=1\nPARTNAME=piccolo-esp\n",
    vda3: "MAJOR=254\nMINOR=3\nDEVNAME=vda3\nDEVTYPE=partition\nDISKSEQ=9\nPARTN=3\nPARTNAME=piccolo-data\n",
    sdb1: "MAJOR=8\nMINOR=17\nDEVNAME=sdb1\nDEVTYPE=partition\nPARTN=1\nPARTNAME=piccolo-data=x\n",
    "dm-0": "MAJOR=253\nMINOR=0\nDEVNAME=dm-0\nDEVTYPE=disk\n",
  };
  for (const [name, content] of Object.entries(entries)) {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, "uevent"), content);
  }
  writeFileSync(join(folder, "vda3/dev"), "254:3\n");
  mkdirSync(join(folder, "gone"));
  assert.deepEqual(partitionsNamed("piccolo-data", folder), ["/dev/vda3"]);
  assert.deepEqual(partitionsNamed("piccolo", folder), []);
  assert.equal(numberOf("/dev/vda3", folder), "254:3");
  assert.equal(numberOf("/dev/gone", folder), undefined);
});

test("only a mapping that encrypts the whole of our device with our cipher is ours", () => {
  const ours =
    "0 1226752 crypt aes-xts-plain64 :64:logon:cryptsetup:eeb8da7c-abb1-49f0-af2b-2b4eca64bb5f-d0 0 254:3 2048 1 sector_size:4096\n";
  assert.equal(encryptsAsOurs(ours, "254:3"), true);
  for (const [from, to] of [
    ["254:3", "254:4"],
    ["crypt aes-xts-plain64", "crypt cipher_null-ecb"],
    ["crypt aes", "linear aes"],
    ["254:3 2048", "254:3 0"],
    ["-d0 0 ", "-d0 1 "],
    ["0 1226752", "8 1179615"],
    ["0 1226752", "0 0"],
    ["1 sector_size:4096", "0"],
    ["1 sector_size:4096", "1 sector_size:512"],
    ["1 sector_size:4096", "2 sector_size:4096"],
    ["1 sector_size:4096", "2 sector_size:4096 allow_discards"],
    ["1 sector_size:4096", "2 sector_size:4096 integrity:28:aead"],
    ["\n", "\n1226752 8 linear 254:4 0\n"],
    [ours, ""],
  ] as const) {
    const other = ours.replace(from, to);
    assert.notEqual(other, ours);
    assert.equal(encryptsAsOurs(other, "254:3"), false, other);
  }
});

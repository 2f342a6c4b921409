/** Against greenboot's `08_greenboot.cfg` and GRUB's `00_header` as they are written, put into TypeScript here; GRUB itself does not run. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { isFault } from "@piccolo/fault";
import fc from "fast-check";
import { bootControlSuite, type LoaderMachine } from "../../../test-support/boot-control-suite.ts";
import { GrubBoot } from "./grub-boot.ts";
import { decodeGrubEnvironment, encodeGrubEnvironment } from "./grub-environment.ts";

const ids = ["ostree-2-fedora-coreos", "ostree-1-fedora-coreos"] as const;

interface GrubMachine extends LoaderMachine {
  readonly folder: string;
  readonly environment: string;
}

async function machine(context: TestContext): Promise<GrubMachine> {
  const folder = mkdtempSync(join(tmpdir(), "boot-"));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, "loader/entries"), { recursive: true });
  mkdirSync(join(folder, "grub2"));
  for (const [at, id] of ids.entries()) {
    const text = `title Fedora CoreOS\nversion ${2 - at}\noptions root=UUID=1 ostree=/ostree/boot.1/fedora-coreos/ab/${at} rw\n`;
    writeFileSync(join(folder, `loader/entries/${id}.conf`), text);
  }
  writeFileSync(join(folder, "loader/entries/memtest.conf"), "title other\n");
  const environment = join(folder, "grub2/grubenv");
  writeFileSync(
    environment,
    encodeGrubEnvironment(
      new Map([
        ["boot_counter", "2"],
        ["boot_success", "0"],
      ]),
    ),
  );
  let commandLine = "root=UUID=1";
  const start = (): string | undefined => {
    const variables = new Map(decodeGrubEnvironment(readFileSync(environment)));
    let chosen = variables.get("next_entry") ?? variables.get("saved_entry") ?? ids[0];
    variables.delete("next_entry");
    const counter = Number(variables.get("boot_counter") ?? Number.NaN);
    if (!Number.isNaN(counter) && variables.get("boot_success") === "0") {
      if (counter <= 0) chosen = ids[1];
      variables.set("boot_counter", String(counter <= 0 ? -1 : counter - 1));
    }
    variables.set("boot_success", "0");
    writeFileSync(environment, encodeGrubEnvironment(variables));
    commandLine = `root=UUID=1 ostree=/ostree/boot.1/fedora-coreos/ab/${ids.indexOf(chosen as (typeof ids)[0])} rw`;
    return chosen;
  };
  return { boot: new GrubBoot(folder, () => commandLine), ids, start, folder, environment };
}

bootControlSuite("GRUB's environment and OSTree's entries", machine);

test("an environment of another size or form is refused", () => {
  const good = encodeGrubEnvironment(new Map([["a", "b"]]));
  const text = (lines: string): Uint8Array => Buffer.from(`# GRUB Environment Block\n${lines}`.padEnd(1_024, "#"));
  const wrong = [
    good.subarray(1),
    new Uint8Array(1_024),
    new Uint8Array(0),
    text("no variable\n"),
    text("a=1\na=2\n"),
    text("=1\n"),
    Buffer.from(`# GRUB Environment Block\n${"a=".padEnd(999, "b")}`),
  ];
  for (const block of wrong)
    assert.throws(
      () => decodeGrubEnvironment(block),
      (error) => isFault(error, "malformed"),
    );
  assert.throws(
    () => encodeGrubEnvironment(new Map([["a", "b".repeat(1_000)]])),
    (error) => isFault(error, "malformed"),
  );
});

test("any variables that fit come back as they were", () => {
  const names = fc.stringMatching(/^[A-Za-z_]\w{0,8}$/);
  const values = fc.stringMatching(/^[^#\0]{0,20}$/);
  fc.assert(
    fc.property(fc.dictionary(names, values, { maxKeys: 8 }), (variables) => {
      const map = new Map(Object.entries(variables));
      assert.deepEqual(decodeGrubEnvironment(encodeGrubEnvironment(map)), map);
    }),
  );
});

test("GRUB's own editor reads and writes the same", (context) => {
  const folder = mkdtempSync(join(tmpdir(), "grubenv-"));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, "grubenv");
  const editor = "/usr/bin/grub-editenv";
  writeFileSync(path, encodeGrubEnvironment(new Map([["boot_counter", "3"]])));
  assert.equal(readFileSync(path).length, 1_024);
  execFileSync(editor, [path, "set", "boot_success=1"]);
  assert.deepEqual(
    [...decodeGrubEnvironment(readFileSync(path))],
    [
      ["boot_counter", "3"],
      ["boot_success", "1"],
    ],
  );
});

test("a damaged environment or a missing folder is a failure, not a choice", async (context) => {
  const { boot, environment, folder } = await machine(context);
  writeFileSync(environment, "half");
  await assert.rejects(boot.choice(), { code: "boot-partition-unreadable" });
  await assert.rejects(boot.bless(ids[0]), { code: "boot-partition-unreadable" });
  rmSync(join(folder, "loader"), { recursive: true });
  await assert.rejects(boot.once(ids[0]), { code: "boot-partition-unreadable" });
});

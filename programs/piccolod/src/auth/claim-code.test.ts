import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { realWorld } from "@piccolo/world/real";
import { ClaimCode } from "./claim-code.ts";

const left = "K7F2-QXM3";

test("what was planted in the place of the installer's code is none, and nobody waits for it", (context) => {
  const folder = mkdtempSync(join(tmpdir(), "piccolo-claim-code-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const elsewhere = join(folder, "elsewhere");
  writeFileSync(elsewhere, left);
  for (const [what, plant] of [
    ["a pipe", (path: string) => void execFileSync("mkfifo", [path])],
    ["a link to what never ends", (path: string) => symlinkSync("/dev/zero", path)],
    ["a link to a code", (path: string) => symlinkSync(elsewhere, path)],
    ["a folder", (path: string) => mkdirSync(path)],
    ["more than a code", (path: string) => writeFileSync(path, `${left}${" ".repeat(257 - left.length)}`)],
    ["no text", (path: string) => writeFileSync(path, Uint8Array.of(0xff, 0xfe))],
    ["nothing", () => undefined],
  ] as const) {
    const file = join(folder, what);
    plant(file);
    const withoutScreen = new ClaimCode({ file, world: undefined });
    assert.equal(withoutScreen.renew(), undefined, what);
    assert.equal(withoutScreen.matches(left), false, what);
    const shown = new ClaimCode({ file, world: realWorld });
    const code = shown.renew();
    assert.ok(code !== undefined && shown.matches(code), what);
  }
});

test("the installer's code counts, however it ends, and no other beside it", (context) => {
  const folder = mkdtempSync(join(tmpdir(), "piccolo-claim-code-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "claim-code");
  for (const ending of ["", "\n", "\r\n"]) {
    writeFileSync(file, `${left}${ending}`);
    const code = new ClaimCode({ file, world: realWorld });
    assert.equal(code.renew(), undefined);
    assert.equal(code.matches("k7f2qxm3"), true);
    assert.equal(code.matches("k7f2qxm4"), false);
  }
});

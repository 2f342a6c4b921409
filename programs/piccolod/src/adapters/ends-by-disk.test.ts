import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { EndsByDisk } from "./ends-by-disk.ts";

const failing = (path: string): Error => Object.assign(new Error("EIO"), { errno: -5, code: "EIO", path });

class Start {
  readonly path: string;
  nowS = 100;

  constructor(context: TestContext) {
    const folder = mkdtempSync(join(tmpdir(), "piccolo-ends-"));
    context.after(() => rmSync(folder, { recursive: true }));
    this.path = join(folder, "run/ended-by-disk");
  }

  /** Each daemon has its own. */
  get ends(): EndsByDisk {
    return new EndsByDisk({ path: this.path, volumePath: "/state/volume", uptimeS: () => this.nowS });
  }
}

test("the third end within a quarter of an hour is a reason, told by the last one", (context) => {
  const start = new Start(context);
  for (const file of ["/state/outside", "/state/volume/a", "/state/volume/b"]) {
    assert.equal(start.ends.reason(), undefined);
    start.ends.note(failing(file));
    start.nowS += 60;
  }
  assert.equal(start.ends.reason()?.code, "volume-damaged");
  assert.match(start.ends.reason()?.detail ?? "", /EIO/);
  start.nowS += 15 * 60;
  assert.equal(start.ends.reason(), undefined, "one that works for a while is no longer one that ends again and again");
  start.ends.note(failing("/state/outside"));
  assert.equal(start.ends.reason(), undefined);
});

test("bugs are not counted, and neither is what another program left there", (context) => {
  const start = new Start(context);
  for (let end = 0; end < 5; end++) start.ends.note(new TypeError("x is not a function"));
  assert.equal(start.ends.reason(), undefined);
  mkdirSync(join(start.path, ".."));
  for (const content of ["", "{}", JSON.stringify({ endsS: [1, 1, 1, 1], code: "x", detail: "y" })]) {
    writeFileSync(start.path, content);
    assert.equal(start.ends.reason(), undefined, content);
    start.ends.note(failing("/state/outside"));
    assert.equal(start.ends.reason(), undefined, content);
  }
  rmSync(start.path);
  mkdirSync(start.path);
  start.ends.note(failing("/state/outside"));
  assert.equal(start.ends.reason(), undefined);
});

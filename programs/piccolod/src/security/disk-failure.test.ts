import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test, type TestContext } from "node:test";
import { isFault } from "@piccolo/fault";
import { diskFaults } from "@piccolo/storage/ports";
import { FailingDisk } from "../../test-support/failing-disk.ts";
import { DurableFolder } from "../adapters/state-folder.ts";
import { faultOfStart } from "./disk-failure.ts";
import { volumeFaults } from "./volume.ts";

function folderOf(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "piccolo-disk-failure-"));
  context.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

function thrownBy(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

test("what the system says of an open file is told by where the file lies", (context) => {
  const folder = folderOf(context);
  const disk = new FailingDisk(context);
  const [volume, beside] = [new DurableFolder(join(folder, "volume")), new DurableFolder(join(folder, "beside"))];
  for (const place of [volume, beside]) place.write("file", new Uint8Array(3));
  for (const [place, code] of [
    [volume, "volume-damaged"],
    [beside, "state-damaged"],
  ] as const) {
    for (const call of ["open", "read", "write", "fsync"] as const) {
      disk.failure = { call, code: "EIO", below: place.path };
      const work =
        call === "open" || call === "read" ? () => place.read("file") : () => place.write("file", Uint8Array.of(1));
      const fault = faultOfStart(thrownBy(work), volume.path);
      assert.equal(fault?.code, code, call);
      assert.match(fault?.message ?? "", /EIO/);
    }
  }
  disk.failure = { call: "read", code: "EUCLEAN", below: volume.path };
  assert.match(
    faultOfStart(
      thrownBy(() => volume.read("file")),
      volume.path,
    )?.message ?? "",
    /EUCLEAN/,
  );
  disk.failure = undefined;
});

test("a folder of a name that only begins like the volume's lies beside it", (context) => {
  const folder = folderOf(context);
  mkdirSync(join(folder, "volume-header"));
  const error = thrownBy(() => rmSync(join(folder, "volume-header")));
  assert.equal(faultOfStart(error, join(folder, "volume"))?.code, "state-damaged");
});

test("a damaged database is one, and what a database refuses for another reason is a bug", (context) => {
  const path = join(folderOf(context), "control.db");
  writeFileSync(path, "no database".repeat(100));
  const read = (of: string): unknown =>
    thrownBy(() => {
      const db = new DatabaseSync(of);
      try {
        db.exec("SELECT * FROM absent");
      } finally {
        db.close();
      }
    });
  assert.equal(faultOfStart(read(path), "/volume")?.code, "database-damaged");
  assert.equal(faultOfStart(read(":memory:"), "/volume"), undefined);
});

test("faults stay as they are, but for those of the engine's disk, which is the volume", () => {
  const fault = volumeFaults.fault("volume-busy", "in use");
  assert.equal(faultOfStart(fault, "/volume"), fault);
  assert.equal(faultOfStart(diskFaults.fault("disk-error", "it fails"), "/volume")?.code, "volume-damaged");
});

test("a bug stays one, and so does a refusal of the network", async (context) => {
  for (const bug of [new TypeError("x is not a function"), "text", undefined, new Error("no errno")]) {
    assert.equal(faultOfStart(bug, "/volume"), undefined);
  }
  const first = createServer();
  context.after(() => first.close());
  await new Promise<void>((resolve) => first.listen(0, "127.0.0.1", resolve));
  const address = first.address();
  assert.ok(address !== null && typeof address === "object");
  const refused = await new Promise<Error>((resolve) =>
    createServer().on("error", resolve).listen(address.port, "127.0.0.1"),
  );
  assert.ok("errno" in refused && !isFault(refused));
  assert.equal(faultOfStart(refused, "/volume"), undefined);
  const forbidden = Object.assign(new Error("EACCES"), {
    errno: -13,
    code: "EACCES",
    syscall: "listen",
    address: "::",
  });
  assert.equal(faultOfStart(forbidden, "/volume"), undefined);
});

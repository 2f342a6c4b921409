import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import fc from "fast-check";
import { diskSuite } from "@piccolo/storage/suites";
import { FolderDisk } from "./disk.ts";
import { createBlake3, createWasmBlake3 } from "./fragment-hash.ts";

function folder(context: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "piccolod-disk-"));
  context.after(() => rmSync(path, { recursive: true }));
  return path;
}

diskSuite("a folder of the file system", (context) => new FolderDisk(folder(context)));

test("files and folders on the disk are readable by the device's own account alone", async (context) => {
  const path = folder(context);
  const disk = new FolderDisk(path);
  await disk.makeFolder("a/b");
  await disk.createFile("a/b/file", [new Uint8Array(3)]);
  for (const name of ["a", "a/b", "a/b/file"]) assert.equal(statSync(join(path, name)).mode & 0o077, 0, name);
});

test("a disk without room says so", async () => {
  // Linux answers ENOSPC to every write here.
  const disk = new FolderDisk("/dev");
  await assert.rejects(disk.createFile("full", [new Uint8Array(10)]), { code: "disk-full" });
});

test("BLAKE3 in native code and in WebAssembly give the same bytes, at once and bit by bit", async () => {
  const [native, wasm] = await Promise.all([createBlake3(), createWasmBlake3()]);
  assert.equal(native.kind, "native");
  assert.equal(wasm.kind, "wasm");
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 5_000 }), { maxLength: 8 }), (pieces) => {
      const whole = Buffer.concat(pieces);
      const streams = [native.stream(), wasm.stream()];
      for (const piece of pieces) for (const stream of streams) stream.update(piece);
      const expected = Buffer.from(wasm.hash(whole)).toString("hex");
      assert.equal(Buffer.from(native.hash(whole)).toString("hex"), expected);
      for (const stream of streams) assert.equal(Buffer.from(stream.digest()).toString("hex"), expected);
    }),
  );
});

test("two streams in WebAssembly do not disturb each other", async () => {
  const { hash, stream } = await createWasmBlake3();
  const [first, second] = [stream(), stream()];
  first.update(Buffer.from("ab"));
  second.update(Buffer.from("xy"));
  first.update(Buffer.from("cd"));
  second.update(Buffer.from("z"));
  assert.deepEqual(first.digest(), hash(Buffer.from("abcd")));
  assert.deepEqual(second.digest(), hash(Buffer.from("xyz")));
});

test("an add-on that computes something else is not used", async () => {
  const wrong = {
    blake3: () => Buffer.alloc(32),
    Blake3Hasher: class {
      update(): void {}
      digestBuffer(): Buffer {
        return Buffer.alloc(32);
      }
    },
  };
  assert.equal((await createBlake3(wrong)).kind, "wasm");
});

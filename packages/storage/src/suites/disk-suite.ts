import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Disk } from "../ports/index.ts";
import { type Make, pattern } from "./suite.ts";

const isNotFound = { code: "not-found" };

/** What every `Disk` does while the power stays on; what it keeps at a power cut only a fake can show. */
export function diskSuite(name: string, make: Make<Disk>): void {
  suite(`${name} as a disk`, () => {
    test("a file that is not there cannot be read, measured or renamed", async (context) => {
      const disk = await make(context);
      await assert.rejects(disk.read("absent", 0, 1), isNotFound);
      await assert.rejects(disk.sizeBytes("absent"), isNotFound);
      await assert.rejects(disk.rename("absent", "other"), isNotFound);
    });

    test("a file in a folder that is not there cannot be created", async (context) => {
      const disk = await make(context);
      await assert.rejects(disk.createFile("absent/file", [pattern(3)]), isNotFound);
    });

    test("a read past the end is refused instead of giving fewer bytes", async (context) => {
      const disk = await make(context);
      await disk.createFile("file", [pattern(10)]);
      await assert.rejects(disk.read("file", 8, 3), { code: "disk-error" });
    });

    test("what was created in pieces is read back in any part", async (context) => {
      const disk = await make(context);
      const content = pattern(200_000);
      await disk.createFile("file", [content.subarray(0, 1), content.subarray(1, 70_000), content.subarray(70_000)]);
      assert.equal(await disk.sizeBytes("file"), content.length);
      assert.deepEqual(new Uint8Array(await disk.read("file", 0, content.length)), content);
      assert.deepEqual(new Uint8Array(await disk.read("file", 69_990, 20)), content.slice(69_990, 70_010));
    });

    test("a file of many pieces is whole", async (context) => {
      const disk = await make(context);
      const pieces = Array.from({ length: 3_000 }, (_, at) => pattern(at % 7, at));
      const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
      await disk.createFile("file", pieces);
      const whole = await disk.read("file", 0, length);
      assert.deepEqual(new Uint8Array(whole), Uint8Array.from(pieces.flatMap((piece) => [...piece])));
      assert.equal(await disk.sizeBytes("file"), length);
    });

    test("an empty file exists", async (context) => {
      const disk = await make(context);
      await disk.createFile("file", []);
      assert.equal(await disk.sizeBytes("file"), 0);
      assert.equal((await disk.read("file", 0, 0)).length, 0);
    });

    test("creating again replaces a longer content", async (context) => {
      const disk = await make(context);
      await disk.createFile("file", [pattern(1_000)]);
      await disk.createFile("file", [pattern(5, 2)]);
      assert.equal(await disk.sizeBytes("file"), 5);
      assert.deepEqual(new Uint8Array(await disk.read("file", 0, 5)), pattern(5, 2));
    });

    test("a rename moves a file between folders and replaces what was there", async (context) => {
      const disk = await make(context);
      await disk.makeFolder("from");
      await disk.makeFolder("to/deep");
      await disk.createFile("from/file", [pattern(9, 1)]);
      await disk.createFile("to/deep/file", [pattern(4, 2)]);
      await disk.rename("from/file", "to/deep/file");
      await disk.syncFolder("to/deep");
      await disk.syncFolder("from");
      assert.deepEqual(new Uint8Array(await disk.read("to/deep/file", 0, 9)), pattern(9, 1));
      await assert.rejects(disk.sizeBytes("from/file"), isNotFound);
    });

    test("removing is harmless when repeated", async (context) => {
      const disk = await make(context);
      await disk.createFile("file", [pattern(9)]);
      await disk.remove("file");
      await disk.remove("file");
      await assert.rejects(disk.sizeBytes("file"), isNotFound);
    });

    test("a folder lists its files and folders, not what lies deeper; an absent one is empty", async (context) => {
      const disk = await make(context);
      await disk.makeFolder("a/b");
      await disk.makeFolder("a/b");
      await disk.createFile("a/file", [pattern(1)]);
      await disk.createFile("a/b/inner", [pattern(1)]);
      assert.deepEqual([...(await disk.list("a"))].sort(), ["b", "file"]);
      assert.deepEqual([...(await disk.list("a/b"))], ["inner"]);
      assert.deepEqual([...(await disk.list(""))], ["a"]);
      assert.deepEqual([...(await disk.list("absent"))], []);
    });

    test("there is room left", async (context) => {
      const disk = await make(context);
      assert.ok((await disk.freeBytes()) > 0);
    });
  });
}

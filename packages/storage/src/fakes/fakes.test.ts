import assert from "node:assert/strict";
import { test } from "node:test";
import { diskSuite, holderIndexSuite, metadataSuite, ownLogSuite, witnessStoreSuite } from "../suites/index.ts";
import { CrashDisk, MemoryHolderIndex, MemoryMetadata, MemoryOwnLog, MemoryWitnessStore } from "./index.ts";

diskSuite("the disk in memory", () => new CrashDisk());
holderIndexSuite("the index in memory", () => new MemoryHolderIndex());
metadataSuite("the metadata in memory", () => new MemoryMetadata());
witnessStoreSuite("the witness in memory", () => {
  const store = new MemoryWitnessStore();
  return { store, reopen: () => store };
});
ownLogSuite("the log in memory", () => {
  const log = new MemoryOwnLog();
  return {
    log,
    write: (key, value) => log.write(key, value),
    content: () => [...log.rows()].sort(([a], [b]) => (a < b ? -1 : 1)),
    reopen: () => log,
  };
});

const bytes = (text: string): Uint8Array[] => [new TextEncoder().encode(text)];
const textOf = async (disk: CrashDisk, path: string): Promise<string> =>
  new TextDecoder().decode(await disk.read(path, 0, await disk.sizeBytes(path)));

test("a power cut takes a created file whose folder was not synced, and leaves one whose folder was", async () => {
  const disk = new CrashDisk();
  await disk.makeFolder("folder");
  await disk.createFile("folder/kept", bytes("kept"));
  await disk.syncFolder("folder");
  await disk.createFile("folder/lost", bytes("lost"));
  disk.crash();
  assert.deepEqual(await disk.list("folder"), ["kept"]);
  assert.equal(await textOf(disk, "folder/kept"), "kept");
});

test("a power cut undoes a rename and a removal whose folder was not synced", async () => {
  const disk = new CrashDisk();
  await disk.createFile("a", bytes("a"));
  await disk.createFile("b", bytes("b"));
  await disk.syncFolder("");
  await disk.rename("a", "c");
  await disk.remove("b");
  disk.crash();
  assert.deepEqual([...(await disk.list(""))].sort(), ["a", "b"]);
});

test("a rename between folders is lost from both when only the one it left was synced", async () => {
  const disk = new CrashDisk();
  await disk.makeFolder("from");
  await disk.makeFolder("to");
  await disk.createFile("from/file", bytes("x"));
  await disk.syncFolder("from");
  await disk.rename("from/file", "to/file");
  await disk.syncFolder("from");
  disk.crash();
  assert.deepEqual([...(await disk.list("from")), ...(await disk.list("to"))], []);
});

test("a power cut while a file is written leaves less than the whole, and the writer hears of it", async () => {
  const disk = new CrashDisk();
  await disk.createFile("file", bytes("before"));
  await disk.syncFolder("");
  const writing = disk.createFile("file", bytes("after"));
  disk.crash();
  await assert.rejects(writing, { code: "disk-error" });
  assert.notEqual(await textOf(disk, "file"), "after");
});

test("what is not synced may also happen to survive", async () => {
  const disk = new CrashDisk();
  await disk.createFile("lucky", bytes("lucky"));
  await disk.createFile("unlucky", bytes("unlucky"));
  disk.crash((what) => what.path === "lucky");
  assert.deepEqual(await disk.list(""), ["lucky"]);
});

test("a full disk refuses a file and keeps the others", async () => {
  const disk = new CrashDisk({ capacityBytes: 10 });
  await disk.createFile("first", bytes("12345678"));
  await assert.rejects(disk.createFile("second", bytes("123")), { code: "disk-full" });
  assert.equal(await disk.freeBytes(), 2);
  assert.equal(await textOf(disk, "first"), "12345678");
});

test("a damaged file reads as other bytes of the same length", async () => {
  const disk = new CrashDisk();
  await disk.createFile("file", bytes("abc"));
  disk.damage("file", 1);
  assert.equal(await textOf(disk, "file"), "acc");
});

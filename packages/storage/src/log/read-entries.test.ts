import assert from "node:assert/strict";
import { test } from "node:test";
import { concat } from "@piccolo/bytes";
import { ed25519FromSeed, signStatement } from "@piccolo/envelope";
import type { StoredEntry } from "../ports/index.ts";
import { id, pattern } from "../suites/suite.ts";
import { encodeEntries, noHash, readEntries, sealedHashOf, signHead, storedEntryOf } from "./index.ts";

const device = ed25519FromSeed(id(32, 1));

function entry(sequence: number, sealedBytes: number): StoredEntry {
  const sealed = pattern(sealedBytes, sequence);
  const head = {
    kind: "delta" as const,
    network: id(32, 60),
    account: id(32, 50),
    deviceEpoch: 1,
    keyEpoch: 1,
    sequence,
    previousHash: sequence === 1 ? noHash : id(32, sequence),
    sealedHash: sealedHashOf(sealed),
    sealedBytes,
    schemaVersion: 1,
    checkpoint: 0,
    witnessSet: { logLength: 1, headHash: id(32, 9) },
    timeMs: 1,
  };
  return storedEntryOf(
    signHead(head, (statement) => signStatement(device, statement)),
    sealed,
  );
}

async function* inPieces(bytes: Uint8Array, length: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
}

async function read(pieces: AsyncIterable<Uint8Array>): Promise<StoredEntry[]> {
  const entries: StoredEntry[] = [];
  for await (const one of readEntries(pieces)) entries.push(one);
  return entries;
}

const entries = [entry(1, 1), entry(2, 700), entry(3, 40)];
const bytes = encodeEntries(entries);

test("a run that ends within an entry, or whose entry is longer than any may be, is refused", async () => {
  for (const length of [1, 269, 270, 273, bytes.length - 1]) {
    await assert.rejects(read(inPieces(bytes.subarray(0, length), 100)), { code: "malformed" });
  }
  const long = concat(bytes.subarray(0, 270), new Uint8Array([0xff, 0xff, 0xff, 0xff]));
  await assert.rejects(read(inPieces(long, 100)), { code: "malformed" });
});

test("entries come back from a run however it is cut into pieces", async () => {
  for (const length of [1, 7, 270, 274, bytes.length]) assert.deepEqual(await read(inPieces(bytes, length)), entries);
  assert.deepEqual(await read(inPieces(bytes.subarray(0, 0), 1)), []);
});

test("of a run without end only what is not yet an entry is kept", async () => {
  const first = bytes.subarray(0, 275);
  let given = 0;
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (;;) {
      given += 1;
      yield first;
    }
  }
  for await (const { sequence } of readEntries(endless())) {
    assert.equal(sequence, 1);
    if (given === 1_000) break;
  }
  assert.equal(given, 1_000);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { concat } from "@piccolo/bytes";
import fc from "fast-check";
import { fragmentOf } from "../../test-support/one-holder.ts";
import { hash } from "../../test-support/small-network.ts";
import { CrashDisk } from "../fakes/index.ts";
import { cellBytes, decodeHeader, encodeHeader } from "../fragment/index.ts";
import { pattern } from "../suites/suite.ts";
import {
  decodePreamble,
  encodePreamble,
  preambleLength,
  provenLeaves,
  readPreamble,
  usualPreambleBytes,
} from "./fragment-file.ts";

const isMalformed = { code: "malformed" };
const fragment = fragmentOf(1);
const header = decodeHeader(fragment.headerBytes);
const leaves = provenLeaves(header, fragment.body, hash) ?? [];
const preamble = encodePreamble(fragment.headerBytes, leaves);

test("a preamble cut anywhere is refused, and so is the file that ends there", async () => {
  const disk = new CrashDisk();
  await disk.makeFolder("files");
  for (let length = 0; length < preamble.length; length++) {
    assert.throws(() => decodePreamble(preamble.subarray(0, length)), isMalformed, `${length} bytes`);
    await disk.createFile("files/cut", [preamble.subarray(0, length)]);
    await assert.rejects(readPreamble(disk, "files/cut", length), isMalformed, `a file of ${length} bytes`);
  }
});

test("another format, and a header over its bound, are refused before anything is read for them", () => {
  for (const read of [preambleLength, decodePreamble]) {
    for (const format of [0, 2, 255]) assert.throws(() => read(preamble.with(0, format)), isMalformed);
    assert.throws(() => read(concat(Uint8Array.of(1, 0, 0, 0x28, 1), new Uint8Array(12_000))), isMalformed);
    assert.throws(() => read(Uint8Array.of(1, 255, 255, 255, 255)), isMalformed);
  }
});

test("whatever bytes a file begins with, its preamble is read or refused", () => {
  const damaged = fc
    .tuple(fc.nat(preamble.length - 1), fc.nat(255))
    .map(([at, value]) => preamble.with(at, value) as Uint8Array);
  fc.assert(
    fc.property(fc.oneof(damaged, fc.uint8Array({ maxLength: 400 })), (bytes) => {
      for (const read of [() => preambleLength(bytes), () => decodePreamble(bytes)]) {
        try {
          read();
        } catch (error) {
          assert.equal((error as { code: string }).code, "malformed");
        }
      }
    }),
  );
});

test("a preamble survives its encoding, also where the body follows and where it is longer than the usual read", async () => {
  const disk = new CrashDisk();
  await disk.makeFolder("files");
  for (const [n, cells] of [
    [1, 1],
    [3, 2],
    [40, 128],
    [255, 128],
  ] as const) {
    const fragmentBytes = cells * cellBytes - 1;
    const roots = Array.from({ length: n }, (_, at) => pattern(32, at));
    const headerBytes = encodeHeader({ ...header, n, k: 1, fragmentBytes, roots });
    const many = Array.from({ length: cells }, (_, at) => pattern(32, at + 7));
    const encoded = encodePreamble(headerBytes, many);
    assert.equal(
      preambleLength(encoded.subarray(0, Math.max(usualPreambleBytes, 5 + headerBytes.length))),
      encoded.length,
    );
    await disk.createFile("files/one", [encoded, pattern(100)]);
    const read = await readPreamble(disk, "files/one", encoded.length + 100);
    assert.deepEqual(read.headerBytes, headerBytes);
    assert.deepEqual(read.leaves, many);
    assert.equal(read.bodyOffset, encoded.length);
  }
});

test("leaves are proven only by the very bytes of the fragment", () => {
  assert.equal(leaves.length, 2);
  assert.equal(provenLeaves(header, fragment.body.subarray(1), hash), undefined);
  assert.equal(provenLeaves(header, concat(fragment.body, Uint8Array.of(0)), hash), undefined);
  for (const at of [0, cellBytes - 1, cellBytes, fragment.body.length - 1]) {
    assert.equal(provenLeaves(header, fragment.body.with(at, (fragment.body[at] ?? 0) ^ 1), hash), undefined);
  }
  const other = { ...header, key: { ...header.key, index: 1 } };
  assert.equal(provenLeaves(other, fragment.body, hash), undefined);
});

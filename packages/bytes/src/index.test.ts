import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  ByteReader,
  ByteWriter,
  concat,
  equalConstantTime,
  fromBase32,
  fromBase64Url,
  fromHex,
  fromUtf8,
  toBase32,
  toBase64Url,
  toHex,
  toUtf8,
} from "./index.ts";

const isMalformed = { name: "Fault", code: "malformed" };

test("each text encoding gives back the bytes it was given", () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      assert.deepEqual(fromHex(toHex(bytes)), new Uint8Array(bytes));
      assert.deepEqual(fromBase64Url(toBase64Url(bytes)), new Uint8Array(bytes));
      assert.deepEqual(fromBase32(toBase32(bytes)), new Uint8Array(bytes));
    }),
  );
});

test("base32 equals the test vectors of RFC 4648 section 10", () => {
  assert.equal(toBase32(toUtf8("foobar")), "mzxw6ytboi");
  assert.equal(toBase32(toUtf8("foob")), "mzxw6yq");
});

test("a second spelling of the same bytes is refused", () => {
  assert.throws(() => fromHex("AB"), isMalformed);
  assert.throws(() => fromHex("abc"), isMalformed);
  assert.throws(() => fromBase64Url("AB"), isMalformed);
  assert.throws(() => fromBase64Url("AA=="), isMalformed);
  assert.throws(() => fromBase64Url("A A"), isMalformed);
  assert.throws(() => fromBase32("mz"), isMalformed);
  assert.throws(() => fromBase32("MZXW6YQ"), isMalformed);
});

test("bytes that are not UTF-8 are refused, not replaced", () => {
  assert.throws(() => fromUtf8(new Uint8Array([0xc3, 0x28])), isMalformed);
});

test("a reader gives back what a writer wrote and notices every missing or extra byte", () => {
  const bytes = new ByteWriter()
    .u8(7)
    .u16(65_535)
    .u32(4_294_967_295)
    .u64(Number.MAX_SAFE_INTEGER)
    .bool(true)
    .fixed(new Uint8Array(3), 3)
    .sized(toUtf8("a".repeat(300)))
    .finish();
  const read = (input: Uint8Array): void => {
    const reader = new ByteReader(input);
    assert.equal(reader.u8(), 7);
    assert.equal(reader.u16(), 65_535);
    assert.equal(reader.u32(), 4_294_967_295);
    assert.equal(reader.u64(), Number.MAX_SAFE_INTEGER);
    assert.equal(reader.bool(), true);
    assert.equal(reader.fixed(3).length, 3);
    assert.equal(reader.sized(300).length, 300);
    reader.end();
  };
  read(bytes);
  for (let length = 0; length < bytes.length; length++) {
    assert.throws(() => read(bytes.subarray(0, length)), isMalformed);
  }
  assert.throws(() => read(concat(bytes, new Uint8Array(1))), isMalformed);
});

test("lengths over their bound, odd truth values and numbers over 2^53 - 1 are refused", () => {
  assert.throws(() => new ByteReader(new ByteWriter().sized(new Uint8Array(5)).finish()).sized(4), isMalformed);
  assert.throws(() => new ByteReader(new Uint8Array([2])).bool(), isMalformed);
  assert.throws(() => new ByteReader(new Uint8Array(8).fill(255)).u64(), isMalformed);
});

test("comparison in constant time tells equal from different", () => {
  assert.ok(equalConstantTime(new Uint8Array([1, 2]), new Uint8Array([1, 2])));
  assert.ok(!equalConstantTime(new Uint8Array([1, 2]), new Uint8Array([1, 3])));
  assert.ok(!equalConstantTime(new Uint8Array([1]), new Uint8Array([1, 3])));
});

test("numbers are written whole where the writer has to grow for them", () => {
  for (let before = 240; before <= 260; before++) {
    const bytes = new ByteWriter()
      .raw(new Uint8Array(before))
      .u8(1)
      .u16(0x0203)
      .u32(0x04050607)
      .u64(0x08090a0b0c0d)
      .finish();
    assert.equal(toHex(bytes.subarray(before)), "01020304050607000008090a0b0c0d");
  }
});

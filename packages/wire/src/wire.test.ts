import assert from "node:assert/strict";
import { test } from "node:test";
import { concat } from "@piccolo/bytes";
import { Fault } from "@piccolo/fault";
import fc from "fast-check";
import { anyRefusalCode, anyRequest, anyResponse } from "../test-support/arbitraries.ts";
import {
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  fromRefusal,
  maxFrameBytes,
  maxRefusalTextBytes,
  refusal,
  toRefusal,
} from "./index.ts";

const isMalformed = { name: "Fault", code: "malformed" };

function throwsNothingButMalformed(decode: () => unknown): void {
  try {
    decode();
  } catch (error) {
    assert.ok(error instanceof Fault && error.code === "malformed", String(error));
  }
}

for (const [name, any, encode, decode] of [
  ["request", anyRequest, encodeRequest as (message: never) => Uint8Array, decodeRequest],
  ["response", anyResponse, encodeResponse as (message: never) => Uint8Array, decodeResponse],
] as const) {
  test(`every cut of a ${name} and every byte behind it is refused`, () => {
    fc.assert(
      fc.property(any, fc.nat(255), (message, extra) => {
        const frame = encode(message as never);
        // Long messages are cut at a step that still meets every field.
        const step = Math.max(1, Math.floor(frame.length / 300));
        for (let length = 0; length < frame.length; length += step) {
          assert.throws(() => decode(frame.subarray(0, length)), isMalformed);
        }
        assert.throws(() => decode(frame.subarray(0, -1)), isMalformed);
        assert.throws(() => decode(concat(frame, new Uint8Array([extra]))), isMalformed);
      }),
    );
  });

  test(`a changed ${name} is read as another message or refused as malformed, and has one form`, () => {
    fc.assert(
      fc.property(any, fc.nat(), fc.integer({ min: 1, max: 255 }), (message, at, mask) => {
        const frame = encode(message as never);
        frame[at % frame.length] = (frame[at % frame.length] ?? 0) ^ mask;
        throwsNothingButMalformed(() => assert.deepEqual(encode(decode(frame) as never), frame));
      }),
      { numRuns: 500 },
    );
  });

  test(`garbage is no ${name} and breaks nothing`, () => {
    const garbage = fc.tuple(fc.constantFrom(0, 1, 2), fc.nat(255), fc.uint8Array({ maxLength: 300 }));
    fc.assert(
      fc.property(garbage, ([format, type, rest]) => {
        throwsNothingButMalformed(() => decode(concat(new Uint8Array([format, type]), rest)));
      }),
      { numRuns: 2000 },
    );
  });

  test(`a ${name} comes back as it was sent, in a frame within the bound`, () => {
    fc.assert(
      fc.property(any, (message) => {
        const frame = encode(message as never);
        assert.ok(frame.length <= maxFrameBytes);
        assert.deepEqual(decode(frame), message);
      }),
    );
  });

  test(`a decoded ${name} does not change with the buffer it came from`, () => {
    fc.assert(
      fc.property(any, (message) => {
        const frame = encode(message as never);
        const decoded = decode(frame);
        frame.fill(0xff);
        assert.deepEqual(decoded, message);
      }),
    );
  });
}

test("requests are no responses, and responses no requests", () => {
  fc.assert(
    fc.property(anyRequest, anyResponse, (request, response) => {
      assert.throws(() => decodeResponse(encodeRequest(request)), isMalformed);
      assert.throws(() => decodeRequest(encodeResponse(response)), isMalformed);
    }),
  );
});

test("the longest messages fit in a frame", () => {
  const id = new Uint8Array(16);
  const hash = new Uint8Array(32);
  const many = <Item>(length: number, item: Item): Item[] => Array.from({ length }, () => item);
  const frames = [
    encodeRequest({ type: "store", account: hash, headerBytes: new Uint8Array(10_240), bodyBytes: 8_388_608 }),
    encodeRequest({ type: "remove", account: hash, segmentIds: many(256, id) }),
    encodeRequest({ type: "status", account: hash, keys: many(1024, { segmentId: id, index: 255 }) }),
    encodeResponse({ type: "cells", headerBytes: new Uint8Array(10_240), leaves: many(128, hash), bodyBytes: 1 }),
    encodeResponse({
      type: "listing",
      entries: many(512, { segmentId: id, index: 0, root: hash, sizeBytes: 0xffff_ffff }),
      more: true,
    }),
    encodeResponse({ type: "statuses", held: many(1024, true) }),
  ];
  for (const frame of frames) assert.ok(frame.length <= maxFrameBytes);
});

test("the encoder takes no value out of its bounds", () => {
  const account = new Uint8Array(32);
  const segmentId = new Uint8Array(16);
  const wrong = { name: "AssertionError" };
  const fetch = { type: "fetch", account, segmentId, index: 0 } as const;
  assert.throws(() => encodeRequest({ type: "remove", account, segmentIds: [] }), wrong);
  assert.throws(() => encodeRequest({ type: "list", account, after: undefined, limit: 513 }), wrong);
  assert.throws(() => encodeRequest({ ...fetch, firstCell: 100, cellCount: 29 }), wrong);
  assert.throws(() => encodeRequest({ ...fetch, firstCell: 0, cellCount: 0 }), wrong);
  assert.throws(() => encodeRequest({ type: "store", account, headerBytes: account, bodyBytes: 0 }), wrong);
});

test("a refusal becomes a fault of the same code and back", () => {
  fc.assert(
    fc.property(anyRefusalCode, fc.nat(100_000), fc.string(), (code, retryAfterMs, text) => {
      const refused = refusal(code, text, retryAfterMs);
      const fault = fromRefusal(refused);
      assert.equal(fault.code, code);
      assert.equal(
        fault.retry,
        ["full", "busy", "internal", "rate-limited", "untimely"].includes(code) ? "later" : "never",
      );
      assert.equal(fault.details["retryAfterMs"], retryAfterMs === 0 ? undefined : retryAfterMs);
      const again = toRefusal(fault);
      assert.equal(again.code, code);
      assert.equal(again.retryAfterMs, retryAfterMs);
      assert.ok(again.message.includes(refused.message.slice(0, 100)));
    }),
  );
});

test("what is no refusal becomes `internal` and keeps its cause to itself", () => {
  for (const error of [new Error("/var/secret/path"), new Fault("disk-full", "later", "/var/secret/path"), undefined]) {
    const refused = toRefusal(error);
    assert.equal(refused.code, "internal");
    assert.ok(!refused.message.includes("secret"));
  }
});

test("the text of a refusal is cut at a whole character and has no control characters", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 700 }), (text) => {
      const refused = refusal("internal", text);
      assert.ok(new TextEncoder().encode(refused.message).length <= maxRefusalTextBytes);
      assert.deepEqual(decodeResponse(encodeResponse(refused)), refused);
    }),
  );
});

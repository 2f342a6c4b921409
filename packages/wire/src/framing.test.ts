import assert from "node:assert/strict";
import { test } from "node:test";
import { ByteWriter, concat } from "@piccolo/bytes";
import { Fault } from "@piccolo/fault";
import fc from "fast-check";
import { encodeFraming, FrameReader, type FramingEvent, maxFrameBytes, prefixBytes } from "./index.ts";

const isMalformed = { name: "Fault", code: "malformed" };

function prefix(frameBytes: number, bodyBytes: number): Uint8Array {
  return new ByteWriter().u32(frameBytes).u64(bodyBytes).finish();
}

/** Pushes the bytes in pieces of the given lengths, over and over. */
function read(reader: FrameReader, bytes: Uint8Array, pieces: readonly number[]): FramingEvent[] {
  const events: FramingEvent[] = [];
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const length = pieces[turn % pieces.length] ?? 1;
    events.push(...reader.push(bytes.subarray(at, at + length)));
    at += length;
  }
  return events;
}

const anyPieces = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 10 });

test("a frame or body over its bound is refused at the prefix, before any of it arrives", () => {
  const reader = (): FrameReader => new FrameReader({ maxBodyBytes: 1000 });
  assert.throws(() => reader().push(prefix(0, 0)), isMalformed);
  assert.throws(() => reader().push(prefix(maxFrameBytes + 1, 0)), isMalformed);
  assert.throws(() => reader().push(prefix(0xffff_ffff, 0)), isMalformed);
  assert.throws(() => reader().push(prefix(1, 1001)), isMalformed);
  assert.throws(() => reader().push(concat(prefix(1, 0).subarray(0, 4), new Uint8Array(8).fill(255))), isMalformed);
  assert.deepEqual(reader().push(prefix(maxFrameBytes, 1000)), []);
});

test("a message ends where its prefix says: cut ones are refused at the end, longer ones at the first byte", () => {
  const bytes = concat(encodeFraming(new Uint8Array(20), 30), new Uint8Array(30));
  for (let length = 0; length < bytes.length; length++) {
    const reader = new FrameReader({ maxBodyBytes: 30 });
    reader.push(bytes.subarray(0, length));
    assert.throws(() => reader.finish(), isMalformed);
  }
  const reader = new FrameReader({ maxBodyBytes: 30 });
  reader.push(bytes);
  reader.finish();
  assert.throws(() => reader.push(new Uint8Array(1)), isMalformed);
});

test("garbage breaks nothing", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), anyPieces, (bytes, pieces) => {
      try {
        const reader = new FrameReader({ maxBodyBytes: 100 });
        read(reader, bytes, pieces);
        reader.finish();
      } catch (error) {
        assert.ok(error instanceof Fault && error.code === "malformed", String(error));
      }
    }),
  );
});

test("a message comes out whole, however the stream cuts it", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 300 }),
      fc.uint8Array({ maxLength: 300 }),
      anyPieces,
      (frame, body, pieces) => {
        const reader = new FrameReader({ maxBodyBytes: 300 });
        const events = read(reader, concat(encodeFraming(frame, body.length), body), pieces);
        reader.finish();
        assert.ok(reader.ended);
        assert.deepEqual(events[0], { type: "frame", frame: new Uint8Array(frame), bodyBytes: body.length });
        assert.deepEqual(events.at(-1), { type: "end" });
        const parts = events.slice(1, -1).map((event) => (event.type === "body" ? event.bytes : new Uint8Array(0)));
        assert.deepEqual(concat(...parts), new Uint8Array(body));
      },
    ),
  );
});

test("a framing is the prefix and the frame", () => {
  assert.equal(encodeFraming(new Uint8Array(5), 7).length, prefixBytes + 5);
});

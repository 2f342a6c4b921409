import assert from "node:assert/strict";
import { test } from "node:test";
import { ByteWriter, concat } from "@piccolo/bytes";
import fc from "fast-check";
import { MuxerFrames, muxerWindowBytes, withBoundedFrames } from "./index.ts";

const types = { data: 0, windowUpdate: 1, ping: 2, goAway: 3 } as const;

function header(type: keyof typeof types, length: number): Uint8Array {
  return new ByteWriter().u8(0).u8(types[type]).u16(0).u32(1).u32(length).finish();
}

const isMalformed = { name: "Fault", code: "malformed" };

test("a data frame over the window is refused at its header, before any of its data", () => {
  assert.throws(() => new MuxerFrames().check(header("data", 0xffff_ffff)), isMalformed);
  assert.throws(() => new MuxerFrames().check(header("data", muxerWindowBytes + 1)), isMalformed);
  new MuxerFrames().check(header("data", muxerWindowBytes));
});

test("the numbers in other frames are no lengths", () => {
  for (const type of ["windowUpdate", "ping", "goAway"] as const) {
    const frames = new MuxerFrames();
    frames.check(header(type, 0xffff_ffff));
    assert.throws(() => frames.check(header("data", 0xffff_ffff)), isMalformed);
  }
});

test("the header of a frame is found behind any others, however the bytes are cut", () => {
  const anyFrame = fc.record({ type: fc.constantFrom("data", "ping"), length: fc.nat(200) } as const);
  fc.assert(
    fc.property(fc.array(anyFrame, { maxLength: 8 }), fc.integer({ min: 1, max: 40 }), (good, pieceBytes) => {
      // What looks like a header within a frame's data is none.
      const frames = good.map(({ type, length }) =>
        concat(header(type, length), new Uint8Array(type === "data" ? length : 0).fill(255)),
      );
      const bytes = concat(...frames, header("data", muxerWindowBytes + 1));
      const reader = new MuxerFrames();
      let at = 0;
      for (; at + pieceBytes < bytes.length; at += pieceBytes) reader.check(bytes.subarray(at, at + pieceBytes));
      assert.throws(() => reader.check(bytes.subarray(at)), isMalformed);
    }),
  );
});

test("a muxer hears nothing of a frame over the window, and everything else as it came", () => {
  const heard: (Uint8Array | Iterable<Uint8Array>)[] = [];
  const factory = withBoundedFrames({
    createStreamMuxer: () => ({
      onData: (bytes: Uint8Array | Iterable<Uint8Array>): void => void heard.push(bytes),
    }),
  });
  const muxer = factory.createStreamMuxer();
  const [one, two] = [header("ping", 7), [header("data", 3), new Uint8Array(3)]];
  muxer.onData(one);
  muxer.onData(two);
  assert.throws(() => muxer.onData([header("ping", 8), header("data", 0xffff_ffff)]), isMalformed);
  assert.deepEqual(heard, [one, two]);
  factory.createStreamMuxer().onData(one);
  assert.equal(heard.length, 3);
});

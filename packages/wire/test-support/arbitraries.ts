import fc from "fast-check";
import type { Hello, RefusalCode, Request, Response } from "../src/index.ts";

/** As plain Uint8Arrays, which is what decoders give back. */
const bytes = (min: number, max = min): fc.Arbitrary<Uint8Array<ArrayBuffer>> =>
  fc.uint8Array({ minLength: min, maxLength: max }).map((value) => new Uint8Array(value));
const account = bytes(32);
const hash = bytes(32);
const segmentId = bytes(16);
const index = fc.nat(255);
const headerBytes = bytes(1, 1000);
const bodyBytes = fc.integer({ min: 1, max: 8_388_608 });

const anyHello: fc.Arbitrary<Hello> = fc.record({
  type: fc.constant("hello" as const),
  nowMs: fc.nat(Number.MAX_SAFE_INTEGER),
  networkId: hash,
  logLength: fc.nat(0xffff_ffff),
  headHash: hash,
  version: fc.nat(0xffff),
  domain: fc.stringMatching(/^[a-z0-9._-]{1,64}$/),
});

const anyCells = fc
  .integer({ min: 0, max: 127 })
  .chain((firstCell) =>
    fc.record({ firstCell: fc.constant(firstCell), cellCount: fc.integer({ min: 1, max: 128 - firstCell }) }),
  );

export const anyRequest: fc.Arbitrary<Request> = fc
  .oneof(
    fc.record({ type: fc.constant("store" as const), account, headerBytes, bodyBytes }),
    fc
      .tuple(fc.record({ type: fc.constant("fetch" as const), account, segmentId, index }), anyCells)
      .map(([request, cells]) => ({ ...request, ...cells })),
    fc.record({
      type: fc.constant("remove" as const),
      account,
      segmentIds: fc.array(segmentId, { minLength: 1, maxLength: 256 }),
    }),
    fc.record({
      type: fc.constant("list" as const),
      account,
      after: fc.option(segmentId, { nil: undefined }),
      limit: fc.integer({ min: 1, max: 512 }),
    }),
    fc.record({
      type: fc.constant("status" as const),
      account,
      keys: fc.array(fc.record({ segmentId, index }), { minLength: 1, maxLength: 1024 }),
    }),
    anyHello,
  )
  .map((request) => structuredClone(request));

export const anyRefusalCode: fc.Arbitrary<RefusalCode> = fc.constantFrom(
  "full",
  "not-a-member",
  "unknown-fragment",
  "not-yours",
  "busy",
  "wrong-root",
  "conflict",
  "malformed",
  "internal",
  "fenced",
  "log-gap",
  "log-fork",
  "rate-limited",
  "untimely",
);

export const anyResponse: fc.Arbitrary<Response> = fc
  .oneof(
    fc.constant({ type: "stored" as const }),
    fc.record({
      type: fc.constant("cells" as const),
      headerBytes,
      leaves: fc.array(hash, { minLength: 1, maxLength: 128 }),
      bodyBytes,
    }),
    fc.record({ type: fc.constant("removed" as const), count: fc.nat(256) }),
    fc.record({
      type: fc.constant("listing" as const),
      entries: fc.array(fc.record({ segmentId, index, root: hash, sizeBytes: fc.nat(0xffff_ffff) }), {
        maxLength: 512,
      }),
      more: fc.boolean(),
    }),
    fc.record({
      type: fc.constant("statuses" as const),
      held: fc.array(fc.boolean(), { minLength: 1, maxLength: 1024 }),
    }),
    anyHello,
    fc.record({
      type: fc.constant("refused" as const),
      code: anyRefusalCode,
      retryAfterMs: fc.nat(0xffff_ffff),
      message: fc
        .string({ unit: "grapheme", maxLength: 40 })
        .filter((text) => new TextEncoder().encode(text).length <= 512 && !/\p{Cc}/u.test(text)),
    }),
  )
  .map((response) => structuredClone(response));

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { toHex } from "@piccolo/bytes";
import { MemoryMetadata } from "@piccolo/storage/fakes";
import type { Metadata, SegmentRecord } from "@piccolo/storage/ports";
import { openDatabase } from "./database.ts";
import { SqliteMetadata } from "./metadata.ts";
import { ownerMigrations } from "./owner-schema.ts";

const numbered = (length: number, number: number): Uint8Array => {
  const bytes = new Uint8Array(length);
  bytes[length - 1] = number;
  return bytes;
};
const id = (number: number): Uint8Array => numbered(16, number);

const version = fc.nat(3);
const segment = fc.nat(5);
const indexes = fc.uniqueArray(fc.nat(4), { maxLength: 5 });
const holders = fc.shuffledSubarray(
  Array.from({ length: 5 }, (_, at) => toHex(numbered(32, at))),
  { minLength: 5 },
);
type Step = (metadata: Metadata) => unknown;
const record = fc.record(
  {
    segmentId: segment.map(id),
    segmentRoot: fc.constant(new Uint8Array(32)),
    k: fc.constant(2),
    n: fc.constant(5),
    sealedBytes: fc.nat(100),
    fragmentBytes: fc.constant(70),
    holders,
    placed: indexes.map((some) => [...some].sort((a, b) => a - b)),
    state: fc.constantFrom("pending" as const, "placed" as const),
    createdAtMs: fc.nat(3),
  },
  { noNullPrototype: true },
);

const step: fc.Arbitrary<Step> = fc.oneof(
  version.map(
    (v): Step =>
      (m) =>
        m.beginVersion({ versionId: id(v), wrappedFek: numbered(9, v), fekEpoch: 1 + (v % 3) }),
  ),
  fc.tuple(version, record, fc.nat(9)).map(
    ([v, made, plainBytes]): Step =>
      (m) =>
        m.commitExtent(
          {
            versionId: id(v),
            ordinal: m.extents(id(v)).length,
            segmentId: made.segmentId,
            offsetBytes: 0,
            plainBytes,
            salt: id(v),
          },
          made satisfies SegmentRecord,
        ),
  ),
  version.map(
    (v): Step =>
      (m) =>
        m.completeVersion(
          id(v),
          m.extents(id(v)).reduce((sum, { plainBytes }) => sum + plainBytes, 0),
        ),
  ),
  version.map(
    (v): Step =>
      (m) =>
        m.removeVersion(id(v)),
  ),
  fc.tuple(version, record).map(([v, made]): Step => (m) => {
    const renewed = { versionId: id(v), wrappedFek: numbered(9, 100 + v), fekEpoch: 4 };
    const plainBytes = m.version(id(v))?.plainBytes ?? 0;
    const extent = {
      versionId: id(v),
      ordinal: 0,
      segmentId: made.segmentId,
      offsetBytes: 0,
      plainBytes,
      salt: id(9),
    };
    m.replaceContent(renewed, plainBytes === 0 ? undefined : { extent, segment: made });
  }),
  fc.tuple(version, version).map(
    ([v, by]): Step =>
      (m) =>
        m.beginReplacement(id(v), { versionId: id(by), wrappedFek: numbered(9, 50 + v), fekEpoch: 5 }),
  ),
  version.map(
    (v): Step =>
      (m) =>
        m.takeReplacement(id(v), numbered(9, 200 + v)),
  ),
  fc.tuple(segment, indexes).map(
    ([s, some]): Step =>
      (m) =>
        m.markPlaced(id(s), some),
  ),
  fc.tuple(segment, indexes).map(
    ([s, some]): Step =>
      (m) =>
        m.markRemoved(id(s), some),
  ),
  segment.map(
    (s): Step =>
      (m) =>
        m.setSegmentState(id(s), "placed"),
  ),
  fc.tuple(segment, holders).map(
    ([s, to]): Step =>
      (m) =>
        m.reassign(id(s), { k: 1, n: 5, fragmentBytes: 90, segmentRoot: numbered(32, s), holders: to }),
  ),
  segment.map(
    (s): Step =>
      (m) =>
        m.forgetSegment(id(s)),
  ),
);

/** What can be seen; a refusal by the same kind of error counts as the same. */
function outcome(metadata: Metadata, one: Step): unknown {
  let refused = false;
  try {
    one(metadata);
  } catch {
    refused = true;
  }
  const state = (which: Parameters<Metadata["segmentsIn"]>[0]): string[] =>
    metadata.segmentsIn(which, 100).map(({ segmentId, createdAtMs }) => `${createdAtMs} ${toHex(segmentId)}`);
  return {
    refused,
    versions: [0, 1, 2, 3].map((v) => [metadata.version(id(v)), metadata.extents(id(v))]),
    segments: [0, 1, 2, 3, 4, 5].map((s) => metadata.segment(id(s))),
    replacements: [[...metadata.replacements(10)], [0, 1, 2, 3].map((v) => metadata.replacementOf(id(v)))],
    before: [1, 2, 3, 4, 5].map((epoch) => [
      metadata.versionsBefore(epoch, new Uint8Array(0), 3),
      metadata.countBefore(epoch),
    ]),
    states: (["pending", "placed", "dead", "under-placed"] as const).map(state),
  };
}

test("whatever is done, the owner database shows what the metadata in memory shows", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
      const db = openDatabase(":memory:", { name: "owner", synchronous: "FULL", migrations: ownerMigrations });
      try {
        const [real, model] = [new SqliteMetadata(db), new MemoryMetadata()];
        for (const one of steps) assert.deepEqual(outcome(real, one), outcome(model, one));
      } finally {
        db.close();
      }
    }),
    { numRuns: 100 },
  );
});

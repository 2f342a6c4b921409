import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { toHex } from "@piccolo/bytes";
import type { ExtentRecord, Metadata, SegmentRecord } from "../ports/index.ts";
import { id, type Make, pattern } from "./suite.ts";

const accounts = Array.from({ length: 9 }, (_, at) => toHex(id(32, 1_000 - at)));

function segment(number: number, change: Partial<SegmentRecord> = {}): SegmentRecord {
  return {
    segmentId: id(16, number),
    segmentRoot: pattern(32, number),
    k: 3,
    n: 9,
    sealedBytes: 8_388_608,
    fragmentBytes: 2_801_664,
    holders: accounts.map((_, at) => accounts[(at + number) % accounts.length] ?? ""),
    placed: [0, 2, 8],
    state: "placed",
    createdAtMs: 1_800_000_000_000 + number,
    ...change,
  };
}

function extent(version: number, ordinal: number, segmentNumber: number, plainBytes = 100): ExtentRecord {
  return {
    versionId: id(16, version),
    ordinal,
    segmentId: id(16, segmentNumber),
    offsetBytes: ordinal * 10,
    plainBytes,
    salt: pattern(16, ordinal),
  };
}

function begin(metadata: Metadata, version: number, fekEpoch = 1): Uint8Array {
  metadata.beginVersion({ versionId: id(16, version), wrappedFek: pattern(90, version), fekEpoch });
  return id(16, version);
}

const ids = (records: readonly SegmentRecord[]): number[] =>
  records.map(({ segmentId }) => new DataView(segmentId.buffer, segmentId.byteOffset).getUint32(12));

export function metadataSuite(name: string, make: Make<Metadata>): void {
  suite(`${name} as metadata`, () => {
    test("what was never made is not there", async (context) => {
      const metadata = await make(context);
      assert.equal(metadata.version(id(16, 1)), undefined);
      assert.equal(metadata.segment(id(16, 1)), undefined);
      assert.deepEqual([...metadata.extents(id(16, 1))], []);
      assert.deepEqual([...metadata.segmentsIn("pending", 10)], []);
    });

    test("removing and marking what is unknown changes nothing", async (context) => {
      const metadata = await make(context);
      metadata.removeVersion(id(16, 1));
      metadata.markPlaced(id(16, 1), [1]);
      metadata.markRemoved(id(16, 1), [1]);
      metadata.setSegmentState(id(16, 1), "dead");
      metadata.forgetSegment(id(16, 1));
      assert.equal(metadata.segment(id(16, 1)), undefined);
    });

    test("an ordinal that is not the next one, or a version that does not exist, is a bug of the caller", async (context) => {
      const metadata = await make(context);
      begin(metadata, 1);
      assert.throws(() => metadata.commitExtent(extent(1, 1, 5), segment(5)), { code: "ERR_ASSERTION" });
      assert.throws(() => metadata.commitExtent(extent(2, 0, 5), segment(5)), { code: "ERR_ASSERTION" });
      assert.equal(metadata.segment(id(16, 5)), undefined, "a refused extent leaves no segment");
      metadata.commitExtent(extent(1, 0, 5), segment(5));
      assert.throws(() => metadata.commitExtent(extent(1, 0, 6), segment(6)), { code: "ERR_ASSERTION" });
    });

    test("a version whose extents do not add up, or that is complete, is not completed", async (context) => {
      const metadata = await make(context);
      const version = begin(metadata, 1);
      metadata.commitExtent(extent(1, 0, 5, 100), segment(5));
      assert.throws(() => metadata.completeVersion(version, 99), { code: "ERR_ASSERTION" });
      assert.equal(metadata.version(version)?.plainBytes, undefined);
      metadata.completeVersion(version, 100);
      assert.equal(metadata.version(version)?.plainBytes, 100);
      assert.throws(() => metadata.completeVersion(version, 100), { code: "ERR_ASSERTION" });
      assert.throws(() => metadata.commitExtent(extent(1, 1, 6), segment(6)), { code: "ERR_ASSERTION" });
    });

    test("a version without bytes is complete without extents", async (context) => {
      const metadata = await make(context);
      const version = begin(metadata, 1);
      metadata.completeVersion(version, 0);
      assert.deepEqual(metadata.version(version), {
        versionId: version,
        wrappedFek: pattern(90, 1),
        fekEpoch: 1,
        plainBytes: 0,
      });
    });

    test("versions, extents and segments come back as they were committed", async (context) => {
      const metadata = await make(context);
      const version = begin(metadata, 1);
      for (let at = 0; at < 12; at++) metadata.commitExtent(extent(1, at, 20 + at), segment(20 + at));
      assert.deepEqual(
        [...metadata.extents(version)],
        Array.from({ length: 12 }, (_, at) => extent(1, at, 20 + at)),
      );
      for (let at = 0; at < 12; at++) assert.deepEqual(metadata.segment(id(16, 20 + at)), segment(20 + at));
    });

    test("every rotation and order of holders comes back, also none and those of forty", async (context) => {
      const metadata = await make(context);
      begin(metadata, 1);
      const forty = Array.from({ length: 40 }, (_, at) => toHex(id(32, (at * 17) % 40)));
      const orders = [[...accounts].reverse(), accounts.slice(0, 1), accounts.slice(3), [], forty];
      for (const [at, holders] of orders.entries()) {
        const n = Math.max(1, holders.length);
        const placed = n === 40 ? [0, 31, 32, 39] : [];
        const made = segment(at, { k: 1, n, holders, placed, state: "pending" });
        metadata.commitExtent(extent(1, at, at), made);
        assert.deepEqual(metadata.segment(id(16, at)), made);
      }
    });

    test("two versions may share a segment, which is dead when the last one goes", async (context) => {
      const metadata = await make(context);
      const [first, second] = [begin(metadata, 1), begin(metadata, 2)];
      metadata.commitExtent(extent(1, 0, 5), segment(5));
      metadata.commitExtent({ ...extent(2, 0, 5), offsetBytes: 500 }, segment(5));
      metadata.removeVersion(first);
      assert.equal(metadata.version(first), undefined);
      assert.deepEqual([...metadata.extents(first)], []);
      assert.equal(metadata.segment(id(16, 5))?.state, "placed");
      metadata.removeVersion(second);
      assert.equal(metadata.segment(id(16, 5))?.state, "dead");
      assert.deepEqual(ids(metadata.segmentsIn("dead", 10)), [5]);
    });

    test("segments are found by state, oldest first, within the limit", async (context) => {
      const metadata = await make(context);
      begin(metadata, 1);
      const states = ["pending", "placed", "pending", "placed", "pending"] as const;
      for (const [at, state] of states.entries()) {
        const placed = at === 1 ? [0, 1, 2, 3, 4, 5, 6, 7, 8] : [0, 1];
        const made = segment(10 + at, { state, placed, createdAtMs: 1_000 - at });
        metadata.commitExtent(extent(1, at, 10 + at), made);
      }
      assert.deepEqual(ids(metadata.segmentsIn("pending", 10)), [14, 12, 10]);
      assert.deepEqual(ids(metadata.segmentsIn("pending", 2)), [14, 12]);
      assert.deepEqual(ids(metadata.segmentsIn("placed", 10)), [13, 11]);
      assert.deepEqual(ids(metadata.segmentsIn("under-placed", 10)), [13]);
      assert.deepEqual(ids(metadata.segmentsIn("pending", 2, 1)), [12, 10]);
      assert.deepEqual(ids(metadata.segmentsIn("placed", 10, 1)), [11]);
      assert.deepEqual(ids(metadata.segmentsIn("under-placed", 10, 1)), []);
      assert.deepEqual(ids(metadata.segmentsIn("dead", 10, 1)), []);
    });

    test("placing is remembered once per index, and a full segment is no longer under-placed", async (context) => {
      const metadata = await make(context);
      begin(metadata, 1);
      metadata.commitExtent(extent(1, 0, 5), segment(5));
      metadata.markPlaced(id(16, 5), [7, 2, 1]);
      metadata.markPlaced(id(16, 5), [7]);
      assert.deepEqual([...(metadata.segment(id(16, 5))?.placed ?? [])], [0, 1, 2, 7, 8]);
      metadata.markPlaced(id(16, 5), [3, 4, 5, 6]);
      assert.deepEqual([...metadata.segmentsIn("under-placed", 10)], []);
      metadata.markRemoved(id(16, 5), [4, 0]);
      assert.deepEqual([...(metadata.segment(id(16, 5))?.placed ?? [])], [1, 2, 3, 5, 6, 7, 8]);
      assert.deepEqual(ids(metadata.segmentsIn("under-placed", 10)), [5]);
    });

    test("an index outside the code is a bug of the caller", async (context) => {
      const metadata = await make(context);
      begin(metadata, 1);
      metadata.commitExtent(extent(1, 0, 5), segment(5));
      assert.throws(() => metadata.markPlaced(id(16, 5), [9]), { code: "ERR_ASSERTION" });
    });

    test("a pending segment gets other holders and another code, and nothing counts as placed then", async (context) => {
      const metadata = await make(context);
      begin(metadata, 1);
      metadata.commitExtent(extent(1, 0, 5), segment(5, { state: "pending" }));
      const to = { k: 2, n: 4, fragmentBytes: 4_194_304, segmentRoot: pattern(32, 99), holders: accounts.slice(2, 6) };
      metadata.reassign(id(16, 5), to);
      assert.deepEqual(metadata.segment(id(16, 5)), { ...segment(5, { state: "pending" }), ...to, placed: [] });
      metadata.setSegmentState(id(16, 5), "placed");
      assert.throws(() => metadata.reassign(id(16, 5), to), { code: "ERR_ASSERTION" });
    });

    test("versions whose key is of an earlier epoch are found in the order of their ids, once they are complete", async (context) => {
      const metadata = await make(context);
      for (const [version, epoch] of [
        [4, 1],
        [2, 2],
        [3, 3],
        [1, 1],
      ] as const) {
        begin(metadata, version, epoch);
        metadata.commitExtent(extent(version, 0, version, 10 * version), segment(version));
        metadata.completeVersion(id(16, version), 10 * version);
      }
      begin(metadata, 5, 1);
      const before = (epoch: number, after: Uint8Array = new Uint8Array(0), limit = 10): unknown =>
        metadata.versionsBefore(epoch, after, limit).map(({ versionId, fekEpoch }) => [versionId[15], fekEpoch]);
      assert.deepEqual(before(1), []);
      assert.deepEqual(before(2), [
        [1, 1],
        [4, 1],
      ]);
      assert.deepEqual(before(3, id(16, 1), 1), [[2, 2]]);
      assert.deepEqual(before(3, id(16, 2), 10), [[4, 1]]);
      assert.deepEqual(metadata.countBefore(2), { versions: 2, plainBytes: 50 });
      assert.deepEqual(metadata.countBefore(1), { versions: 0, plainBytes: 0 });
    });

    test("a version's content is replaced at once, and what it lay in before is dead where no other version lies in it", async (context) => {
      const metadata = await make(context);
      for (const version of [1, 2]) {
        begin(metadata, version);
        metadata.commitExtent({ ...extent(version, 0, 5), offsetBytes: 0 }, segment(5));
        if (version === 1) metadata.commitExtent(extent(1, 1, 6), segment(6));
        metadata.completeVersion(id(16, version), version === 1 ? 200 : 100);
      }
      const renewed = { versionId: id(16, 1), wrappedFek: pattern(90, 9), fekEpoch: 2 };
      const content = { extent: { ...extent(1, 0, 7, 200), salt: pattern(16, 9) }, segment: segment(7) };
      metadata.replaceContent(renewed, content);
      assert.deepEqual(metadata.version(id(16, 1)), { ...renewed, plainBytes: 200 });
      assert.deepEqual([...metadata.extents(id(16, 1))], [content.extent]);
      assert.deepEqual(ids(metadata.segmentsIn("dead", 10)), [6]);
      assert.deepEqual(metadata.versionsBefore(2, new Uint8Array(0), 10).length, 1);
      metadata.removeVersion(id(16, 2));
      assert.deepEqual(ids(metadata.segmentsIn("dead", 10)), [5, 6]);
    });

    test("an empty version gets another key alone; content of another length, and what is under way, is a bug of the caller", async (context) => {
      const metadata = await make(context);
      const version = begin(metadata, 1);
      const renewed = { versionId: version, wrappedFek: pattern(90, 9), fekEpoch: 3 };
      assert.throws(() => metadata.replaceContent(renewed, undefined), { code: "ERR_ASSERTION" });
      metadata.completeVersion(version, 0);
      const content = { extent: extent(1, 0, 7, 200), segment: segment(7) };
      assert.throws(() => metadata.replaceContent(renewed, content), { code: "ERR_ASSERTION" });
      assert.equal(metadata.segment(id(16, 7)), undefined);
      metadata.replaceContent(renewed, undefined);
      assert.deepEqual(metadata.version(version), { ...renewed, plainBytes: 0 });
    });

    test("a replacement grows beside its version and takes its place as a whole", async (context) => {
      const metadata = await make(context);
      const version = begin(metadata, 1);
      const replacement = { versionId: id(16, 9), wrappedFek: pattern(90, 9), fekEpoch: 2 };
      assert.throws(() => metadata.beginReplacement(version, replacement), { code: "ERR_ASSERTION" });
      for (const at of [0, 1]) metadata.commitExtent(extent(1, at, 5 + at), segment(5 + at));
      metadata.completeVersion(version, 200);
      assert.equal(metadata.replacementOf(version), undefined);
      assert.throws(() => metadata.takeReplacement(version, pattern(90, 3)), { code: "ERR_ASSERTION" });
      metadata.beginReplacement(version, replacement);
      assert.throws(() => metadata.beginReplacement(version, { ...replacement, versionId: id(16, 8) }), {
        code: "ERR_ASSERTION",
      });
      metadata.commitExtent(extent(9, 0, 7, 150), segment(7));
      assert.throws(() => metadata.takeReplacement(version, pattern(90, 3)), { code: "ERR_ASSERTION" });
      metadata.commitExtent(extent(9, 1, 8, 50), segment(8));
      assert.deepEqual(metadata.replacementOf(version), { ...replacement, plainBytes: undefined });
      assert.deepEqual([...metadata.replacements(10)], [id(16, 9)]);
      assert.deepEqual(ids(metadata.segmentsIn("dead", 10)), []);
      metadata.takeReplacement(version, pattern(90, 3));
      assert.deepEqual(metadata.version(version), {
        versionId: version,
        wrappedFek: pattern(90, 3),
        fekEpoch: 2,
        plainBytes: 200,
      });
      assert.deepEqual([...metadata.extents(version)], [extent(1, 0, 7, 150), extent(1, 1, 8, 50)]);
      assert.deepEqual(
        [metadata.version(id(16, 9)), metadata.replacementOf(version), [...metadata.replacements(10)]],
        [undefined, undefined, []],
      );
      assert.deepEqual(ids(metadata.segmentsIn("dead", 10)), [5, 6]);
    });

    test("a version that goes takes its replacement along; a replacement that is given up leaves the version", async (context) => {
      const metadata = await make(context);
      const version = begin(metadata, 1);
      metadata.commitExtent(extent(1, 0, 5), segment(5));
      metadata.completeVersion(version, 100);
      for (const [at, removed] of [id(16, 8), version].entries()) {
        const replacement = { versionId: id(16, 8), wrappedFek: pattern(90, 8), fekEpoch: 2 };
        metadata.beginReplacement(version, replacement);
        metadata.commitExtent(extent(8, 0, 20 + at), segment(20 + at));
        metadata.removeVersion(removed);
        assert.deepEqual([...metadata.replacements(10)], []);
        assert.equal(metadata.version(id(16, 8)), undefined);
      }
      assert.deepEqual(ids(metadata.segmentsIn("dead", 10)), [5, 20, 21]);
    });

    test("only a dead segment is forgotten", async (context) => {
      const metadata = await make(context);
      const version = begin(metadata, 1);
      metadata.commitExtent(extent(1, 0, 5), segment(5));
      assert.throws(() => metadata.forgetSegment(id(16, 5)), { code: "ERR_ASSERTION" });
      metadata.removeVersion(version);
      metadata.markRemoved(id(16, 5), [0, 2, 8]);
      metadata.forgetSegment(id(16, 5));
      assert.equal(metadata.segment(id(16, 5)), undefined);
      assert.deepEqual([...metadata.segmentsIn("dead", 10)], []);
    });
  });
}

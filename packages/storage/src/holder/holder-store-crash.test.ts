import assert from "node:assert/strict";
import { test } from "node:test";
import { toHex } from "@piccolo/bytes";
import fc from "fast-check";
import { fragmentOf, OneHolder, type TestFragment } from "../../test-support/one-holder.ts";
import { hash } from "../../test-support/small-network.ts";
import { type HolderCrashPoint, holderCrashPointNames, type HolderStore } from "./index.ts";

async function held(store: HolderStore, { key, cells }: TestFragment): Promise<string | undefined> {
  if (!store.has(key)) return undefined;
  const { body } = await store.fetch(key, { firstCell: 0, cellCount: cells });
  return toHex(hash(body));
}

const before = fragmentOf(1);
const subject = fragmentOf(2);

for (const point of holderCrashPointNames) {
  for (const survives of [false, true]) {
    const what = survives ? "all of what was under way" : "nothing that was not fsynced";
    test(`a power cut at ${point}, with ${what} on the disk, loses nothing and leaves nothing half-written`, async () => {
      const holder = new OneHolder();
      const isRemoval = point === "fragment-unindexed" || point === "fragment-removed";
      let cut: (name: HolderCrashPoint) => void = () => undefined;
      const { store, disk } = await holder.start({ crashPoint: (name) => cut(name) });
      await store.store(before.headerBytes, [before.body]);
      if (isRemoval) await store.store(subject.headerBytes, [subject.body]);
      cut = (name) => {
        if (name !== point) return;
        disk.cut(() => survives);
        throw new Error("the power was cut");
      };
      const { key } = subject;
      const work = isRemoval
        ? store.remove(key.account, [key.segmentId])
        : store.store(subject.headerBytes, [subject.body]);
      await assert.rejects(work, /the power was cut/);

      const again = await holder.start();
      assert.equal(await held(again.store, before), before.digest);
      const found = await held(again.store, subject);
      if (found !== undefined) assert.equal(found, subject.digest);
      const isSynced = point === "fragment-synced" || point === "fragment-indexed";
      if (isSynced) assert.ok(found !== undefined);
      if (point === "fragment-removed") assert.equal(found, undefined);
      const names = await holder.disk.list(`fragments/${"0".repeat(63)}1`);
      assert.ok(
        names.every((name) => /^[0-9a-f]{32}$/.test(name)),
        names.join(),
      );
      await again.store.store(subject.headerBytes, [subject.body]);
      assert.equal(await held(again.store, subject), subject.digest);
    });
  }
}

interface Asked {
  readonly isRemoval: boolean;
  readonly segment: number;
}

const fragments = [0, 1, 2].map((segment) => fragmentOf(segment, { bytes: 100 + segment * 70_000 }));
const anyAsked: fc.Arbitrary<Asked> = fc.record({ isRemoval: fc.boolean(), segment: fc.nat(2) });

test("whatever is asked and whenever the power goes, what was answered holds after a start with an empty index", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(anyAsked, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 4 }),
      fc.nat(60),
      fc.array(fc.boolean(), { minLength: 1, maxLength: 8 }),
      async (batches, cutAt, fates) => {
        const holder = new OneHolder();
        const { store, disk } = await holder.start();
        let fate = 0;
        disk.cutAt(cutAt, () => fates[fate++ % fates.length] ?? false);
        /** By segment: whether it is there; undefined where a request got no answer. */
        const expected: (boolean | undefined)[] = fragments.map(() => false);
        for (const batch of batches) {
          const answered = await Promise.allSettled(
            batch.map(async ({ isRemoval, segment }) => {
              const fragment = fragments[segment];
              assert.ok(fragment);
              if (isRemoval) await store.remove(fragment.key.account, [fragment.key.segmentId]);
              else await store.store(fragment.headerBytes, [fragment.body]);
            }),
          );
          for (const segment of fragments.keys()) {
            const about = answered.filter((_, at) => batch[at]?.segment === segment);
            const last = batch.findLast((asked) => asked.segment === segment);
            if (last === undefined) continue;
            expected[segment] = about.every(({ status }) => status === "fulfilled") ? !last.isRemoval : undefined;
          }
          if (!disk.isOn) break;
        }
        disk.cut(() => fates[fate++ % fates.length] ?? false);
        const again = await holder.start();
        for (const [segment, fragment] of fragments.entries()) {
          const found = await held(again.store, fragment);
          if (found !== undefined) assert.equal(found, fragment.digest);
          if (expected[segment] !== undefined)
            assert.equal(found !== undefined, expected[segment], `segment ${segment}`);
        }
        const [first] = fragments;
        assert.ok(first);
        const listed = again.store.list(first.key.account, undefined, 10);
        const bytes = listed.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
        assert.equal(again.store.usedBytes(first.key.account), bytes);
      },
    ),
    { numRuns: 300 },
  );
});

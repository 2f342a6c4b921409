import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { WitnessedEntry, WitnessStore } from "../ports/index.ts";
import { id, type Make, pattern } from "./suite.ts";

/** A store with the means to close it and open it again, as after a power cut. */
export interface WitnessStoreUnderTest {
  readonly store: WitnessStore;
  reopen(): WitnessStore;
}

function entry(sequence: number, sealedBytes = 100): WitnessedEntry {
  return { sequence, hash: id(32, sequence), head: pattern(270, sequence), sealed: pattern(sealedBytes, sequence) };
}

const nothing = { dropBefore: 0, dropFrom: Number.MAX_SAFE_INTEGER, deviceEpoch: 1 };

async function fill(store: WitnessStore, account: number, upTo: number): Promise<void> {
  for (let sequence = 1; sequence <= upTo; sequence++) await store.append(id(32, account), entry(sequence), nothing);
}

const sequences = (entries: readonly WitnessedEntry[]): number[] => entries.map(({ sequence }) => sequence);

export function witnessStoreSuite(name: string, make: Make<WitnessStoreUnderTest>): void {
  suite(`${name} as a witness's store`, () => {
    test("of a log that nobody appended to there is nothing", async (context) => {
      const { store } = await make(context);
      assert.deepEqual(store.log(id(32, 1)), { newest: undefined, first: 1, deviceEpoch: 0, usedBytes: 0 });
      assert.equal(store.hashAt(id(32, 1), 1), undefined);
      assert.deepEqual(store.entries(id(32, 1), 1, 10, 1e6), []);
      assert.equal(store.slot(id(32, 1)), undefined);
      assert.deepEqual(store.slotsOf(id(32, 1), id(32, 1)), []);
    });

    test("entries come back as they were kept, also after a restart, and count with their heads", async (context) => {
      const it = await make(context);
      await fill(it.store, 1, 3);
      await fill(it.store, 2, 1);
      const store = it.reopen();
      assert.deepEqual(store.entries(id(32, 1), 1, 10, 1e6), [entry(1), entry(2), entry(3)]);
      assert.deepEqual(store.hashAt(id(32, 1), 2), id(32, 2));
      const log = { newest: entry(3).head, first: 1, deviceEpoch: 1, usedBytes: 3 * 370 };
      assert.deepEqual(store.log(id(32, 1)), log);
      assert.equal(store.log(id(32, 2)).usedBytes, 370);
    });

    test("a page holds so many entries and bytes, but at least one entry", async (context) => {
      const { store } = await make(context);
      await fill(store, 1, 5);
      assert.deepEqual(sequences(store.entries(id(32, 1), 2, 2, 1e6)), [2, 3]);
      assert.deepEqual(sequences(store.entries(id(32, 1), 2, 10, 250)), [2, 3]);
      assert.deepEqual(sequences(store.entries(id(32, 1), 4, 10, 1)), [4]);
      assert.deepEqual(store.entries(id(32, 1), 6, 10, 1e6), []);
    });

    test("a checkpoint's change drops what is before it, a replacement's what it does not continue", async (context) => {
      const it = await make(context);
      await fill(it.store, 1, 5);
      await it.store.append(id(32, 1), entry(6), { ...nothing, dropBefore: 6 });
      assert.deepEqual(sequences(it.store.entries(id(32, 1), 1, 10, 1e6)), [6]);
      for (const sequence of [7, 8, 9]) await it.store.append(id(32, 1), entry(sequence), nothing);
      const other = { ...entry(8), hash: id(32, 80) };
      await it.store.append(id(32, 1), other, { dropBefore: 0, dropFrom: 8, deviceEpoch: 2 });
      const store = it.reopen();
      assert.deepEqual(sequences(store.entries(id(32, 1), 1, 10, 1e6)), [6, 7, 8]);
      assert.deepEqual(store.hashAt(id(32, 1), 8), id(32, 80));
      const { first, deviceEpoch, usedBytes } = store.log(id(32, 1));
      assert.deepEqual({ first, deviceEpoch, usedBytes }, { first: 6, deviceEpoch: 2, usedBytes: 3 * 370 });
    });

    test("a device epoch is raised, also without an entry, and never lowered", async (context) => {
      const it = await make(context);
      await it.store.raiseDeviceEpoch(id(32, 1), 3);
      await it.store.raiseDeviceEpoch(id(32, 1), 2);
      await it.store.append(id(32, 1), entry(1), nothing);
      assert.equal(it.reopen().log(id(32, 1)).deviceEpoch, 3);
    });

    test("changes of several accounts at once are all kept", async (context) => {
      const it = await make(context);
      await Promise.all(Array.from({ length: 8 }, (_, at) => it.store.append(id(32, at), entry(1), nothing)));
      const store = it.reopen();
      for (let at = 0; at < 8; at++) assert.equal(store.log(id(32, at)).usedBytes, 370);
    });

    test("a slot is found by its locator and with all of its account, until it is forgotten", async (context) => {
      const it = await make(context);
      const slot = (account: number, locator: number): Parameters<WitnessStore["keepSlot"]>[0] => ({
        account: id(32, account),
        locator: id(32, locator),
        bytes: pattern(300, locator),
      });
      await it.store.keepSlot(slot(1, 11), []);
      await it.store.keepSlot(slot(1, 12), []);
      await it.store.keepSlot(slot(2, 21), []);
      assert.deepEqual(it.store.slot(id(32, 11)), slot(1, 11));
      const found = it.store.slotsOf(id(32, 1), id(32, 21)).map(({ locator }) => locator[31]);
      assert.deepEqual(
        found.sort((a = 0, b = 0) => a - b),
        [11, 12, 21],
      );
      await it.store.keepSlot({ ...slot(1, 12), bytes: pattern(9) }, [id(32, 11)]);
      const store = it.reopen();
      assert.equal(store.slot(id(32, 11)), undefined);
      assert.deepEqual(store.slot(id(32, 12))?.bytes, pattern(9));
    });
  });
}

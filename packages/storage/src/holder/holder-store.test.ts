import assert from "node:assert/strict";
import { test } from "node:test";
import { concat, toHex } from "@piccolo/bytes";
import { fragmentOf, OneHolder, owner, type TestFragment } from "../../test-support/one-holder.ts";
import { hash } from "../../test-support/small-network.ts";
import { CrashDisk } from "../fakes/index.ts";
import { decodeHeader, encodeHeader } from "../fragment/index.ts";
import { diskFaults } from "../ports/index.ts";
import { id } from "../suites/suite.ts";
import type { HolderStore } from "./index.ts";

const pathOf = ({ key }: TestFragment): string => `fragments/${toHex(key.account)}/${toHex(key.segmentId)}`;

async function held(store: HolderStore, { key, cells }: TestFragment): Promise<string> {
  return toHex(hash((await store.fetch(key, { firstCell: 0, cellCount: cells })).body));
}

test("a fragment whose bytes do not give its root is refused and leaves nothing behind", async () => {
  const holder = new OneHolder();
  const { store } = await holder.start();
  const { headerBytes, body } = fragmentOf(1);
  for (const wrong of [[], [body.with(0, 255)], [body.slice(1)], [body, Uint8Array.of(0)]]) {
    await assert.rejects(store.store(headerBytes, wrong), { code: "wrong-root" });
  }
  await assert.rejects(store.store(headerBytes.subarray(1), [body]), { code: "malformed" });
  assert.deepEqual(await holder.disk.list(`fragments/${toHex(owner)}`), []);
  assert.equal(store.usedBytes(), 0);
});

test("another fragment under the same segment id is a conflict, and the first one stays", async () => {
  const { store } = await new OneHolder().start();
  const first = fragmentOf(1);
  await store.store(first.headerBytes, [first.body]);
  const otherIndex = fragmentOf(1, { index: 1 });
  await assert.rejects(store.store(otherIndex.headerBytes, [otherIndex.body]), { code: "conflict" });
  const otherBytes = fragmentOf(1, { bytes: 100 });
  await assert.rejects(store.store(otherBytes.headerBytes, [otherBytes.body]), { code: "conflict" });
  assert.equal(await held(store, first), first.digest);
});

test("of two different fragments at once under one segment id one is kept and the other a conflict", async () => {
  const { store } = await new OneHolder().start();
  const first = fragmentOf(1);
  const second = fragmentOf(1, { index: 1 });
  const outcomes = await Promise.allSettled([first, second].map((each) => store.store(each.headerBytes, [each.body])));
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ["fulfilled", "rejected"],
  );
  assert.equal(await held(store, first), first.digest);
});

test("the same fragment again, and several times at once, is stored once", async () => {
  const { store } = await new OneHolder().start();
  const fragment = fragmentOf(1);
  const { headerBytes, body } = fragment;
  await Promise.all([1, 2, 3].map(() => store.store(headerBytes, [body.subarray(0, 5), body.subarray(5)])));
  await store.store(headerBytes, [body]);
  assert.equal(store.list(owner, undefined, 10).length, 1);
  assert.equal(await held(store, fragment), fragment.digest);
});

test("two owners may use the same segment id", async () => {
  const { store } = await new OneHolder().start();
  const mine = fragmentOf(1);
  const theirs = fragmentOf(1, { account: id(32, 2), bytes: 500 });
  await store.store(mine.headerBytes, [mine.body]);
  await store.store(theirs.headerBytes, [theirs.body]);
  await store.remove(owner, [mine.key.segmentId]);
  assert.equal(await held(store, theirs), theirs.digest);
  assert.equal(store.usedBytes(), store.usedBytes(id(32, 2)));
});

test("an owner's quota counts what is stored and what is being stored, and frees what is removed", async () => {
  const { store } = await new OneHolder({ quotaBytes: (account) => (account[31] === 1 ? 75_000 : 0) }).start();
  const [first, second] = [fragmentOf(1), fragmentOf(2)];
  const outcomes = await Promise.allSettled([first, second].map((each) => store.store(each.headerBytes, [each.body])));
  const codes = outcomes.map((outcome) =>
    outcome.status === "rejected" ? (outcome.reason as { code: string }).code : "stored",
  );
  assert.deepEqual(codes, ["stored", "full"]);
  await assert.rejects(store.store(second.headerBytes, [second.body]), { code: "full" });
  const stranger = fragmentOf(3, { account: id(32, 9), bytes: 10 });
  await assert.rejects(store.store(stranger.headerBytes, [stranger.body]), { code: "full" });
  assert.equal(await store.remove(owner, [first.key.segmentId]), 1);
  await store.store(second.headerBytes, [second.body]);
});

test("tiny fragments count as what a file of theirs takes, so that a quota bounds their number", async () => {
  const quotaBytes = 64 * 4_096;
  const { store } = await new OneHolder({ quotaBytes: () => quotaBytes }).start();
  const tiny = Array.from({ length: 64 }, (_, at) => fragmentOf(at + 1, { bytes: 1 }));
  const outcomes = await Promise.allSettled(tiny.map(({ headerBytes, body }) => store.store(headerBytes, [body])));
  const stored = outcomes.filter(({ status }) => status === "fulfilled").length;
  assert.ok(stored > 40 && stored < 64, `${stored} were stored`);
  assert.ok(store.countedBytes(owner) <= quotaBytes && store.countedBytes(owner) > quotaBytes - 8_192);
  const [first] = store.list(owner, undefined, 1);
  assert.ok(first !== undefined && store.usedBytes(owner) < stored * 1_000);
  await store.remove(owner, [first.key.segmentId]);
  const last = fragmentOf(99, { bytes: 1 });
  await store.store(last.headerBytes, [last.body]);
});

test("a full disk is told as full, leaves nothing behind, and keeps its reserve free", async () => {
  const holder = new OneHolder();
  const { store } = await holder.start({ reserveBytes: 100_000 });
  const fragment = fragmentOf(1);
  holder.disk.capacityBytes = 160_000;
  await assert.rejects(store.store(fragment.headerBytes, [fragment.body]), { code: "full" });
  const { store: reckless } = await holder.start({ reserveBytes: -1e6 });
  holder.disk.capacityBytes = 60_000;
  await assert.rejects(reckless.store(fragment.headerBytes, [fragment.body]), { code: "full" });
  assert.deepEqual(await holder.disk.list(`fragments/${toHex(owner)}`), []);
  holder.disk.capacityBytes = 200_000;
  await store.store(fragment.headerBytes, [fragment.body]);
});

test("any run of cells is served with all that proves it, and none beyond the end", async () => {
  const { store } = await new OneHolder().start();
  const fragment = fragmentOf(1, { bytes: 2 * 65_536 + 9 });
  await store.store(fragment.headerBytes, [fragment.body]);
  for (const [firstCell, cellCount] of [
    [0, 1],
    [1, 2],
    [2, 1],
    [0, 3],
  ] as const) {
    const { headerBytes, leaves, body } = await store.fetch(fragment.key, { firstCell, cellCount });
    assert.deepEqual(headerBytes, fragment.headerBytes);
    assert.equal(leaves.length, 3);
    const end = (firstCell + cellCount) * 65_536;
    assert.ok(Buffer.from(body).equals(fragment.body.subarray(firstCell * 65_536, end)));
  }
  await assert.rejects(store.fetch(fragment.key, { firstCell: 2, cellCount: 2 }), { code: "malformed" });
  const unknown = { code: "unknown-fragment" };
  await assert.rejects(store.fetch({ ...fragment.key, index: 1 }, { firstCell: 0, cellCount: 1 }), unknown);
  await assert.rejects(store.fetch(fragmentOf(2).key, { firstCell: 0, cellCount: 1 }), unknown);
});

test("removing counts what was there, and is harmless when repeated", async () => {
  const { store } = await new OneHolder().start();
  const { key, headerBytes, body } = fragmentOf(1);
  assert.equal(await store.remove(owner, [key.segmentId]), 0);
  await store.store(headerBytes, [body]);
  assert.equal(await store.remove(owner, [id(16, 7), key.segmentId]), 1);
  assert.equal(await store.remove(owner, [key.segmentId]), 0);
  assert.ok(!store.has(key));
  assert.equal(store.usedBytes(), 0);
});

/** Fails chosen operations, as a disk with a bad sector does. */
class FailingDisk extends CrashDisk {
  failing: "remove" | "read" | "syncFolder" | undefined;

  #check(operation: "remove" | "read" | "syncFolder"): void {
    if (this.failing === operation) throw diskFaults.fault("disk-error", "the disk failed");
  }
  override async remove(path: string): Promise<void> {
    this.#check("remove");
    return super.remove(path);
  }
  override async read(path: string, offset: number, length: number): Promise<Uint8Array> {
    this.#check("read");
    return super.read(path, offset, length);
  }
  override async syncFolder(path: string): Promise<void> {
    this.#check("syncFolder");
    return super.syncFolder(path);
  }
}

test("a removal the disk refused is done when it is asked for again", async () => {
  const disk = new FailingDisk();
  const { store } = await new OneHolder().start({ disk });
  const fragment = fragmentOf(1);
  await store.store(fragment.headerBytes, [fragment.body]);
  disk.failing = "remove";
  await assert.rejects(store.remove(owner, [fragment.key.segmentId]), { code: "disk-error" });
  disk.failing = undefined;
  assert.equal(await store.remove(owner, [fragment.key.segmentId]), 1);
  await assert.rejects(disk.sizeBytes(pathOf(fragment)), { code: "not-found" });
});

test("a removal that was not made durable is when it is asked for again", async () => {
  const disk = new FailingDisk();
  const { store } = await new OneHolder().start({ disk });
  const fragment = fragmentOf(1);
  await store.store(fragment.headerBytes, [fragment.body]);
  disk.failing = "syncFolder";
  await assert.rejects(store.remove(owner, [fragment.key.segmentId]), { code: "disk-error" });
  disk.failing = undefined;
  await store.remove(owner, [fragment.key.segmentId]);
  disk.crash();
  await assert.rejects(disk.sizeBytes(pathOf(fragment)), { code: "not-found" });
});

test("a fragment whose folder could not be fsynced is not said to be there, and can be stored again", async () => {
  const disk = new FailingDisk();
  const { store } = await new OneHolder().start({ disk });
  const fragment = fragmentOf(1);
  disk.failing = "syncFolder";
  await assert.rejects(store.store(fragment.headerBytes, [fragment.body]), { code: "disk-error" });
  assert.ok(!store.has(fragment.key));
  disk.failing = undefined;
  await store.store(fragment.headerBytes, [fragment.body]);
  disk.crash();
  assert.ok((await disk.sizeBytes(pathOf(fragment))) > 70_000);
});

test("a file the disk fails to read at start is left alone, and is there again when the disk recovers", async () => {
  const disk = new FailingDisk();
  const holder = new OneHolder();
  const fragment = fragmentOf(1);
  await (await holder.start({ disk })).store.store(fragment.headerBytes, [fragment.body]);
  disk.failing = "read";
  const { store } = await holder.start({ disk });
  assert.ok(!store.has(fragment.key));
  assert.deepEqual(holder.reports, ["held-fragment-unreadable"]);
  disk.failing = undefined;
  assert.equal(await held((await holder.start({ disk })).store, fragment), fragment.digest);
});

test("a file that has gone is unknown from then on, and can be stored again", async () => {
  const holder = new OneHolder();
  const { store } = await holder.start();
  const fragment = fragmentOf(1);
  await store.store(fragment.headerBytes, [fragment.body]);
  await holder.disk.remove(pathOf(fragment));
  await assert.rejects(held(store, fragment), { code: "unknown-fragment" });
  assert.ok(!store.has(fragment.key));
  assert.equal(store.usedBytes(), 0);
  await store.store(fragment.headerBytes, [fragment.body]);
  assert.equal(await held(store, fragment), fragment.digest);
});

test("a fragment that comes again takes the place of a file that was lost or damaged in silence", async () => {
  for (const harm of ["lose", "damage"] as const) {
    const holder = new OneHolder();
    const { store } = await holder.start();
    const fragment = fragmentOf(1);
    await store.store(fragment.headerBytes, [fragment.body]);
    if (harm === "lose") await holder.disk.remove(pathOf(fragment));
    else holder.disk.damage(pathOf(fragment), 30_000);
    await store.store(fragment.headerBytes, [fragment.body]);
    assert.equal(await held(store, fragment), fragment.digest, harm);
    assert.deepEqual(holder.reports, ["held-fragment-replaced"]);
    assert.equal(store.usedBytes(), await holder.disk.sizeBytes(pathOf(fragment)));
  }
});

test("a plain copy whose segment was coded anew for more holders is served with the new header", async () => {
  const holder = new OneHolder();
  const { store } = await holder.start();
  const fragment = fragmentOf(1);
  const header = decodeHeader(fragment.headerBytes);
  const more = encodeHeader({ ...header, n: 4, roots: [...header.roots, id(32, 9)] });
  await store.store(fragment.headerBytes, [fragment.body]);
  await store.store(more, [fragment.body]);
  const { headerBytes } = await store.fetch(fragment.key, { firstCell: 0, cellCount: 1 });
  assert.deepEqual(headerBytes, more);
  assert.equal(await held((await holder.start()).store, fragment), fragment.digest);
});

test("an index that a power cut left behind its files is put right by the first who notices", async () => {
  const holder = new OneHolder();
  const [former, present] = [fragmentOf(1), fragmentOf(1, { index: 1 })];
  const first = await holder.start();
  await first.store.store(former.headerBytes, [former.body]);
  const stale = first.index.get(former.key.account, former.key.segmentId);
  assert.ok(stale);
  await first.store.remove(former.key.account, [former.key.segmentId]);
  await first.store.store(present.headerBytes, [present.body]);
  first.index.put(stale);
  const { store } = await holder.start({ index: first.index });
  assert.ok(store.has(former.key));
  await assert.rejects(held(store, former), { code: "unknown-fragment" });
  assert.ok(!store.has(former.key));
  assert.equal(await held(store, present), present.digest);
});

test("a file whose header is damaged is the holder's failure, not the asker's", async () => {
  const holder = new OneHolder();
  const { store } = await holder.start();
  const fragment = fragmentOf(1);
  await store.store(fragment.headerBytes, [fragment.body]);
  holder.disk.damage(pathOf(fragment), 5);
  await assert.rejects(held(store, fragment), { code: "disk-error" });
});

test("opening removes damaged, cut, misnamed and half-written files and keeps the others", async () => {
  const holder = new OneHolder();
  const { store } = await holder.start();
  const fragments = [1, 2, 3, 4, 5].map((segment) => fragmentOf(segment));
  for (const { headerBytes, body } of fragments) await store.store(headerBytes, [body]);
  const [whole, format, leaf, cut, moved] = fragments;
  assert.ok(whole && format && leaf && cut && moved);
  holder.disk.damage(pathOf(format), 0);
  holder.disk.damage(pathOf(leaf), 5 + leaf.headerBytes.length);
  const size = await holder.disk.sizeBytes(pathOf(cut));
  await holder.disk.createFile(pathOf(cut), [await holder.disk.read(pathOf(cut), 0, size - 1)]);
  await holder.disk.rename(pathOf(moved), pathOf(fragmentOf(6)));
  const folder = `fragments/${toHex(owner)}`;
  await holder.disk.createFile(`${folder}/incoming-7`, [concat(whole.headerBytes)]);
  await holder.disk.createFile(`${folder}/${toHex(id(16, 8))}`, []);
  const again = await holder.start();
  assert.deepEqual(
    again.store.list(owner, undefined, 10).map(({ key }) => toHex(key.segmentId)),
    [toHex(whole.key.segmentId)],
  );
  assert.deepEqual(await holder.disk.list(folder), [toHex(whole.key.segmentId)]);
  assert.equal(holder.reports.filter((event) => event === "held-fragment-damaged").length, 5);
  assert.equal(await held(again.store, whole), whole.digest);
});

test("opening brings an index that knows too much, too little or another size in line with the files", async () => {
  const holder = new OneHolder();
  const { store, index } = await holder.start();
  const [known, unknown, resized] = [fragmentOf(1), fragmentOf(2), fragmentOf(3)];
  for (const { headerBytes, body } of [known, unknown, resized]) await store.store(headerBytes, [body]);
  const entry = index.get(owner, known.key.segmentId);
  assert.ok(entry);
  index.delete(owner, unknown.key.segmentId);
  index.put({ ...entry, key: resized.key, sizeBytes: 1 });
  index.put({ ...entry, key: fragmentOf(4).key });
  const { store: again } = await holder.start({ index });
  const listed = again.list(owner, undefined, 10);
  assert.deepEqual(
    listed.map(({ key }) => key.segmentId[15]),
    [1, 2, 3],
  );
  assert.deepEqual(new Set(listed.map(({ sizeBytes }) => sizeBytes)).size, 1);
  assert.deepEqual(holder.reports, ["held-fragment-missing"]);
});

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { DurableFolder } from "../adapters/state-folder.ts";
import { decodeRecord, encodeRecord, type OutsideRecord, recordBytesMax, recordKey } from "./outside-record.ts";
import { findOutside, OutsideStore, writeFirstOutside } from "./outside-store.ts";

const key = recordKey(new Uint8Array(32).fill(1));
const first: OutsideRecord = {
  number: 1,
  state: "made",
  backend: "gocryptfs",
  sealedVolumeKey: Uint8Array.of(1, 2, 3),
  sealedPepper: undefined,
  slots: undefined,
};

function folders(context: TestContext): { state: DurableFolder; content: DurableFolder } {
  const path = mkdtempSync(join(tmpdir(), "piccolod-outside-"));
  context.after(() => rmSync(path, { recursive: true }));
  return { state: new DurableFolder(join(path, "state")), content: new DurableFolder(join(path, "content")) };
}

test("a record that is no record is damaged, whatever its bytes", () => {
  const good = Buffer.from(encodeRecord(first, key)).toString();
  const bad = [
    "",
    "{}",
    good.slice(0, -2),
    good.replace('"format":1', '"format":2'),
    good.replace('"number":1', '"number":0'),
    good.replace('"state"', '"more":1,"state"'),
    `${good}x`,
    "x".repeat(recordBytesMax + 1),
  ];
  for (const text of bad) assert.throws(() => decodeRecord(Buffer.from(text)), { code: "record-damaged" }, text);
});

test("a record is authentic under the key of its volume alone, to the last letter", () => {
  const content = encodeRecord(first, key);
  const decoded = decodeRecord(content);
  assert.deepEqual(decoded.record, first);
  assert.ok(decoded.isAuthentic(key));
  assert.ok(!decoded.isAuthentic(recordKey(new Uint8Array(32).fill(2))));
  const changed = Buffer.from(Buffer.from(content).toString().replace('"number":1', '"number":9'));
  assert.ok(!decodeRecord(changed).isAuthentic(key));
});

test("a change is in both places, and the newer of two counts after a crash in between", (context) => {
  const { state, content } = folders(context);
  writeFirstOutside(state, first, key);
  const store = new OutsideStore(state, content, key);
  store.change({ slots: Uint8Array.of(5) });
  const old = readFileSync(content.file("outside-copy"));
  store.change({ slots: Uint8Array.of(6) });
  writeFileSync(content.file("outside-copy"), old);
  const again = new OutsideStore(state, content, key);
  assert.deepEqual([again.record.slots, again.record.number, again.restored], [Uint8Array.of(6), 3, false]);
  assert.deepEqual(readFileSync(content.file("outside-copy")), readFileSync(state.file("outside")));
});

test("a record outside that was changed, put back to an older one, or taken away is replaced by the copy", (context) => {
  const { state, content } = folders(context);
  writeFirstOutside(state, first, key);
  const old = readFileSync(state.file("outside"));
  new OutsideStore(state, content, key).change({ slots: Uint8Array.of(5) });
  const forged = encodeRecord({ ...first, number: 99 }, recordKey(new Uint8Array(32)));
  for (const outside of [old, Buffer.from(forged), Buffer.from("nothing"), undefined]) {
    if (outside === undefined) rmSync(state.file("outside"));
    else writeFileSync(state.file("outside"), outside);
    const store = new OutsideStore(state, content, key);
    assert.deepEqual([store.record.slots, store.restored], [Uint8Array.of(5), true]);
    const found = findOutside(state);
    assert.ok(typeof found === "object" && found.isAuthentic(key));
  }
});

test("where nothing is authentic, nothing is believed", (context) => {
  const { state, content } = folders(context);
  writeFirstOutside(state, first, recordKey(new Uint8Array(32)));
  assert.throws(() => new OutsideStore(state, content, key), { code: "record-damaged" });
});

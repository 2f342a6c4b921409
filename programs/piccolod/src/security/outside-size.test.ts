import assert from "node:assert/strict";
import { test } from "node:test";
import { slotListBytesMax } from "@piccolo/envelope";
import { decodeRecord, encodeRecord, type OutsideRecord, recordKey } from "./outside-record.ts";

test("a record with the largest slots there may be is read again", () => {
  const key = recordKey(new Uint8Array(32).fill(1));
  const record: OutsideRecord = {
    number: Number.MAX_SAFE_INTEGER,
    state: "made",
    backend: "plain-folder",
    sealedVolumeKey: new Uint8Array(2_048).fill(255),
    sealedPepper: new Uint8Array(2_048).fill(255),
    slots: new Uint8Array(slotListBytesMax).fill(255),
  };
  const decoded = decodeRecord(encodeRecord(record, key));
  assert.deepEqual(decoded.record, record);
  assert.ok(decoded.isAuthentic(key));
});

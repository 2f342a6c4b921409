import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "@piccolo/fault";
import fc from "fast-check";
import { ada, bela, chiara, deniz, emil, entryOf, logOf, positionAfter, stateOf } from "../test-support/cast.ts";
import { applyEntry, decodeEntry, leaveNetwork, removeMember, replay, signersSuffice } from "./index.ts";

test("no entry of a log survives a changed bit", () => {
  const log = logOf(4);
  fc.assert(
    fc.property(fc.nat({ max: 3 }), fc.nat(), fc.nat({ max: 7 }), (index, at, bit) => {
      const entry = new Uint8Array(log[index] ?? []);
      const position = at % entry.length;
      entry[position] = (entry[position] ?? 0) ^ (1 << bit);
      const before = index === 0 ? undefined : replay(log.slice(0, index));
      assert.throws(
        () => applyEntry(before, entry),
        (error) => isFault(error),
      );
    }),
    { numRuns: 300 },
  );
});

test("bytes that are no entry are refused as such, never by a crash", () => {
  const state = stateOf(2);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      assert.throws(
        () => applyEntry(state, bytes),
        (error) => isFault(error),
      );
    }),
  );
});

test("whichever of the signatures a carrier shows, everybody has the same head", () => {
  const state = stateOf(4);
  const removing = (...signers: Parameters<typeof entryOf>[3]): Uint8Array =>
    entryOf(state.networkId, positionAfter(state), { kind: "remove", account: deniz.account }, signers);
  const heads = [removing(ada, bela), removing(bela, chiara), removing(ada, bela, chiara)].map(
    (entry) => applyEntry(state, entry).headHash,
  );
  assert.deepEqual(heads[1], heads[0]);
  assert.deepEqual(heads[2], heads[0]);
});

test("who may speak alone passes to the member who joined next when the founder leaves", () => {
  const state = stateOf(3);
  assert.ok(signersSuffice(state, [ada.account]) && !signersSuffice(state, [bela.account]));
  const left = applyEntry(
    state,
    entryOf(state.networkId, positionAfter(state), { kind: "remove", account: ada.account }, [ada]),
  );
  assert.deepEqual(left.founder.account, bela.account);
  assert.ok(signersSuffice(left, [bela.account]) && !signersSuffice(left, [chiara.account]));
});

test("from four members on two speak for the network, one twice does not, and no stranger counts", () => {
  const state = stateOf(4);
  assert.ok(!signersSuffice(state, [ada.account]));
  assert.ok(!signersSuffice(state, [ada.account, ada.account]));
  assert.ok(!signersSuffice(state, [ada.account, bela.account, emil.account]));
  assert.ok(signersSuffice(state, [chiara.account, deniz.account]));
});

test("a state stays as it is when entries are applied to it", () => {
  const state = stateOf(4);
  const before = [...state.members.keys()];
  const world = {
    nowMs: () => 0,
    monotonicMs: () => 0,
    sleep: () => Promise.resolve(),
    randomBytes: () => new Uint8Array(0),
  };
  applyEntry(state, leaveNetwork({ state, ownerKeys: deniz.keys, world }));
  assert.deepEqual([...state.members.keys()], before);
  assert.ok(state.memberByDeviceKey(deniz.deviceKey.publicKey) !== undefined);
});

test("a clock behind the log's gives an entry as old as the newest, not one that is refused", () => {
  const state = stateOf(4);
  const world = {
    nowMs: () => 1,
    monotonicMs: () => 0,
    sleep: () => Promise.resolve(),
    randomBytes: () => new Uint8Array(0),
  };
  const entry = removeMember({ state, ownerKeys: ada.keys, account: bela.account, world });
  assert.equal(decodeEntry(entry).position.timeMs, state.headTimeMs);
});

test("who changes the bytes given changes no checked entry", () => {
  const [entry] = logOf(1);
  assert.ok(entry !== undefined);
  const bytes = new Uint8Array(entry);
  const decoded = decodeEntry(bytes);
  const hash = new Uint8Array(decoded.hash);
  bytes.fill(0);
  assert.deepEqual(decoded.hash, hash);
  assert.deepEqual(decoded.core, decodeEntry(entry).core);
});

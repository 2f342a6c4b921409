import assert from "node:assert/strict";
import { test } from "node:test";
import { certifyDevice, deriveOwnerKeys, ed25519FromSeed } from "@piccolo/envelope";
import { isFault } from "@piccolo/fault";
import fc from "fast-check";
import { ada, bela, bytesOf, FixedWorld, invitationBy, logOf, startMs, stateOf } from "../test-support/cast.ts";
import { bela2, bela3, rotation } from "../test-support/key-cases.ts";
import {
  applyEntry,
  checkDraft,
  cosignInvitation,
  encodeSignedInvitation,
  replaceDevice,
  replay,
  rotateOwnerKey,
} from "./index.ts";

const world = new FixedWorld("rotation", startMs + 600_000);
const rotations = [rotation(bela, bela2), rotation(bela2, bela3)];

test("no rotation survives a changed bit", () => {
  const entry = rotateOwnerKey({ state: stateOf(4), ownerKeys: bela3.keys, rotations, world });
  fc.assert(
    fc.property(fc.nat({ max: entry.length * 8 - 1 }), (at) => {
      const changed = new Uint8Array(entry);
      changed[at >> 3] = (changed[at >> 3] ?? 0) ^ (1 << (at & 7));
      assert.throws(
        () => applyEntry(stateOf(4), changed),
        (error) => isFault(error),
      );
    }),
    { numRuns: 100 },
  );
});

test("of a whole chain of rotations only those that the log lacks are brought", () => {
  const first = rotateOwnerKey({ state: stateOf(4), ownerKeys: bela2.keys, rotations, world: worldOf(1) });
  const state = replay([...logOf(4), first]);
  assert.equal(state.memberByAccount(bela.account)?.keyEpoch, 2);
  const second = rotateOwnerKey({ state, ownerKeys: bela3.keys, rotations, world: worldOf(2) });
  const after = applyEntry(state, second);
  const member = after.memberByAccount(bela.account);
  assert.deepEqual([member?.keyEpoch, member?.ownerPublicKey], [3, bela3.keys.ownerPublicKey]);
  assert.deepEqual(after.memberByDeviceKey(bela.deviceKey.publicKey), member, "the device stays");
  assert.throws(() => rotateOwnerKey({ state: after, ownerKeys: bela3.keys, rotations, world }), {
    code: "owner-key-rotated",
  });
});

/** Some minutes after the other entries of these tests. */
function worldOf(minutes: number): FixedWorld {
  return new FixedWorld("rotation", startMs + 600_000 + minutes * 60_000);
}

test("a device with nothing but the root secret and the log takes the place of the lost one", () => {
  const entry = rotateOwnerKey({ state: stateOf(4), ownerKeys: bela2.keys, rotations: rotations.slice(0, 1), world });
  const log = [...logOf(4), entry];

  const state = replay(log);
  const member = state.memberByAccount(bela.account);
  assert.ok(member !== undefined);
  const ownerKeys = deriveOwnerKeys(bytesOf("Bela root 2"), member.keyEpoch, member.account);
  assert.deepEqual(ownerKeys.ownerPublicKey, member.ownerPublicKey);
  const deviceKey = ed25519FromSeed(bytesOf("a device from the shop"));
  const device = certifyDevice(ownerKeys, deviceKey.publicKey, member.deviceEpoch + 1);
  const after = applyEntry(state, replaceDevice({ state, ownerKeys, device, world }));

  assert.deepEqual(after.memberByDeviceKey(deviceKey.publicKey)?.account, bela.account);
  assert.equal(after.memberByDeviceKey(bela.deviceKey.publicKey), undefined, "the lost one is no member's device");
  assert.equal(after.memberByAccount(bela.account)?.deviceEpoch, member.deviceEpoch + 1);
});

test("an invitation signed with a key that was rotated is good again once its signer signs anew", () => {
  const invitation = invitationBy(stateOf(4), [ada, bela], "before the re-key").signed;
  const entry = rotateOwnerKey({ state: stateOf(4), ownerKeys: bela2.keys, rotations, world: worldOf(1) });
  const state = replay([...logOf(4), entry]);
  const check = (signed: typeof invitation): boolean =>
    checkDraft(state, "invitation", encodeSignedInvitation(signed), world.nowMs()).complete;
  assert.throws(() => check(invitation), { code: "owner-key-rotated" });
  assert.ok(check(cosignInvitation({ state, ownerKeys: bela2.keys, signed: invitation })));
});

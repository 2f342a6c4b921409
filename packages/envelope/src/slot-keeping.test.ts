import assert from "node:assert/strict";
import { test } from "node:test";
import { deriveOwnerKeys } from "./owner-keys.ts";
import { certifyRotation } from "./owner-rotation.ts";
import { newPhrase, parsePhrase } from "./phrase.ts";
import { sealPhraseSlot, type SealedSlot, verifySealedSlot } from "./phrase-slot.ts";
import { decideSlot } from "./slot-keeping.ts";
import { chain, details, keys, laterSlot, renewedSlot, world } from "../test-support/slot-cast.ts";

function slotOf(options: { readonly number: number; readonly forgetBelow: number; readonly epoch?: 2 }): SealedSlot {
  const root = world.randomBytes(32);
  const ownerKeys = deriveOwnerKeys(root, 2, keys.account);
  const stolen = { ...chain, rotations: [certifyRotation(keys, ownerKeys)] };
  const phrase = parsePhrase(newPhrase(world).join(" "));
  return verifySealedSlot(sealPhraseSlot({ root, phrase, ownerKeys, chain: stolen, details, world, ...options }));
}

const renewed = verifySealedSlot(renewedSlot);
const later = verifySealedSlot(laterSlot);

test("who stole an older root cannot lead the account's chain elsewhere", () => {
  const thief = slotOf({ number: 1000, forgetBelow: 1000 });
  assert.deepEqual(decideSlot([renewed, later], thief, false), { decision: "refuse", reason: "other-chain" });
});

test("an account has no more than two slots kept, whatever its owner signs", () => {
  const third = { ...later, number: 9, forgetBelow: 1, locator: world.randomBytes(32) };
  assert.deepEqual(decideSlot([renewed, later], third, false), { decision: "refuse", reason: "too-many" });
});

test("a slot of somebody else's account that is kept is no matter of this one's", () => {
  const stranger = { ...later, account: world.randomBytes(32), locator: world.randomBytes(32), number: 99 };
  assert.deepEqual(decideSlot([stranger, renewed], later, false), { decision: "keep", forget: [] });
});

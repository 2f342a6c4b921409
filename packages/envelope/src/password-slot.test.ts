import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { toHex } from "@piccolo/bytes";
import fc from "fast-check";
import { argon2id, leastCost } from "../test-support/argon2id.ts";
import { changed, keys, password, passwordSlot, pepper, root, world } from "../test-support/slot-cast.ts";
import {
  type Argon2id,
  openPasswordSlot,
  type PasswordCost,
  passwordCostFloor,
  passwordSlotBytes,
  passwordSlotCost,
  productCost,
  sealPasswordSlot,
} from "./password-slot.ts";

const key = { password, pepper, argon2: argon2id, floor: leastCost };

/** Counts the derivations and what they cost. */
function counted(): { readonly argon2: Argon2id; readonly costs: PasswordCost[] } {
  const costs: PasswordCost[] = [];
  return {
    costs,
    argon2: (input) => {
      costs.push({ memoryKiB: input.memoryKiB, passes: input.passes, parallelism: input.parallelism });
      return argon2id(input);
    },
  };
}

test("any changed byte is refused", async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(passwordSlotBytes - 1), fc.integer({ min: 1, max: 255 }), async (at, mask) => {
      // A forged cost within the bounds is worked for, so memory and passes stay small here.
      fc.pre(!(at >= 37 && at < 45));
      await assert.rejects(openPasswordSlot(changed(passwordSlot, at, mask), key), { code: "wrong-password" });
    }),
    { numRuns: 300 },
  );
});

test("any bytes are refused", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 2 * passwordSlotBytes }), async (bytes) => {
      await assert.rejects(openPasswordSlot(bytes, { ...key, floor: passwordCostFloor, argon2: argon2IgnoringCost }));
    }),
  );
});

const argon2IgnoringCost: Argon2id = (input) => argon2id({ ...input, ...leastCost });

test("a wrong password and a damaged slot give the same fault after the same work", async () => {
  const attempts = [
    { slot: passwordSlot, password: "wrong" },
    { slot: changed(passwordSlot, 0), password },
    { slot: changed(passwordSlot, 60), password },
    { slot: passwordSlot.subarray(1), password },
    { slot: new Uint8Array(0), password },
  ];
  for (const { slot, password: typed } of attempts) {
    const { argon2, costs } = counted();
    await assert.rejects(openPasswordSlot(slot, { ...key, password: typed, argon2 }), {
      code: "wrong-password",
      message: "the password does not open this device: try again, or use the recovery phrase",
      details: {},
    });
    assert.deepEqual(costs, [leastCost]);
  }
});

test("a slot under the floor is neither made nor opened, and costs nothing", async () => {
  const { argon2, costs } = counted();
  const floor = passwordCostFloor;
  await assert.rejects(openPasswordSlot(passwordSlot, { ...key, argon2, floor }), { code: "slot-too-cheap" });
  const options = { ...key, argon2, floor, root, account: keys.account, epoch: 1, cost: leastCost, world };
  await assert.rejects(sealPasswordSlot(options), { code: "slot-too-cheap" });
  assert.deepEqual(costs, []);
});

test("what the product seals with is over its floor", () => {
  assert.equal(passwordCostFloor.memoryKiB, 128 * 1024);
  assert.ok(productCost.memoryKiB >= passwordCostFloor.memoryKiB && productCost.passes >= passwordCostFloor.passes);
});

test("a slot says what a guess costs", () => {
  assert.deepEqual(passwordSlotCost(passwordSlot), leastCost);
  assert.equal(passwordSlotCost(new Uint8Array(passwordSlotBytes)), undefined);
});

test("the same password seals to other bytes each time, and both open", async () => {
  const options = { ...key, root, account: keys.account, epoch: 1, cost: leastCost, world };
  const again = await sealPasswordSlot(options);
  assert.notDeepEqual(again, passwordSlot);
  const opened = await openPasswordSlot(again, { ...key, account: keys.account });
  assert.deepEqual(opened.root(), root);
  assert.deepEqual(opened.deriveKeys().ownerPublicKey, keys.ownerPublicKey);
});

test("an opened root shows no secret, gives copies, and is gone once erased", async () => {
  const opened = await openPasswordSlot(passwordSlot, key);
  const shown = JSON.stringify(opened) + inspect(opened, { showHidden: true, depth: null, maxArrayLength: null });
  assert.ok(!shown.includes(toHex(root)) && !shown.includes(Array.from(root).join(",")));
  opened.root().fill(0);
  assert.deepEqual(opened.root(), root);
  opened.erase();
  opened.erase();
  assert.throws(() => opened.root(), { code: "locked" });
  assert.throws(() => opened.deriveKeys(), { code: "locked" });
});

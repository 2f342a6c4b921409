import assert from "node:assert/strict";
import { test } from "node:test";
import {
  acknowledgedFragments,
  defaultPolicy,
  fixedPolicy,
  fragmentsFor,
  lossProbabilityPerYear,
  modelledRedundancy,
  observedRates,
  priorRates,
  type Redundancy,
  redundancyTable,
  unreadableProbability,
} from "./index.ts";

const upTo = (members: number): Redundancy[] =>
  Array.from({ length: members - 1 }, (_, at) => defaultPolicy(at + 2)).filter((one) => one !== undefined);

test("the table for 2 to 12 members equals the model", () => {
  assert.deepEqual([...redundancyTable.keys()], [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  for (const [members, { k, n }] of redundancyTable) {
    const modelled = modelledRedundancy(members);
    assert.deepEqual({ members, k: modelled?.k, n: modelled?.n }, { members, k, n });
    assert.equal(n, members - 1);
  }
});

test("ten members get 3-of-9 with at least eleven nines a year and four nines readable", () => {
  const ten = defaultPolicy(10);
  assert.ok(ten !== undefined);
  assert.deepEqual([ten.k, ten.n, ten.s, ten.expansion], [3, 9, 6, 3]);
  assert.ok(ten.ninesPerYear >= 11 && ten.ninesReadable >= 4);
});

test("one member alone can make nothing durable, two have one copy, and nobody else has k = n", () => {
  assert.equal(defaultPolicy(1), undefined);
  const [two, ...more] = upTo(60);
  assert.deepEqual([two?.k, two?.n], [1, 1]);
  for (const { k, n } of more) assert.ok(k < n, `${k}-of-${n}`);
});

test("a larger network never gets fewer nines, counted up to the target, than a smaller one", () => {
  let before = 0;
  for (const { k, n, ninesPerYear } of upTo(60)) {
    const counted = Math.min(11, ninesPerYear);
    assert.ok(counted >= before, `${k}-of-${n} has ${counted} nines after ${before}`);
    before = counted;
  }
});

test("from nine members on the target is met at no more than three times the size, by the largest possible k", () => {
  for (let members = 9; members <= 60; members++) {
    const chosen = defaultPolicy(members);
    assert.ok(chosen !== undefined && chosen.ninesPerYear >= 11 && chosen.ninesReadable >= 4);
    assert.ok(chosen.expansion <= 3, `${chosen.k}-of-${chosen.n}`);
    const { spare } = fragmentsFor(members);
    const next = { k: chosen.k + 1, n: chosen.n };
    const tooFew =
      lossProbabilityPerYear(next, priorRates, spare) > 1e-11 || unreadableProbability(next, priorRates) > 1e-4;
    assert.ok(tooFew || next.k === next.n, `${next.k}-of-${next.n} would do`);
  }
});

test("the model agrees with what can be worked out by hand", () => {
  // A single copy is lost at the loss rate; two copies without repair within the year both go with about its square.
  assert.ok(Math.abs(lossProbabilityPerYear({ k: 1, n: 1 }, priorRates, false) - (1 - Math.exp(-0.05))) < 1e-12);
  const two = lossProbabilityPerYear({ k: 1, n: 2 }, priorRates, false);
  const expected = 2 * 0.05 * 0.05 * (30 / 365.25);
  assert.ok(Math.abs(two / expected - 1) < 0.02, `${two} against ${expected}`);
  assert.ok(Math.abs(unreadableProbability({ k: 2, n: 2 }, priorRates) - (1 - 0.95 ** 2)) < 1e-12);
});

test("a spare, a smaller k and a larger n each make a loss less likely", () => {
  const p = (k: number, n: number, spare = false): number => lossProbabilityPerYear({ k, n }, priorRates, spare);
  assert.ok(p(3, 9, true) < p(3, 9));
  assert.ok(p(3, 9) < p(4, 9));
  assert.ok(p(3, 9) < p(3, 8));
});

test("nine quiet peers do not look immortal, and losses count", () => {
  assert.ok(observedRates({ deviceYears: 9, losses: 0 }).lossPerYear > 0.045);
  assert.ok(observedRates({ deviceYears: 100, losses: 30 }).lossPerYear > 0.17);
});

test("an acknowledged segment survives at least half of the losses the code allows", () => {
  assert.equal(acknowledgedFragments({ k: 6, n: 9 }), 8);
  assert.equal(acknowledgedFragments({ k: 3, n: 9 }), 6);
  assert.equal(acknowledgedFragments({ k: 1, n: 1 }), 1);
});

test("a fixed code holds only where there are enough members", () => {
  const policy = fixedPolicy({ k: 6, n: 9 });
  assert.equal(policy(9), undefined);
  assert.deepEqual([policy(10)?.k, policy(10)?.n], [6, 9]);
});

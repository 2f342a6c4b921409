import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { HolderView } from "../ports/index.ts";
import { chooseHolders, offlineStopPlacingMs, readOrder, type ReadSource } from "./placement.ts";

const nowMs = 1_800_000_000_000;

function holder(number: number, rest: Partial<HolderView> = {}): HolderView {
  return {
    account: number.toString(16).padStart(64, "0"),
    name: `holder ${number}`,
    deviceKey: new Uint8Array(32).fill(number),
    addresses: [],
    online: true,
    lastSeenMs: nowMs,
    roundTripMs: 1,
    domain: `household ${number}`,
    ...rest,
  };
}

const holders = (count: number): HolderView[] => Array.from({ length: count }, (_, at) => holder(at));
const longAway = { online: false, lastSeenMs: nowMs - offlineStopPlacingMs };
const justAway = { online: false, lastSeenMs: nowMs - offlineStopPlacingMs + 1 };

test("nobody is chosen twice, in the owner's own domain, or over what one domain may take, and whenever there is a way it is found", () => {
  const network = fc.array(
    fc.record({ domain: fc.constantFrom("home", "a", "b", "c", "d", "e"), away: fc.boolean() }),
    { maxLength: 14 },
  );
  const code = fc
    .tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 0, max: 6 }))
    .map(([k, more]) => ({ k, n: k + more }));
  fc.assert(
    fc.property(network, code, fc.nat(1_000), (members, { k, n }, turn) => {
      const views = members.map(({ domain, away }, at) => holder(at, { domain, ...(away ? longAway : {}) }));
      const most = Math.max(1, Math.floor((n - k) / 2));
      const chosen = chooseHolders(views, "home", { k, n }, { nowMs, turn });
      const perDomain = new Map<string, number>();
      for (const { domain } of views) perDomain.set(domain, (perDomain.get(domain) ?? 0) + 1);
      perDomain.delete("home");
      const room = [...perDomain.values()].reduce((sum, count) => sum + Math.min(most, count), 0);
      assert.equal(chosen !== undefined, room >= n);
      if (chosen === undefined) return;
      assert.equal(new Set(chosen).size, n);
      const domains = chosen.map((account) => views.find((view) => view.account === account)?.domain);
      assert.ok(!domains.includes("home"));
      for (const domain of domains) assert.ok(domains.filter((other) => other === domain).length <= most);
    }),
  );
});

test("a member of a larger network that is long away is passed over, one just gone is not", () => {
  const views = [...holders(9), holder(9, longAway), holder(10, justAway)];
  const chosen = Array.from({ length: 11 }, (_, turn) =>
    chooseHolders(views, "home", { k: 6, n: 9 }, { nowMs, turn }),
  ).flat();
  assert.ok(!chosen.includes(holder(9).account));
  assert.ok(chosen.includes(holder(10).account));
});

test("where all are needed, also a member long away is meant to hold a fragment", () => {
  const views = [...holders(8), holder(8, longAway)];
  const chosen = chooseHolders(views, "home", { k: 6, n: 9 }, { nowMs, turn: 3 });
  assert.ok(chosen?.includes(holder(8).account));
});

test("members long away step in where those present live together", () => {
  const views = [holder(0), holder(1, { domain: "household 0" }), holder(2, longAway)];
  const chosen = chooseHolders(views, "home", { k: 1, n: 2 }, { nowMs, turn: 0 });
  assert.deepEqual(chosen?.toSorted(), [holder(0).account, holder(2).account]);
});

test("over the turns every member gets every index equally often, whatever order it is listed in", () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 12 }), fc.nat(50), fc.nat(1_000), (count, start, shift) => {
      const views = holders(count);
      const shuffled = views.map((_, at) => views[(at + shift) % count]).filter((view) => view !== undefined);
      const code = { k: 1, n: Math.max(1, count - 1) };
      const seen = new Map<string, number>();
      for (let turn = start; turn < start + count; turn++) {
        const chosen = chooseHolders(shuffled, "home", code, { nowMs, turn });
        assert.deepEqual(chosen, chooseHolders(views, "home", code, { nowMs, turn }));
        for (const [index, account] of (chosen ?? []).entries()) {
          seen.set(`${account} ${index}`, (seen.get(`${account} ${index}`) ?? 0) + 1);
        }
      }
      assert.equal(seen.size, count * code.n);
      assert.ok([...seen.values()].every((times) => times === 1));
    }),
  );
});

const source = (index: number, rest: Partial<ReadSource> = {}): ReadSource => ({
  index,
  online: true,
  roundTripMs: 10,
  resting: false,
  ...rest,
});

test("a read asks fast holders before slow ones, resting ones after these, and those away last", () => {
  const sources = [
    source(0, { online: false }),
    source(1, { resting: true }),
    source(2, { roundTripMs: 300 }),
    source(3),
    source(4, { online: false, resting: true, roundTripMs: Infinity }),
  ];
  assert.deepEqual(readOrder(sources, 2), [3, 2, 1, 0, 4]);
});

test("among equally fast holders data comes before parity, and an unmeasured one counts as neither fast nor lost", () => {
  const sources = [source(3), source(0), source(4, { roundTripMs: 24 }), source(1, { roundTripMs: Infinity })];
  assert.deepEqual(readOrder(sources, 2), [0, 3, 4, 1]);
  assert.deepEqual(readOrder([source(0, { roundTripMs: 500 }), source(2, { roundTripMs: Infinity })], 1), [2, 0]);
});

test("every fragment is in the order exactly once", () => {
  const anySource = fc.record({
    index: fc.nat(39),
    online: fc.boolean(),
    roundTripMs: fc.oneof(fc.nat(60_000), fc.constant(Infinity)),
    resting: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.uniqueArray(anySource, { selector: ({ index }) => index }), fc.nat(20), (sources, k) => {
      assert.deepEqual(
        readOrder(sources, k).toSorted((a, b) => a - b),
        sources.map(({ index }) => index).toSorted((a, b) => a - b),
      );
    }),
  );
});

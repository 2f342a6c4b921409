import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import fc from "fast-check";
import { type Lease, MemoryBudget } from "./memory-budget.ts";

const never = new AbortController().signal;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("an aborted signal gets nothing, and giving up while waiting takes nothing and lets the next in", async () => {
  const budget = new MemoryBudget(100);
  const gone = new AbortController();
  gone.abort(new Error("gone"));
  await assert.rejects(budget.take(10, gone.signal), /gone/);
  assert.equal(budget.usedBytes, 0);
  const first = await budget.take(60, never);
  const abort = new AbortController();
  const large = budget.take(60, abort.signal);
  const small = budget.take(30, never);
  await turn();
  assert.ok(budget.contended);
  abort.abort(new Error("given up"));
  await assert.rejects(large, /given up/);
  const second = await small;
  assert.equal(budget.usedBytes, 90);
  first.release();
  second.release();
  assert.equal(budget.usedBytes, 0);
});

test("who waits is served in line, so that small requests do not starve a large one", async () => {
  const budget = new MemoryBudget(100);
  const first = await budget.take(80, never);
  const order: string[] = [];
  const large = budget.take(90, never).then((lease) => {
    order.push("large");
    return lease;
  });
  const small = budget.take(10, never).then((lease) => {
    order.push("small");
    return lease;
  });
  await turn();
  assert.equal(budget.tryReserve(1), undefined, "nobody passes the line");
  first.release();
  (await large).release();
  (await small).release();
  assert.deepEqual(order, ["large", "small"]);
  assert.equal(budget.usedBytes, 0);
});

test("a lease over the whole limit is granted when nothing else is out", async () => {
  const budget = new MemoryBudget(100);
  const lease = await budget.take(250, never);
  assert.equal(lease.buffer.length, 250);
  assert.equal(budget.tryReserve(1), undefined);
  lease.release();
  budget.tryReserve(100)?.();
  assert.equal(budget.usedBytes, 0);
});

test("giving back twice counts once", async () => {
  const budget = new MemoryBudget(100);
  const lease = await budget.take(40, never);
  const reserved = budget.tryReserve(40);
  assert.ok(reserved);
  lease.release();
  lease.release();
  reserved();
  reserved();
  assert.equal(budget.usedBytes, 0);
  const [a, b] = [await budget.take(40, never), await budget.take(40, never)];
  assert.notEqual(a.buffer, b.buffer, "a buffer given back twice is lent once");
});

test("a signal that served many leases keeps no listeners", async () => {
  const budget = new MemoryBudget(10);
  const { signal } = new AbortController();
  for (let round = 0; round < 20; round++) {
    const first = await budget.take(10, signal);
    const waiting = budget.take(10, signal);
    first.release();
    (await waiting).release();
  }
  assert.equal(getEventListeners(signal, "abort").length, 0);
});

test("whatever is taken, given up and given back: never over the limit, nothing lost, nobody left waiting", async () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("take" as const), bytes: fc.integer({ min: 1, max: 60 }) }),
    fc.record({ kind: fc.constant("reserve" as const), bytes: fc.integer({ min: 1, max: 60 }) }),
    fc.record({ kind: fc.constant("release" as const), which: fc.nat(20) }),
    fc.record({ kind: fc.constant("give up" as const), which: fc.nat(20) }),
    fc.record({ kind: fc.constant("drop" as const) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const budget = new MemoryBudget(100);
      const held: (() => void)[] = [];
      const waiting = new Set<AbortController>();
      for (const one of steps) {
        if (one.kind === "take") {
          const abort = new AbortController();
          waiting.add(abort);
          const keep = (lease: Lease): void => {
            lease.buffer.fill(1);
            held.push(() => lease.release());
          };
          budget.take(one.bytes, abort.signal).then(
            (lease) => {
              waiting.delete(abort);
              keep(lease);
            },
            () => waiting.delete(abort),
          );
        } else if (one.kind === "reserve") {
          const release = budget.tryReserve(one.bytes);
          if (release !== undefined) held.push(release);
        } else if (one.kind === "release") {
          held.splice(one.which % Math.max(1, held.length), 1)[0]?.();
        } else if (one.kind === "give up") {
          [...waiting][one.which % Math.max(1, waiting.size)]?.abort(new Error("given up"));
        } else {
          budget.drop();
        }
        await turn();
        assert.ok(budget.usedBytes <= 100);
        assert.equal(budget.contended, waiting.size > 0);
      }
      while (held.length > 0) {
        held.pop()?.();
        await turn();
      }
      assert.equal(waiting.size, 0);
      assert.equal(budget.usedBytes, 0);
    }),
    { numRuns: 60 },
  );
});

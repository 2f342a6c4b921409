import assert from "node:assert/strict";
import { test } from "node:test";
import { decideTurn, shareOf, turnMs, type Turns } from "./turns.ts";

test("addresses of one IPv6 network have one share, and so have all of the machine's own", () => {
  const one = shareOf("2001:db8:0:1::5");
  for (const same of ["2001:DB8:0:1:ffff:1:2:3", "2001:0db8:0000:0001::", "2001:db8::1:0:0:0:9"]) {
    assert.equal(shareOf(same), one, same);
  }
  for (const other of ["2001:db8:0:2::5", "fe80::5", "192.168.1.4", "::1"]) assert.notEqual(shareOf(other), one, other);
  assert.equal(shareOf("fe80::1%eth0"), shareOf("fe80::2"));
  assert.equal(shareOf("::ffff:192.168.1.4"), shareOf("192.168.1.4"));
  assert.notEqual(shareOf("192.168.1.4"), shareOf("192.168.1.5"));
  assert.deepEqual(new Set(["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"].map(shareOf)).size, 1);
  assert.ok(shareOf("x".repeat(10_000)).length <= 64 && shareOf(":".repeat(10_000)).length <= 64);
});

test("turns go round in the order of asking, and pass on where nobody takes them", () => {
  let turns: Turns = { opensMs: 1_000, waiting: [] };
  const ask = (share: string, nowMs: number): number | "served" => {
    const turn = decideTurn(turns, share, nowMs);
    turns = turn.turns;
    return turn.isServed ? "served" : turn.waitMs;
  };
  assert.equal(ask("a", 0), 1_000);
  assert.equal(ask("b", 0), 1_000 + turnMs);
  assert.equal(ask("a", 500), 500);
  assert.equal(ask("b", 1_000), turnMs, "it is the turn of a");
  assert.equal(ask("a", 1_000), "served");
  turns = { ...turns, opensMs: 31_000 };
  assert.equal(ask("a", 31_000), turnMs, "b is first now");
  assert.equal(ask("a", 31_000 + turnMs), "served", "b did not come");
  assert.deepEqual(turns.waiting, []);
  assert.equal(ask("c", 31_000 + turnMs), "served", "where none waits, who comes");
});

test("however many ask, the list of those who wait is bounded, and who is not on it is told to wait", () => {
  let turns: Turns = { opensMs: 0, waiting: [] };
  for (let at = 0; at < 10_000; at++) {
    const turn = decideTurn({ ...turns, opensMs: 1_000 }, `share ${at}`, 0);
    turns = turn.turns;
    assert.ok(!turn.isServed && turn.waitMs >= 1_000);
  }
  assert.equal(turns.waiting.length, 128);
});

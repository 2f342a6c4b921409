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

/** Who asks, and what each is told: the wait in ms, or `served`. */
class Asked {
  turns: Turns = { opensMs: 1_000, waiting: [] };
  ask(remote: string, nowMs: number): number | "served" {
    const turn = decideTurn(this.turns, remote, nowMs);
    this.turns = turn.turns;
    return turn.isServed ? "served" : turn.waitMs;
  }
  /** After one was served, the next turn begins then. */
  opens(atMs: number): void {
    this.turns = { ...this.turns, opensMs: atMs };
  }
}

test("turns go round in the order of asking, and pass on where nobody takes them", () => {
  const asked = new Asked();
  assert.equal(asked.ask("a", 0), 1_000);
  assert.equal(asked.ask("b", 0), 1_000 + turnMs);
  assert.equal(asked.ask("a", 500), 500);
  assert.equal(asked.ask("b", 1_000), turnMs, "it is the turn of a");
  assert.equal(asked.ask("a", 1_000), "served");
  asked.opens(31_000);
  assert.equal(asked.ask("a", 31_000), turnMs, "b is first now");
  assert.equal(asked.ask("a", 31_000 + turnMs), "served", "b did not come");
  assert.deepEqual(asked.turns.waiting, []);
  assert.equal(asked.ask("c", 31_000 + turnMs), "served", "where none waits, who comes");
});

test("in a network each address has its turn, one a round, and the round of the others does not wait for them", () => {
  const asked = new Asked();
  assert.equal(asked.ask("fe80::1", 0), 1_000);
  assert.equal(asked.ask("fe80::2", 0), 1_000 + turnMs);
  assert.equal(asked.ask("fe80::3%eth0", 0), 1_000 + 2 * turnMs);
  assert.equal(asked.ask("192.168.1.4", 0), 1_000 + turnMs, "behind one of the network, not behind three");
  assert.equal(asked.ask("FE80::2", 0), 1_000 + 2 * turnMs, "and it is told that it has moved back");
  assert.equal(asked.ask("fe80::3%eth0", 0), 1_000 + 3 * turnMs);
  assert.equal(asked.ask("fe80::2", 1_000), 2 * turnMs, "it is not its turn yet, though that of its network");
  assert.equal(asked.ask("fe80::1", 1_000), "served");
  asked.opens(31_000);
  assert.equal(asked.ask("fe80::1", 31_000), 3 * turnMs, "who was served goes behind all of its network");
  assert.equal(asked.ask("192.168.1.4", 31_000), "served");
  asked.opens(61_000);
  assert.equal(asked.ask("fe80::3%eth0", 61_000 + turnMs), "served", "the second did not come");
  asked.opens(121_000);
  assert.equal(asked.ask("fe80::1", 121_000), "served");
  assert.deepEqual(asked.turns.waiting, []);
});

test("what one is told is never later than the turn that comes if nobody takes those before", () => {
  const asked = new Asked();
  const remotes = ["fe80::1", "10.0.0.1", "fe80::2", "2001:db8::1", "fe80::3", "2001:db8::2", "10.0.0.2", "fe80::4"];
  for (const remote of remotes) asked.ask(remote, 0);
  for (const remote of remotes) {
    const alone = new Asked();
    alone.turns = asked.turns;
    const told = alone.ask(remote, 0);
    assert.ok(told !== "served");
    assert.notEqual(alone.ask(remote, told - 1), "served");
    assert.equal(alone.ask(remote, told), "served", remote);
  }
});

test("however many ask, the lists of those who wait are bounded, and who is on none is told to wait", () => {
  for (const [addressOf, shares, addresses] of [
    [(at: number) => `10.0.${at >> 8}.${at & 255}`, 128, 1],
    [(at: number) => `fe80::${at.toString(16)}`, 1, 16],
    [(at: number) => `2001:db8:0:${(at % 200).toString(16)}::${at.toString(16)}`, 128, 16],
  ] as const) {
    const asked = new Asked();
    for (let at = 0; at < 10_000; at++) {
      const told = asked.ask(addressOf(at), 0);
      assert.ok(told !== "served" && told >= 1_000);
    }
    assert.equal(asked.turns.waiting.length, shares);
    assert.ok(asked.turns.waiting.every((one) => one.addresses.length === addresses));
    const years = 1_000 * turnMs * 10_000;
    assert.equal(asked.ask("192.168.1.1", years), "served", "turns that nobody took are over");
  }
  const full = new Asked();
  for (let at = 0; at < 20; at++) full.ask(`fe80::${at.toString(16)}`, 0);
  assert.equal(full.ask("fe80::abc", 1_000), turnMs, "also in the turn of its network");
});

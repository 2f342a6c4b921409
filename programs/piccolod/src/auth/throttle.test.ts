import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededWorld } from "@piccolo/world";
import { Throttle } from "./throttle.ts";
import type { Attempter } from "./types.ts";

const stranger = (remote: string): Attempter => ({ remote, session: undefined });
const tokenHash = new Uint8Array(32).fill(7);
const owner: Attempter = { remote: "home", session: { tokenHash, csrf: "", expiresAtMs: 0 } };

test("a flood of guesses from ever new addresses, the owner's among them, keeps nobody out who has a session", async () => {
  const world = new SeededWorld("throttle");
  const throttle = new Throttle(world);
  let guesses = 0;
  for (let at = 0; at < 6_000; at++) {
    try {
      throttle.attempt(stranger(at % 2 === 0 ? "home" : `stranger ${at}`));
      guesses++;
    } catch {
      // It has to wait.
    }
    await world.advance(100);
  }
  assert.ok(guesses < 60, `${guesses} guesses in ten minutes`);
  assert.throws(() => throttle.attempt(stranger("home")), { code: "too-many-attempts" });
  throttle.attempt(owner);
  throttle.succeeded(owner);
  for (let at = 0; at < 5; at++) throttle.attempt(owner);
  assert.throws(() => throttle.attempt(owner), { code: "too-many-attempts" }, "and it guesses as slowly as anybody");
});

test("whoever guesses with a session slows down no stranger", () => {
  const throttle = new Throttle(new SeededWorld("throttle"));
  for (let at = 0; at < 200; at++) {
    const session = { tokenHash: new Uint8Array(32).fill(at), csrf: "", expiresAtMs: 0 };
    throttle.attempt({ remote: "home", session });
  }
  throttle.attempt(stranger("elsewhere"));
});

for (const [what, addressOf, where, home] of [
  ["one IPv6 network", (at: number) => `fe80::${(at % 60_000).toString(16)}`, "elsewhere", "192.168.1.200"],
  ["a few IPv4 addresses", (at: number) => `192.168.1.${at % 4}`, "elsewhere", "192.168.1.200"],
  ["a few addresses of one IPv6 network", (at: number) => `fe80::${at % 4}`, "in the same network", "fe80::c8"],
] as const) {
  test(`who polls from ${what} keeps a stranger ${where} out for a few turns only`, async () => {
    const world = new SeededWorld("throttle");
    const throttle = new Throttle(world);
    let served = 0;
    const poll = (at: number): void => {
      try {
        throttle.attempt(stranger(addressOf(at)));
        served++;
      } catch {
        // It has to wait.
      }
    };
    for (let at = 0; at < 2_000; at++) {
      poll(at);
      await world.advance(100);
    }
    const before = served;
    const genuine: Attempter = stranger(home);
    let waited = 0;
    for (let turns = 0; turns < 20; turns++) {
      for (let at = 0; at < 1_500; at++) {
        try {
          throttle.attempt(genuine);
          throttle.succeeded(genuine);
          turns = 20;
          break;
        } catch {
          poll(at);
          await world.advance(100);
          waited += 100;
        }
      }
    }
    assert.ok(waited <= 6 * 30_000, `${waited} ms`);
    assert.ok(served - before <= 7, `${served - before} guesses`);
  });
}

import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededWorld } from "@piccolo/world";
import fc from "fast-check";
import { RateLimiter, remoteOf } from "./rate-limit.ts";

test("no sequence of calls gets through faster than the limit", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 3_000 }), { maxLength: 60 }), async (pausesMs) => {
      const world = new SeededWorld("rate");
      const limiter = new RateLimiter({ burst: 3, perSecond: 2 }, world);
      let taken = 0;
      for (const pauseMs of pausesMs) {
        await world.advance(pauseMs);
        try {
          limiter.take("one");
          taken += 1;
        } catch {
          // Refused, which is what the limit is for.
        }
        assert.ok(taken <= 3 + (world.monotonicMs() / 1000) * 2);
      }
    }),
    { numRuns: 50 },
  );
});

test("one IPv4 address is one remote, however it is written; of IPv6 it is the /64", () => {
  assert.equal(remoteOf("::ffff:192.0.2.7"), remoteOf("192.0.2.7"));
  assert.notEqual(remoteOf("192.0.2.7"), remoteOf("192.0.2.8"));
  assert.equal(remoteOf("2001:db8:1:2:3:4:5:6"), remoteOf("2001:db8:1:2::9"));
  assert.notEqual(remoteOf("2001:db8:1:2::9"), remoteOf("2001:db8:1:3::9"));
  assert.equal(remoteOf("fe80::1%eth0"), remoteOf("fe80::2"));
  assert.equal(remoteOf("::1"), "0:0:0:0");
  assert.equal(remoteOf(undefined), "unknown");
});

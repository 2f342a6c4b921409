import assert from "node:assert/strict";
import { test } from "node:test";
import { centralFaults } from "@piccolo/central-api";
import { type Fault, isFault } from "@piccolo/fault";
import { transportFaults } from "@piccolo/storage/ports";
import { refusalFaults } from "@piccolo/wire";
import { ClockDoubt } from "./clock-doubt.ts";
import { recoveryFaults } from "./types.ts";

const noonMs = Date.UTC(2027, 5, 1, 12);
const minuteMs = 60_000;
const nobody = recoveryFaults.fault("no-members-reachable", "nobody answered");

/** What a recovery ends with whose clock is so far ahead, and to which this was said. */
function ending(aheadMs: number, told: readonly Fault[], error: Error = nobody): Fault {
  const doubt = new ClockDoubt({ nowMs: () => noonMs + aheadMs });
  for (const fault of told) doubt.note(fault);
  const explained = doubt.explain(error);
  assert.ok(isFault(explained));
  return explained;
}

const central = (aheadMs: number): Fault => centralFaults.fault("clock-wrong", "wrong", { details: { aheadMs } });
const peer = (details: Readonly<Record<string, unknown>>): Fault =>
  transportFaults.fault("peer-clock", "wrong", { details });
const cutOff = transportFaults.fault("peer-unreachable", "closed", { details: { closedAtOnce: true } });

test("what a clock does not explain stays what it is", () => {
  assert.equal(ending(0, []), nobody);
  assert.equal(ending(0, [transportFaults.fault("peer-unreachable", "off")]), nobody);
  assert.equal(ending(0, [central(9 * minuteMs)]), nobody);
  assert.equal(ending(0, [cutOff, central(0)]), nobody, "others find it right");
  const unknown = recoveryFaults.fault("phrase-unknown", "nothing is kept");
  assert.equal(ending(0, [central(99 * minuteMs)], unknown), unknown);
});

test("a clock that central measured is named with the time it says and how far that is off", () => {
  const ahead = ending(35 * minuteMs, [central(35 * minuteMs)]);
  assert.equal(ahead.code, "clock-wrong");
  assert.equal(
    ahead.message,
    "this device's clock says 2027-06-01 12:35 UTC, 35 minutes ahead of those of others, and nobody lets it in so: " +
      "set it right, then begin again",
  );
  assert.deepEqual(ahead.details, { nowMs: noonMs + 35 * minuteMs, aheadMs: 35 * minuteMs });
  assert.match(ending(-3 * 60 * minuteMs, [central(-3 * 60 * minuteMs)]).message, /3 hours behind/);
});

test("one who is wrong among several changes nothing", () => {
  assert.equal(ending(0, [central(0), central(1_000), central(90 * minuteMs)]), nobody);
});

test("members who measured, refused the entry, or show certificates that are not valid yet are heard", () => {
  assert.match(ending(0, [peer({ offsetMs: -2 * 60 * minuteMs })]).message, /2 hours ahead/);
  assert.match(ending(0, [refusalFaults.fault("untimely", "too far ahead")]).message, /others find that it is ahead/);
  assert.match(ending(0, [peer({ atLeastMs: 60 * minuteMs })]).message, /others find that it is behind/);
  assert.equal(ending(0, [cutOff]).code, "clock-wrong");
});

test("a central whose certificate has expired, or is not valid yet, by this clock is a hint", () => {
  const refused = (code: string): Fault => {
    const tls = Object.assign(new Error("certificate"), { code });
    return centralFaults.fault("central-unreachable", "no answer", { cause: new TypeError("failed", { cause: tls }) });
  };
  assert.match(ending(0, [refused("CERT_HAS_EXPIRED")]).message, /ahead/);
  assert.match(ending(0, [refused("CERT_NOT_YET_VALID")]).message, /behind/);
  assert.equal(ending(0, [refused("ECONNREFUSED")]), nobody);
});

test("a clock that says a time before this software was made is wrong, whoever says what", () => {
  const { code, message } = ending(-noonMs, []);
  assert.equal(code, "clock-wrong");
  assert.match(message, /says 1970-01-01 00:00 UTC, which is before/);
});

test("what answers say of the time counts, also where nothing is refused for it", async () => {
  const doubt = new ClockDoubt({ nowMs: () => Date.UTC(2100, 0, 1) });
  const headers = [{ date: new Date(noonMs).toUTCString() }, { date: "no date" }, {}];
  for (const some of headers) {
    const fetch = doubt.watching(() => Promise.resolve(new Response("", { headers: some })));
    await fetch("http://central.example", {});
  }
  const explained = doubt.explain(nobody);
  assert.ok(isFault(explained, "clock-wrong"));
  assert.match(explained.message, /says 2100-01-01 00:00 UTC, \d+ days ahead/);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { catalogue, Fault, isFault } from "./index.ts";

const faults = catalogue({
  "spool-full": { retry: "later", meaning: "The spool has no room left; bring holders online." },
});

test("a catalogue makes faults that carry code, retry, details and cause", () => {
  const cause = new Error("ENOSPC");
  const fault = faults.fault("spool-full", "the spool is full", { cause, details: { sizeBytes: 7 } });
  assert.ok(fault instanceof Fault);
  assert.equal(fault.code, "spool-full");
  assert.equal(fault.retry, "later");
  assert.equal(fault.cause, cause);
  assert.deepEqual(fault.details, { sizeBytes: 7 });
});

test("a fault is recognised by its code, and only by the catalogue that has it", () => {
  const fault = faults.fault("spool-full", "the spool is full");
  assert.ok(isFault(fault, "spool-full"));
  assert.ok(!isFault(fault, "busy"));
  assert.ok(!isFault(new Error("spool-full")));
  assert.ok(faults.owns(fault));
  assert.ok(!catalogue({}).owns(fault));
});

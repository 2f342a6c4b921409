import assert from "node:assert/strict";
import { test } from "node:test";
import { isAnew, resetSeen, type ResetSeen } from "./reset-end.ts";

const owned: ResetSeen = { wasUnclaimed: false, wentAway: false };
const unclaimed: ResetSeen = { wasUnclaimed: true, wentAway: false };

test("a device that had an owner is anew once it has none", () => {
  assert.equal(isAnew(owned, "ready", false, 0), false);
  assert.equal(isAnew(owned, undefined, true, 0), false);
  assert.equal(isAnew(owned, "unclaimed", false, 0), true);
});

test("a device without an owner is anew only after it went away, or would have by then", () => {
  assert.equal(isAnew(resetSeen(unclaimed, "unclaimed", false), "unclaimed", false, 4000), false);
  const gone = resetSeen(unclaimed, "unclaimed", true);
  assert.equal(isAnew(gone, "unclaimed", true, 8000), false, "what is known is from before");
  assert.equal(isAnew(resetSeen(gone, "unclaimed", false), "unclaimed", false, 8000), true);
  assert.equal(isAnew(resetSeen(unclaimed, "closed", false), "unclaimed", false, 8000), true);
  assert.equal(isAnew(unclaimed, "unclaimed", false, 60_000), true);
});

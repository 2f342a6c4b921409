import assert from "node:assert/strict";
import { test } from "node:test";
import { stepLines, withStep } from "./steps.ts";

test("a task that has not begun has no lines", () => {
  assert.deepEqual(stepLines([], { state: "running", step: "" }), []);
});

test("steps named before are done, the one named now runs", () => {
  const seen = withStep(withStep([], { state: "running", step: "Looking" }), { state: "running", step: "Asking" });
  assert.deepEqual(withStep(seen, { state: "running", step: "Asking" }), ["Looking", "Asking"]);
  assert.deepEqual(stepLines(seen, { state: "running", step: "Asking" }), [
    { text: "Looking", state: "done" },
    { text: "Asking", state: "running" },
  ]);
});

test("a task that goes back to a step shows the later ones only once they began again", () => {
  assert.deepEqual(stepLines(["Looking", "Asking"], { state: "running", step: "Looking" }), [
    { text: "Looking", state: "running" },
  ]);
});

test("the end of a task is the end of its last step", () => {
  assert.equal(stepLines(["Looking"], { state: "failed", step: "Asking" }).at(-1)?.state, "failed");
  assert.equal(stepLines(["Looking"], { state: "cancelled", step: "Looking" }).at(-1)?.state, "failed");
  assert.deepEqual(
    stepLines(["Looking"], { state: "done", step: "Asking" }).map(({ state }) => state),
    ["done", "done"],
  );
});

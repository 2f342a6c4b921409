import assert from "node:assert/strict";
import { test } from "node:test";
import { manifestOf } from "../../test-support/app-world.ts";
import type { AppPlanRecord, FailureCode, Step } from "./plan-types.ts";
import { recordAfter, recordAfterFailure, triesMax } from "./record.ts";
import { requestInstall, requestUpdate } from "./requests.ts";

const [first, second] = [1, 2].map((version) => manifestOf({ version }));
const pull: Step = { do: "pull", image: `example.org/db@${second?.services[0]?.image.digest ?? ""}` };

/** An update whose images fail to come as the codes say; undefined once it is given up. */
function updateAfter(codes: readonly FailureCode[]): AppPlanRecord["change"] {
  assert.ok(first && second);
  const wish = { grants: [], settings: {}, catalog: undefined };
  const installed = recordAfter(requestInstall(undefined, { manifest: first, ...wish }, 0), {
    type: "committed",
    dropped: [],
  });
  let record = requestUpdate(installed, { manifest: second, ...wish }, "copy", 0);
  for (const code of codes) record = recordAfterFailure(record, pull, { code, detail: "", nextStep: "" }, 0);
  return record.change;
}
const times = (count: number, code: FailureCode): FailureCode[] => Array.from({ length: count }, () => code);

test("what is waited for long is not given up by something else that happens once meanwhile", () => {
  const change = updateAfter([...times(6, "registry-busy"), "image-unreachable", "step-failed", "registry-busy"]);
  assert.equal(change?.phase, "fetching");
  assert.equal(change.failure?.count, 9, "the pauses grow all the same");
});

test("each kind of failure in a row is given up after its own number of tries", () => {
  for (const [code, tries] of [
    ["image-refused", 1],
    ["step-failed", 3],
    ["image-unreachable", 5],
    ["registry-busy", 12],
  ] as const) {
    const before = times(2, code === "registry-busy" ? "image-unreachable" : "registry-busy");
    assert.equal(updateAfter([...before, ...times(tries - 1, code)])?.phase, "fetching", code);
    assert.equal(updateAfter([...before, ...times(tries, code)]), undefined, code);
  }
});

test("failures that take turns are given up, too", () => {
  const inTurn = (count: number): FailureCode[] =>
    Array.from({ length: count }, (_, at) => (at % 2 === 0 ? "registry-busy" : "image-unreachable"));
  assert.equal(updateAfter(inTurn(triesMax - 1))?.phase, "fetching");
  assert.equal(updateAfter(inTurn(triesMax)), undefined);
});

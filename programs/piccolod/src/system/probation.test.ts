import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { BootChoice, BootEntry } from "./boot-control.ts";
import {
  decideProbation,
  networkPatienceMs,
  patienceMs,
  type ProbationQuestion,
  provingMs,
  type VolumeOutcome,
} from "./probation.ts";

const good: BootEntry = { id: "piccolo-1.efi", state: "good", tries: undefined };
const trying: BootEntry = { id: "piccolo-2.efi", state: "trying", tries: { left: 1, done: 1 } };
const choice: BootChoice = { entries: [trying, good], booted: trying.id, preferred: undefined, next: undefined };
const open: VolumeOutcome = { state: "open" };
const closed = (...codes: readonly string[]): VolumeOutcome => ({ state: "closed", codes });
const question: ProbationQuestion = {
  choice,
  answers: true,
  volume: open,
  hasWayOut: true,
  before: { ...open, hadWayOut: true },
  provenMs: provingMs,
  sinceStartMs: provingMs,
};
const decide = (change: Partial<ProbationQuestion>): string => {
  const plan = decideProbation({ ...question, ...change });
  return "why" in plan ? `${plan.do}: ${plan.why}` : plan.do;
};
const late = { provenMs: undefined, sinceStartMs: patienceMs };

test("a release whose portal is silent is given up once there was time enough", () => {
  assert.equal(decide({ answers: false, ...late, sinceStartMs: patienceMs - 1 }), "wait: not-yet");
  assert.equal(decide({ answers: false, ...late }), "give-up: portal-silent");
});

test("a release without the network that the one before had is given up, once a router had time to start as well", () => {
  const cutOff = { hasWayOut: false, provenMs: undefined };
  assert.equal(decide({ ...cutOff, sinceStartMs: networkPatienceMs - 1 }), "wait: not-yet");
  assert.equal(decide({ ...cutOff, sinceStartMs: networkPatienceMs }), "give-up: no-network");
  const both = { ...cutOff, sinceStartMs: patienceMs };
  assert.equal(decide({ ...both, volume: closed("tpm-policy") }), "give-up: volume-closed", "what is worse counts");
  assert.equal(decide({ ...both, answers: false }), "give-up: portal-silent");
});

test("where there was no network before, or nobody knows, that there is none now says nothing", () => {
  for (const before of [undefined, open, { ...open, hadWayOut: false }]) {
    assert.equal(decide({ hasWayOut: false, before }), "bless");
  }
});

test("that the daemon was started again in the same start is nothing by which two releases are alike", () => {
  const again = closed("tpm-window-closed");
  assert.equal(decide({ volume: again, before: again, ...late }), "give-up: volume-closed");
});

test("a volume that the release before opened and this one does not is this one's fault", () => {
  for (const code of ["tpm-policy", "tpm-missing", "volume-damaged", "record-missing", "volume-unavailable"]) {
    assert.equal(decide({ volume: closed(code), provenMs: undefined }), "wait: not-yet");
    assert.equal(decide({ volume: closed(code), ...late }), "give-up: volume-closed");
    assert.equal(
      decide({ volume: closed(code), before: undefined, ...late }),
      "give-up: volume-closed",
      "nor is it known",
    );
    assert.equal(decide({ volume: closed(code), before: closed("not-installed"), ...late }), "give-up: volume-closed");
  }
});

test("a volume that stayed closed for the same reason before is no fault of the release", () => {
  for (const code of ["volume-missing", "not-installed", "tpm-other-chip", "volume-two-partitions"]) {
    assert.equal(decide({ volume: closed(code), before: closed(code) }), "bless");
  }
});

test("an open volume, and one the owner wants closed at first, are as they should be", () => {
  assert.equal(decide({ before: undefined }), "bless");
  assert.equal(decide({ volume: closed("ask-at-boot") }), "bless");
});

test("nothing is proved by a moment", () => {
  assert.equal(decide({ provenMs: provingMs - 1 }), "wait: proving");
  assert.equal(decide({ provenMs: undefined }), "wait: proving");
});

test("where anybody's system could be running, a release is neither found good nor given up", () => {
  const closedBy = ["secure-boot-off", "start-weakened"].map((code) => closed("tpm-policy", code));
  for (const volume of [...closedBy, closed("ask-at-boot", "no-uefi")]) {
    assert.equal(decide({ volume, before: volume, ...late }), "wait: start-not-trusted");
    assert.equal(decide({ volume, before: volume }), "wait: start-not-trusted");
  }
  assert.equal(decide({ volume: closed("secure-boot-off"), answers: false, ...late }), "give-up: portal-silent");
});

test("keys of others, or of nobody knows whom, may be the release's own doing, and the one before gets its turn", () => {
  for (const code of ["start-keys-of-others", "start-keys-unknown", "boot-state-unreadable", "start-not-trusted"]) {
    assert.equal(decide({ volume: closed("tpm-policy", code), ...late }), "give-up: volume-closed", code);
  }
});

test("without a release that works, there is nothing to go back to", () => {
  const entries = [trying, { ...good, state: "bad" as const, tries: { left: 0, done: 2 } }];
  assert.equal(decide({ choice: { ...choice, entries }, answers: false, ...late }), "wait: nothing-to-go-back-to");
});

test("the last try counts as one", () => {
  const entries = [{ ...trying, state: "bad" as const, tries: { left: 0, done: 2 } }, good];
  assert.equal(decide({ choice: { ...choice, entries } }), "bless");
  assert.equal(
    decide({ choice: { ...choice, entries }, volume: closed("tpm-policy"), ...late }),
    "give-up: volume-closed",
  );
});

test("a release that has its place keeps it, and one the boot loader does not name is left alone", () => {
  for (const change of [{ booted: good.id }, { booted: undefined }, { booted: "piccolo-9.efi" }]) {
    for (const answers of [true, false]) {
      assert.equal(
        decide({ choice: { ...choice, ...change }, answers, volume: closed("tpm-policy"), ...late }),
        "rest",
      );
    }
  }
});

test("whatever is seen, only what works is found good, and only what is on probation is given up", () => {
  const code = fc.constantFrom("ask-at-boot", "tpm-policy", "secure-boot-off", "volume-missing");
  const outcome = fc.oneof(
    fc.constant(open),
    fc.array(code, { minLength: 1, maxLength: 2 }).map((codes) => closed(...codes)),
  );
  const ms = fc.integer({ min: 0, max: 2 * patienceMs });
  fc.assert(
    fc.property(
      fc.record({
        answers: fc.boolean(),
        volume: outcome,
        before: fc.option(
          fc.tuple(outcome, fc.boolean()).map(([volume, hadWayOut]) => ({ ...volume, hadWayOut })),
          { nil: undefined },
        ),
        hasWayOut: fc.boolean(),
        provenMs: ms,
        sinceStartMs: ms,
      }),
      fc.constantFrom(trying.id, good.id, undefined),
      (seen, booted) => {
        const plan = decideProbation({ ...seen, choice: { ...choice, booted } });
        assert.equal(plan.do === "rest", booted !== trying.id);
        if (plan.do !== "bless") return;
        assert.ok(seen.answers && seen.provenMs >= provingMs && plan.entry === trying.id);
        assert.ok(seen.hasWayOut || seen.before?.hadWayOut !== true);
        if (seen.volume.state === "closed") assert.ok(!seen.volume.codes.includes("secure-boot-off"));
      },
    ),
  );
});

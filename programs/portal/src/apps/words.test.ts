import assert from "node:assert/strict";
import { test } from "node:test";
import type { AppView, Grant, Setting } from "./queries.ts";
import {
  answersTo,
  badgeOf,
  changedValues,
  firstValues,
  grantInWords,
  inLanguage,
  isChangeUnderWay,
  isChanging,
  newGrantsOf,
  rollbackInWords,
  settledInWords,
  stateInWords,
  valueTrouble,
} from "./words.ts";

const label = { en: "X" };

test("a text comes in the first language there is, else in English", () => {
  const text = { en: "Photos", de: "Fotos" };
  assert.equal(inLanguage(text, ["fr-FR", "de-AT"]), "Fotos");
  assert.equal(inLanguage(text, ["fr"]), "Photos");
  assert.equal(inLanguage({}, []), "");
});

test("what is asked is said with its limits, and long lists are cut", () => {
  const internet: Grant = { kind: "internet", reason: label, required: true };
  assert.match(grantInWords(internet).meaning, /never to your home network/);
  const open: Grant = {
    kind: "public-paths",
    reason: label,
    required: false,
    paths: ["/a/*", "/b", "/c", "/d", "/e", "/f"],
  };
  assert.match(grantInWords(open).meaning, /open \/a\/…, \/b, \/c, \/d and 2 more\./);
});

test("an app is asked after again only while something happens", () => {
  assert.ok(isChanging({ state: "installing" }));
  assert.ok(isChanging({ state: "running", step: "Copying its data" }));
  assert.ok(!isChanging({ state: "running" }));
  assert.ok(!isChanging({ state: "failed" }));
  assert.equal(stateInWords("failed"), "Needs your attention");
});

test("a form starts with what is set, and sends only what changed", () => {
  const settings: readonly Setting[] = [
    { name: "A", kind: "text", label, default: "x", value: "y" },
    { name: "B", kind: "switch", label, default: "false" },
    { name: "C", kind: "password", label },
  ];
  assert.deepEqual(firstValues(settings), { A: "y", B: "false", C: "" });
  assert.deepEqual(changedValues(settings, { A: "y", B: "true", C: "" }), { B: "true" });
  assert.deepEqual(changedValues(settings, { A: "", B: "false", C: "secret" }), { A: "", C: "secret" });
});

test("what another version asks is answered as it was typed, else as its field began, and nothing else is sent", () => {
  const settings: readonly Setting[] = [
    { name: "HOST", kind: "text", label },
    { name: "WORKERS", kind: "number", label, default: "2", minimum: 1, maximum: 4 },
    { name: "MAIL", kind: "password", label },
  ];
  assert.deepEqual(answersTo(settings, {}), { HOST: "", WORKERS: "2", MAIL: "" });
  const typed = { HOST: "mail.example", WORKERS: "", MAIL: "secret", FORMERLY: "asked by another version" };
  assert.deepEqual(answersTo(settings, typed), { HOST: "mail.example", WORKERS: "", MAIL: "secret" });
  assert.deepEqual(answersTo([], typed), {});
});

test("a value that cannot be taken is told before it is sent", () => {
  const number: Setting = { name: "N", kind: "number", label, minimum: 2, maximum: 9 };
  for (const value of ["", "1", "10", "x", "-3"]) assert.ok(valueTrouble(number, value));
  assert.equal(valueTrouble(number, "5"), undefined);
  assert.ok(valueTrouble({ name: "T", kind: "text", label, lengthMax: 2 }, "abc"));
  assert.ok(valueTrouble({ name: "P", kind: "password", label }, ""));
});

test("another version asks anew for what was not agreed to, and for a public path that was not there", () => {
  const internet: Grant = { kind: "internet", reason: label, required: true };
  const open = (...paths: string[]): Grant => ({ kind: "public-paths", reason: label, required: false, paths });
  const app = (...grants: Grant[]) => ({ grants }) as AppView["app"];
  const before = { granted: ["public-paths" as const], app: app(internet, open("/s/*")) };
  assert.deepEqual(newGrantsOf(app(open("/s/*")), before), []);
  assert.deepEqual(newGrantsOf(app(open()), before), []);
  assert.deepEqual(newGrantsOf(app(internet, open("/s/*", "/x")), before), [internet, open("/s/*", "/x")]);
});

test("an app that does not come up can be changed, which may mend it; one that is being changed cannot", () => {
  for (const state of ["starting", "stopping", "failed", "unknown", "running", "stopped"] as const)
    assert.equal(isChangeUnderWay({ state }), false, state);
  for (const state of ["installing", "updating", "rolling-back", "restoring", "backing-up", "removing"] as const)
    assert.equal(isChangeUnderWay({ state }), true, state);
  assert.equal(isChanging({ state: "unknown" }), true, "it is looked at again until it is known");
});

test("the list tells what is amiss with an app, and else that there is a newer version", () => {
  const problem = { code: "not-healthy", detail: "It did not answer.", nextStep: "Look at its log." };
  const update = { version: "2", newGrants: [], missingSettings: [] };
  assert.deepEqual(badgeOf({ state: "failed", problem, update }), { tone: "danger", text: "It did not answer." });
  assert.equal(badgeOf({ state: "running", problem, update })?.tone, "warn");
  assert.deepEqual(badgeOf({ state: "running", update }), { tone: "calm", text: "Version 2 is there" });
  assert.equal(badgeOf({ state: "running" }), undefined);
});

test("going back names the day of the copy, since not only updates leave one", () => {
  const words = rollbackInWords("Notes", { version: "1.4", takenAtMs: Date.UTC(2026, 4, 3, 12) });
  assert.match(words, /^Notes gets version 1\.4 and the data it had on .*2026/);
  assert.doesNotMatch(words, /update/);
});

test("saved settings are told by what the app shall do", () => {
  assert.match(settledInWords({ wanted: "running" }), /runs with them/);
  assert.match(settledInWords({ wanted: "stopped" }), /when it is started/);
});

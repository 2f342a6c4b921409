import assert from "node:assert/strict";
import { test } from "node:test";
import { checkManifest, type AppManifest, type Setting } from "@piccolo/app-manifest";
import { missingSettings, valueTrouble } from "./settings.ts";

function manifestWith(settings: Readonly<Record<string, string>>): AppManifest {
  const lines = Object.entries(settings).map(([name, words]) => `    ${name}: { label: ${name}, ${words} }\n`);
  const { manifest, problems } = checkManifest(`services:
  web:
    image: example.org/shelf@sha256:${"0123456789abcdef".repeat(4)}
x-piccolo:
  id: shelf
  version: "1"
  name: Shelf
  summary: Books
  web: { service: web, port: 80 }
${lines.length === 0 ? "" : `  settings:\n${lines.join("")}`}`);
  return manifest ?? assert.fail(JSON.stringify(problems));
}

function settingOf(words: string): Setting {
  return manifestWith({ ONE: words }).settings[0] ?? assert.fail();
}

const choices = "type: choice, choices: [{ value: s, label: S }, { value: m, label: M }], default: s";
const takes: readonly (readonly [words: string, taken: readonly string[], refused: readonly string[]])[] = [
  ["type: text, length-max: 3", ["", "abc", "a\nb"], ["abcd", "a\u0007"]],
  ["type: password, length-max: 3", ["abc"], ["", "abcd", "a\u0007", "a\u0000"]],
  ["type: number, minimum: 2, maximum: 9", ["2", "9"], ["", "1", "10", "-3", "2.5", "x"]],
  ["type: switch, default: true", ["true", "false"], ["", "yes"]],
  [choices, ["s", "m"], ["", "l"]],
];

for (const [words, taken, refused] of takes) {
  test(`which values a setting takes: ${words}`, () => {
    const setting = settingOf(words);
    for (const value of taken) assert.equal(valueTrouble(setting, value), undefined, value);
    for (const value of refused) {
      const trouble = valueTrouble(setting, value) ?? assert.fail(value);
      if (value.length > 1) assert.ok(!trouble.includes(value), "the value is not said");
    }
    assert.equal(valueTrouble(setting, undefined), "needs a value");
  });
}

const names = (settings: readonly Setting[]): readonly string[] => settings.map(({ name }) => name);

test("a new setting is missing where it has no default, and a password always", () => {
  const former = { manifest: manifestWith({}), settings: {}, passwords: { SECRET: "left from another version" } };
  const manifest = manifestWith({
    HOST: "type: text",
    TITLE: "type: text, default: Home",
    SECRET: "type: password",
    WORKERS: "type: number, minimum: 1, maximum: 4",
    PORT: "type: number, minimum: 1, maximum: 4, default: 2",
  });
  assert.deepEqual(names(missingSettings(manifest, former)), ["HOST", "SECRET", "WORKERS"]);
});

test("a setting that was there is missing where its value is taken no more, also where it has a default now", () => {
  const former = {
    manifest: manifestWith({
      WORKERS: "type: number, minimum: 1, maximum: 9",
      TITLE: "type: text",
      SIZE: choices,
      SECRET: "type: password",
      OTHER: "type: password",
    }),
    settings: { WORKERS: "8", TITLE: "Family", SIZE: "m" },
    passwords: { SECRET: "a long one", OTHER: "x" },
  };
  assert.deepEqual(missingSettings(former.manifest, former), []);
  const narrower = manifestWith({
    WORKERS: "type: number, minimum: 1, maximum: 4, default: 2",
    TITLE: "type: text, length-max: 3, default: A",
    SIZE: "type: choice, choices: [{ value: s, label: S }, { value: l, label: L }], default: s",
    SECRET: "type: password, length-max: 4",
    OTHER: "type: password",
  });
  assert.deepEqual(names(missingSettings(narrower, former)), ["WORKERS", "TITLE", "SIZE", "SECRET"]);
});

test("what is of another type now meant something else: no value is carried over, least of all a password's", () => {
  const former = {
    manifest: manifestWith({ A: "type: switch, default: true", B: "type: password", C: "type: text" }),
    settings: { A: "true", C: "hunter2" },
    passwords: { B: "secret" },
  };
  const manifest = manifestWith({ A: "type: text, default: x", B: "type: text, default: x", C: "type: password" });
  assert.deepEqual(names(missingSettings(manifest, former)), ["A", "B", "C"]);
});

test("a password the app was never given is missing", () => {
  const manifest = manifestWith({ SECRET: "type: password" });
  assert.deepEqual(names(missingSettings(manifest, { manifest, settings: {}, passwords: {} })), ["SECRET"]);
});

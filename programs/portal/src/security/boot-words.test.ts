import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Boot,
  bootConcernsOf,
  findingInWords,
  keysInWords,
  measuredInWords,
  releaseInWords,
  secureBootInWords,
  shortDigest,
} from "./boot-words.ts";

const boot = (more: Partial<Boot> = {}): Boot => ({
  state: "as-released",
  detail: "",
  secureBoot: "on",
  keys: { trust: "trusted", measured: [] },
  steps: [],
  pcrs: [],
  ...more,
});

test("a boot that is not the release's, or cannot be read, is a danger; one nobody measured is said to be so", () => {
  assert.equal(measuredInWords(boot({ state: "differs" })).tone, "danger");
  assert.equal(measuredInWords(boot({ state: "unreadable" })).tone, "danger");
  assert.match(measuredInWords(boot({ state: "not-measured" })).text, /^Boot not measured/);
  assert.equal(measuredInWords(boot()).tone, "good");
  assert.equal(measuredInWords(boot({ state: "not-predicted" })).tone, "calm");
});

test("Secure Boot is good only when it is on", () => {
  assert.equal(secureBootInWords(boot()).tone, "good");
  for (const secureBoot of ["off", "set-up", "unknown"] as const) {
    assert.equal(secureBootInWords(boot({ secureBoot })).tone, "warn");
  }
});

test("development keys are said to be untrusted, and unmeasured ones are not spoken of", () => {
  assert.match(
    keysInWords(boot({ keys: { trust: "development", measured: [] } }))?.text ?? "",
    /^Untrusted development keys/,
  );
  assert.equal(keysInWords(boot({ keys: { trust: "unknown", measured: [] } })), undefined);
  assert.equal(keysInWords(boot())?.tone, "good");
});

test("concerns are those an owner has to act on", () => {
  assert.deepEqual(bootConcernsOf(undefined), []);
  assert.deepEqual(bootConcernsOf(boot()), []);
  assert.deepEqual(bootConcernsOf(boot({ state: "not-measured", keys: { trust: "unknown", measured: [] } })), []);
  const both = bootConcernsOf(boot({ state: "differs", keys: { trust: "development", measured: [] } }));
  assert.deepEqual(
    both.map(({ tone }) => tone),
    ["danger", "warn"],
  );
});

test("findings, releases and digests are short", () => {
  assert.deepEqual(
    (["expected", "unexpected", "unknown"] as const).map((finding) => findingInWords(finding).tone),
    ["good", "danger", "calm"],
  );
  assert.equal(releaseInWords(boot()), "Not a release");
  assert.equal(releaseInWords(boot({ release: { version: "1.2.0", number: 7 } })), "Version 1.2.0, release 7");
  assert.equal(shortDigest("0123456789abcdef0123"), "0123456789abcdef…");
});

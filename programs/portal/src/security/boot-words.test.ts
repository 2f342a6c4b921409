import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Boot,
  bootConcernsOf,
  failedReleaseInWords,
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

test("a version that failed is told with when, why, what runs and what comes next", () => {
  const triedSinceMs = new Date(2026, 10, 27, 10, 12).getTime();
  const failed = { number: 8, version: "0.8.0", triedSinceMs, foundAtMs: 0, why: "volume-closed" } as const;
  const [tried, now, next] = failedReleaseInWords(failed, boot({ release: { version: "0.7.0", number: 7 } }));
  assert.equal(
    tried,
    "Version 0.8.0 (release 8) was tried on 27 November 2026 at 10:12. It did not work: it could not open the encrypted disk.",
  );
  assert.match(now, /now runs version 0\.7\.0 \(release 7\)\.$/);
  assert.match(next, /^You need not do anything/);
  const silent = { number: 8, foundAtMs: triedSinceMs, why: "unknown" } as const;
  const [mute, before] = failedReleaseInWords(silent, boot());
  assert.match(mute, /^Release 8 was tried; this was noticed on 27 November 2026 at 10:12\. .*did not start/);
  assert.match(before, /now runs the one before\.$/);
  assert.match(failedReleaseInWords({ ...silent, why: "portal-silent" }, boot())[0], /pages did not answer/);
  assert.match(failedReleaseInWords({ ...silent, why: "no-network" }, boot())[0], /found no network/);
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

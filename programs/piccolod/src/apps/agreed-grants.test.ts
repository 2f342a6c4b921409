import assert from "node:assert/strict";
import { test } from "node:test";
import { manifestOf } from "../../test-support/app-world.ts";
import { isAgreed, keptGrants } from "./agreed-grants.ts";

const reason = { en: "To share" };
const ofPaths = (...paths: readonly string[]) => ({ kind: "public-paths", reason, required: false, paths }) as const;
const agreedTo = (...paths: readonly string[]) => ({
  number: 1,
  manifest: { ...manifestOf({ version: 1 }), grants: [ofPaths(...paths)] },
  grants: ["public-paths"] as const,
  settings: {},
});

test("more paths than the owner agreed to are another grant, the same or fewer are not", () => {
  const before = agreedTo("/share/*", "/robots.txt");
  for (const wider of ["/*", "/shared/*", "/robots.txt/*", "/", "/sharing", "/robots.txt2"]) {
    assert.ok(!isAgreed(ofPaths("/share/*", wider), before), wider);
  }
  for (const within of ["/share/*", "/share", "/share/a", "/share/a/*", "/robots.txt"]) {
    assert.ok(isAgreed(ofPaths(within), before), within);
  }
  assert.ok(isAgreed(ofPaths("/a/*", "/"), agreedTo("/*")));
  assert.ok(!isAgreed(ofPaths("/share/*"), { ...before, grants: [] }));
});

test("an update keeps what was agreed to and nothing beyond", () => {
  const before = agreedTo("/share/*");
  const next = (...paths: readonly string[]) => ({ ...manifestOf({ version: 2 }), grants: [ofPaths(...paths)] });
  assert.deepEqual(keptGrants(before, next("/share/a/*")), ["public-paths"]);
  assert.deepEqual(keptGrants(before, next("/*")), []);
  assert.deepEqual(keptGrants(before, manifestOf({ version: 2 })), []);
});

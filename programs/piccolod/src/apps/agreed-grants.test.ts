import assert from "node:assert/strict";
import { test } from "node:test";
import { manifestOf } from "../../test-support/app-world.ts";
import { agreedPaths, grantsFor, grantsStill, isAgreed } from "./agreed-grants.ts";

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

const next = (...paths: readonly string[]) => ({ ...manifestOf({ version: 2 }), grants: [ofPaths(...paths)] });

test("an update keeps what was agreed to and nothing beyond", () => {
  const before = agreedTo("/share/*");
  assert.deepEqual(grantsFor(before, next("/share/a/*"), []), { grants: ["public-paths"] });
  assert.deepEqual(grantsFor(before, manifestOf({ version: 2 }), []), { grants: [] });
  assert.deepEqual(grantsFor(before, next("/other/*"), []), { grants: [] });
  assert.deepEqual(grantsFor({ ...before, grants: [] }, next("/share/*"), []), { grants: [] });
});

test("wider paths that are refused leave the former ones as they are", () => {
  const before = agreedTo("/share/*", "/robots.txt");
  const refused = grantsFor(before, next("/*"), []);
  assert.deepEqual(refused, { grants: ["public-paths"], publicPaths: ["/share/*", "/robots.txt"] });
  assert.deepEqual(grantsFor(before, next("/share/*", "/admin/*"), []).publicPaths, ["/share/*"]);
  assert.deepEqual(grantsFor(before, next("/*"), ["public-paths"]), { grants: ["public-paths"] });
  // It is asked for again with the next version, and nothing is widened by that.
  const after = { number: 2, manifest: next("/*"), settings: {}, ...refused };
  assert.deepEqual(agreedPaths(after), ["/share/*", "/robots.txt"]);
  assert.ok(!isAgreed(ofPaths("/*"), after));
  assert.deepEqual(grantsFor(after, next("/share/*", "/else"), []).publicPaths, ["/share/*"]);
  const required = { ...manifestOf({ version: 2 }), grants: [{ ...ofPaths("/*"), required: true }] };
  assert.deepEqual(grantsFor(before, required, []), { grants: [] });
});

test("a version that comes back has nothing again that was taken back since, and all else it had", () => {
  const internet = { kind: "internet", reason, required: false } as const;
  const asking = (...grants: readonly ReturnType<typeof ofPaths>[]) => ({
    ...manifestOf({ version: 1 }),
    grants: [internet, ...grants],
  });
  const back = { manifest: asking(ofPaths("/share/*", "/feed")), grants: ["internet", "public-paths"] } as const;
  assert.deepEqual(grantsStill(back, [back]), { grants: ["internet", "public-paths"] });
  assert.deepEqual(grantsStill(back, [{ ...back, grants: [] }]), { grants: [] });
  assert.deepEqual(grantsStill(back, [{ ...back, publicPaths: ["/feed"] }]), {
    grants: ["internet", "public-paths"],
    publicPaths: ["/feed"],
  });
  assert.deepEqual(grantsStill(back, [{ ...back, publicPaths: ["/share/a", "/feed"] }]).publicPaths, [
    "/feed",
    "/share/a",
  ]);
  const needs = { ...back, manifest: { ...back.manifest, grants: [{ ...internet, required: true }] }, publicPaths: [] };
  assert.deepEqual(grantsStill(needs, [{ ...back, grants: [] }]).grants, ["internet"]);
  // A version that asks for neither tells nothing: the one before it does.
  const silent = { manifest: manifestOf({ version: 2 }), grants: [] };
  assert.deepEqual(grantsStill(back, [silent, back]), { grants: ["internet", "public-paths"] });
  assert.deepEqual(grantsStill(back, [silent, { ...back, grants: [] }]), { grants: [] });
  assert.deepEqual(grantsStill(back, [silent]), { grants: [] });
  const since = { manifest: asking(ofPaths("/share/*")), grants: ["internet"] } as const;
  assert.deepEqual(grantsStill(back, [since, back]), { grants: ["internet", "public-paths"], publicPaths: ["/feed"] });
  assert.deepEqual(grantsStill(back, [since]), { grants: ["internet"] });
});

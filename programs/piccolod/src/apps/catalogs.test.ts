import assert from "node:assert/strict";
import { test } from "node:test";
import { type CatalogDraft, createCatalog } from "@piccolo/app-manifest";
import { ed25519FromSeed } from "@piccolo/envelope";
import { isFault } from "@piccolo/fault";
import { createLog } from "../adapters/log.ts";
import { manifestOf } from "./catalog-routes.ts";
import { Catalogs, type CatalogSource } from "./catalogs.ts";

const digest = `sha256:${"0123456789abcdef".repeat(4)}`;
const key = ed25519FromSeed(new Uint8Array(32).fill(7));

function app(
  id: string,
  more: { readonly verified?: boolean; readonly text?: string } = {},
): CatalogDraft["apps"][number] {
  return {
    manifest: `services: { web: { image: "example.org/${id}@${digest}" } }
x-piccolo: { id: ${id}, version: "1", name: ${id}, summary: An app, web: { service: web, port: 80 }${more.text ?? ""} }
`,
    images: { [`example.org/${id}@${digest}`]: { verified: more.verified ?? true, sizeBytes: 10 } },
  };
}

function source(apps: CatalogDraft["apps"], expiresAtMs = 2_000): CatalogSource {
  const draft = { title: { en: "Test" }, sequence: 1, issuedAtMs: 0, expiresAtMs, apps };
  return { name: "test", read: () => ({ signed: createCatalog(draft, key), publicKey: key.publicKey }) };
}

const logged: string[] = [];
const log = createLog(
  (line) => logged.push(line),
  () => 0,
);

function catalogs(sources: readonly CatalogSource[], has: readonly string[] = []): Catalogs {
  const facts = { architecture: "amd64", osVersion: "0.1.0", hasImage: (one: string) => has.includes(one) } as const;
  return new Catalogs(sources, facts, log, () => 1_000);
}

const everything = { words: "", category: undefined, language: "en" };

function faultOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (isFault(error)) return error.code;
    throw error;
  }
  return "none";
}

test("a catalog whose signature does not fit is left out and logged, and the others stay", () => {
  const broken: CatalogSource = {
    name: "broken",
    read: () => {
      const { signed, publicKey } = source([app("evil")]).read();
      return { signed: { ...signed, signature: new Uint8Array(64) }, publicKey };
    },
  };
  const missing: CatalogSource = {
    name: "missing",
    read: () => {
      throw new Error("ENOENT");
    },
  };
  const view = catalogs([broken, missing, source([app("notes")])]).view(everything, new Set());
  assert.deepEqual(
    view.entries.map((entry) => entry.app.id),
    ["notes"],
  );
  assert.ok(logged.some((line) => line.includes("catalog-refused")));
});

test("a version of the system is compared number by number, whatever follows the digits", () => {
  const wanting = (minimum: string): CatalogSource => source([app("wants", { text: `, minimum-os: ${minimum}` })]);
  const blocked = (osVersion: string, minimum: string): string | undefined =>
    new Catalogs([wanting(minimum)], { architecture: "amd64", osVersion, hasImage: () => true }, log, () => 1_000).view(
      everything,
      new Set(),
    ).entries[0]?.blocked?.reason;
  for (const [version, minimum] of [
    ["0.9.9", "0.10.0"],
    ["1.2.0-rc1", "1.3.0"],
    ["dev", "0.1.0"],
  ] as const) {
    assert.equal(blocked(version, minimum), "needs-newer-os", `${version} for ${minimum}`);
  }
  for (const [version, minimum] of [
    ["0.10.0", "0.9.9"],
    ["1.3.0-rc1", "1.3.0"],
    ["42.20261126.0", "1.0.0"],
  ] as const) {
    assert.equal(blocked(version, minimum), undefined, `${version} for ${minimum}`);
  }
});

test("what cannot be installed is shown with its reason, and refused", () => {
  const all = catalogs([
    source([
      app("fine"),
      app("unverified", { verified: false }),
      app("other-chip", { text: ", architectures: [arm64]" }),
      app("future", { text: ", minimum-os: 9.0.0" }),
    ]),
  ]);
  const view = all.view(everything, new Set(["fine"]));
  assert.deepEqual(
    view.entries.map((entry) => [entry.app.id, entry.blocked?.reason]),
    [
      ["fine", "already-installed"],
      ["future", "needs-newer-os"],
      ["other-chip", "wrong-architecture"],
      ["unverified", "digest-unverified"],
    ],
  );
  const catalog = view.catalogs[0]?.id ?? "";
  const code = (id: string): string => faultOf(() => manifestOf(all, { catalog: { catalog, app: id } }));
  assert.deepEqual(["fine", "unverified", "other-chip", "future", "absent"].map(code), [
    "none",
    "digest-unverified",
    "wrong-architecture",
    "needs-newer-os",
    "catalog-app-not-found",
  ]);
  assert.equal(
    faultOf(() => manifestOf(all, {})),
    "source-unclear",
  );
  assert.equal(
    faultOf(() => manifestOf(all, { catalog: { catalog, app: "fine" }, manifest: "x" })),
    "source-unclear",
  );
});

test("an app whose images lie on the device needs no download", () => {
  const [here] = catalogs([source([app("notes")])], [digest]).view(everything, new Set()).entries;
  assert.deepEqual([here?.offline, here?.downloadBytes], [true, 0]);
  const [away] = catalogs([source([app("notes")])]).view(everything, new Set()).entries;
  assert.deepEqual([away?.offline, away?.downloadBytes], [false, 10]);
});

test("a catalog past its end is marked, and stays readable", () => {
  const view = catalogs([source([app("notes")], 500)]).view(everything, new Set());
  assert.equal(view.catalogs[0]?.stale, true);
  assert.equal(view.entries.length, 1);
});

test("an update is another form of the app that could be installed, and nothing else", () => {
  const all = catalogs([source([app("notes"), app("locked", { verified: false })])]);
  const manifest = all.entry(all.view(everything, new Set()).catalogs[0]?.id ?? "", "notes").app.manifest;
  assert.equal(all.newer(manifest), undefined);
  assert.equal(all.newer({ ...manifest, version: "0" })?.manifest.version, "1");
  assert.equal(all.newer({ ...manifest, id: "locked" }), undefined);
  assert.equal(all.newer({ ...manifest, id: "absent" }), undefined);
});

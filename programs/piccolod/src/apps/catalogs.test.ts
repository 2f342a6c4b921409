import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import {
  catalogBytesMax,
  type CatalogDraft,
  catalogId,
  createCatalog,
  type SignedCatalog,
} from "@piccolo/app-manifest";
import { toHex } from "@piccolo/bytes";
import { ed25519FromSeed } from "@piccolo/envelope";
import { isFault } from "@piccolo/fault";
import { createLog } from "../adapters/log.ts";
import { manifestOf } from "./catalog-routes.ts";
import { fetchCatalog } from "../adapters/catalog-fetch.ts";
import { catalogFolders } from "../adapters/catalog-folders.ts";
import { controlMigrations } from "../db/control-schema.ts";
import { openDatabase } from "../db/database.ts";
import { ownerMigrations } from "../db/owner-schema.ts";
import { CatalogStore } from "./catalog-store.ts";
import { Catalogs, type CatalogsOptions, type CatalogSource, shownId } from "./catalogs.ts";

const digest = `sha256:${"0123456789abcdef".repeat(4)}`;
const key = ed25519FromSeed(new Uint8Array(32).fill(7));
const other = ed25519FromSeed(new Uint8Array(32).fill(8));

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
  return open({ sources, facts });
}

/** On a database of its own, unless one is given. */
function open(more: Partial<CatalogsOptions> = {}): Catalogs {
  return new Catalogs({
    sources: [],
    store: openStore(),
    facts: { architecture: "amd64", osVersion: "0.1.0", hasImage: () => false },
    fetch: () => Promise.reject(new Error("nothing is fetched")),
    log,
    mayWork: () => true,
    world: { nowMs: () => 1_000, monotonicMs: () => 0, sleep: () => new Promise(() => undefined) },
    ...more,
  });
}

function database(): ReturnType<typeof openDatabase> {
  return openDatabase(":memory:", { name: "control", synchronous: "FULL", migrations: controlMigrations });
}

function openStore(control = database()): CatalogStore {
  const owner = openDatabase(":memory:", { name: "owner", synchronous: "FULL", migrations: ownerMigrations });
  return new CatalogStore(control, owner);
}

function signedOf(sequence: number, apps: CatalogDraft["apps"] = [], by = key): SignedCatalog {
  return createCatalog({ title: { en: "Test" }, sequence, issuedAtMs: 0, expiresAtMs: 2_000, apps }, by);
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "none",
    (error: unknown) => {
      if (isFault(error)) return error.code;
      throw error;
    },
  );
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
    open({ sources: [wanting(minimum)], facts: { architecture: "amd64", osVersion, hasImage: () => true } }).view(
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
  const { manifest } = all.entry(all.view(everything, new Set()).catalogs[0]?.id ?? "", "notes").app;
  const catalog = catalogId(key.publicKey);
  assert.equal(all.newer({ manifest, catalog }), undefined);
  const older = { ...manifest, version: "0" };
  assert.equal(all.newer({ manifest: older, catalog })?.version, "1");
  assert.equal(all.newer({ manifest: { ...manifest, id: "locked" }, catalog }), undefined);
  assert.equal(all.newer({ manifest: { ...manifest, id: "absent" }, catalog }), undefined);
  // Neither one from another catalog, nor one from the owner, becomes what this catalog has under the same name.
  assert.equal(all.newer({ manifest: older, catalog: "00".repeat(32) }), undefined);
  assert.equal(all.newer({ manifest: older }), undefined);
});

test("what was installed from a release's catalog is from that of the release whose keys replaced its, and from no other", () => {
  const offering = (by: typeof key, formerKeys?: readonly Uint8Array[]): CatalogSource => ({
    name: "built in",
    read: () => ({
      signed: signedOf(2, [app("notes")], by),
      publicKey: by.publicKey,
      ...(formerKeys === undefined ? {} : { formerKeys }),
    }),
  });
  const { manifest } = open({ sources: [offering(key)] }).installable(shownId(catalogId(key.publicKey)), "notes");
  const installed = { manifest: { ...manifest, version: "0" }, catalog: catalogId(key.publicKey) };
  const successor = open({ sources: [offering(other, [key.publicKey])] });
  assert.equal(successor.newer(installed)?.version, "1");
  assert.deepEqual(successor.titleOf(installed.catalog), { en: "Test" });
  assert.equal(successor.imageNeeds(installed).downloadBytes, 10);
  assert.equal(open({ sources: [offering(other)] }).newer(installed), undefined);
  assert.equal(open({ sources: [offering(other, [other.publicKey])] }).newer(installed), undefined);
});

test("the keys of earlier releases stand beside the catalog, where there were any", (context) => {
  const folder = mkdtempSync(join(tmpdir(), "catalog-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const { index, signature } = signedOf(1, [app("notes")]);
  writeFileSync(join(folder, "index.json"), index);
  writeFileSync(join(folder, "index.sig"), `${toHex(signature)}\n`);
  writeFileSync(join(folder, "key.hex"), `${toHex(key.publicKey)}\n`);
  const formerKeys = (): readonly string[] =>
    (catalogFolders([folder])[0]?.read().formerKeys ?? []).map((one) => toHex(one));
  assert.deepEqual(formerKeys(), []);
  const former = [toHex(other.publicKey), "00".repeat(32)];
  writeFileSync(join(folder, "former-keys.hex"), former.map((line) => `${line}\n`).join(""));
  assert.deepEqual(formerKeys(), former);
});

test("an app's icon is that of the catalog it came from, and of no other that has an app of that name", () => {
  const drawn = (width: number): string => `<svg xmlns="http://www.w3.org/2000/svg" width="${width}"></svg>`;
  const shelf = (by: typeof key, icon: string): CatalogSource => ({
    name: "drawn",
    read: () => ({ signed: signedOf(1, [{ ...app("notes"), icon }], by), publicKey: by.publicKey }),
  });
  const all = open({ sources: [shelf(key, drawn(1)), shelf(other, drawn(2))] });
  const { manifest } = manifestOf(all, { manifest: app("notes").manifest });
  const iconFrom = (catalog: string | undefined): string =>
    Buffer.from(all.iconOf({ manifest, catalog })?.split(",")[1] ?? "", "base64").toString();
  assert.equal(iconFrom(catalogId(key.publicKey)), drawn(1));
  assert.equal(iconFrom(catalogId(other.publicKey)), drawn(2));
  assert.equal(iconFrom("00".repeat(32)), "");
  assert.equal(iconFrom(undefined), "");
});

test("a catalog is added once, is there after a restart, and is gone when it is removed", async () => {
  const store = openStore();
  const fetch = (): Promise<SignedCatalog> => Promise.resolve(signedOf(3, [app("notes")]));
  const all = open({ store, fetch });
  const id = await all.add("https://example.org/apps", key.publicKey);
  assert.equal(all.states()[0]?.builtIn, false);
  assert.equal(await codeOf(all.add("https://example.org/other", key.publicKey)), "catalog-known");
  const again = open({ store });
  assert.deepEqual(again.states(), [
    {
      id,
      builtIn: false,
      address: "https://example.org/apps",
      publicKey: toHex(key.publicKey),
      fetchedAtMs: 1_000,
      index: {
        title: { en: "Test" },
        development: false,
        sequence: 3,
        issuedAtMs: 0,
        expiresAtMs: 2_000,
        stale: false,
        apps: 1,
      },
    },
  ]);
  assert.deepEqual([again.titleOf(catalogId(key.publicKey)), again.titleOf(id)], [{ en: "Test" }, undefined]);
  assert.equal(again.installable(id, "notes").catalog, catalogId(key.publicKey));
  again.remove(id);
  assert.deepEqual(again.view(everything, new Set()).catalogs, []);
  assert.equal(
    faultOf(() => again.remove(id)),
    "catalog-not-found",
  );
  assert.deepEqual(open({ store }).view(everything, new Set()).catalogs, []);
});

test("an older catalog is refused, also after a restart, and after it was removed and added again", async () => {
  const store = openStore();
  let given = signedOf(5, [app("notes")]);
  const fetch = (): Promise<SignedCatalog> => Promise.resolve(given);
  const id = await open({ store, fetch }).add("https://example.org/apps", key.publicKey);
  const all = open({ store, fetch });
  given = signedOf(4, [app("old")]);
  assert.equal(await codeOf(all.renew(id)), "catalog-older");
  assert.deepEqual(
    all.view(everything, new Set()).entries.map((entry) => entry.app.id),
    ["notes"],
  );
  all.remove(id);
  assert.equal(await codeOf(all.add("https://example.org/apps", key.publicKey)), "catalog-older");
  given = signedOf(5, [app("forged")]);
  assert.equal(await codeOf(all.add("https://example.org/apps", key.publicKey)), "catalog-forked");
  given = signedOf(6, [app("newer")]);
  assert.equal(await codeOf(all.add("https://example.org/apps", key.publicKey)), "none");
});

test("a release that gave way to the one before takes its catalog with it", () => {
  const store = openStore();
  const builtIn = (sequence: number, id: string): CatalogSource => ({
    name: "built in",
    read: () => ({ signed: signedOf(sequence, [app(id)], other), publicKey: other.publicKey }),
  });
  for (const [sequence, id] of [
    [2, "newer"],
    [1, "older"],
    [1, "built-anew"],
  ] as const) {
    const { entries, catalogs } = open({ store, sources: [builtIn(sequence, id)] }).view(everything, new Set());
    assert.deepEqual([entries.map((entry) => entry.app.id), catalogs.length], [[id], 1]);
  }
});

test("why a newer catalog was not taken is kept until one is, also over a restart", async () => {
  const store = openStore();
  let given = (): Promise<SignedCatalog> => Promise.resolve(signedOf(5, [app("notes")]));
  let nowMs = 1_000;
  const world = { nowMs: () => nowMs, monotonicMs: () => 0, sleep: () => new Promise<void>(() => undefined) };
  const all = open({ store, fetch: () => given(), world });
  const id = await all.add("https://example.org/apps", key.publicKey);
  const problem = (of: Catalogs): unknown => {
    const [state] = of.states();
    return [state?.index?.sequence, state?.fetchedAtMs, state?.problem?.code, state?.problem?.atMs];
  };
  for (const [code, next] of [
    ["catalog-older", () => Promise.resolve(signedOf(4))],
    ["catalog-signature", () => Promise.resolve(signedOf(6, [], other))],
    ["catalog-unreachable", () => fetchCatalog("http://127.0.0.1:1/", 10_000)],
    ["catalog-unreachable", () => fetchCatalog("http://[", 10_000)],
    // The list may come with the owner's content from a device that took what this one would not have.
    ["catalog-unreachable", () => fetchCatalog("ftp://example.org/apps", 10_000)],
    ["catalog-unreachable", () => fetchCatalog("mailto:apps@example.org", 10_000)],
  ] as const) {
    nowMs += 1;
    given = next;
    assert.equal(await codeOf(all.renew(id)), code);
    assert.deepEqual(problem(all), [5, 1_000, code, nowMs]);
  }
  assert.deepEqual(problem(open({ store })), [5, 1_000, "catalog-unreachable", nowMs]);
  assert.match(`${all.states()[0]?.problem?.detail}`, /check the address and try again/);
  given = () => Promise.resolve(signedOf(6));
  await all.renew(id);
  assert.deepEqual(problem(all), [6, nowMs, undefined, undefined]);
});

test("a catalog that cannot be opened any more says why, and can be renewed, added again or removed", async () => {
  const db = database();
  const store = openStore(db);
  const fetch = (): Promise<SignedCatalog> => Promise.resolve(signedOf(3, [app("notes")]));
  const id = await open({ store, fetch }).add("https://example.org/apps", key.publicKey);
  const spoil = (): void => void db.prepare("UPDATE app_catalog SET content = ?").run(new Uint8Array([1]));
  spoil();
  const all = open({ store, fetch });
  const [state] = all.states();
  assert.deepEqual(
    [state?.id, state?.address, state?.index, state?.problem?.code],
    [id, "https://example.org/apps", undefined, "catalog-signature"],
  );
  await all.renew(id);
  assert.deepEqual([all.states()[0]?.index?.apps, all.states()[0]?.problem], [1, undefined]);
  spoil();
  const again = open({ store, fetch });
  assert.equal(await again.add("https://example.org/elsewhere", key.publicKey), id);
  assert.equal(again.states()[0]?.address, "https://example.org/elsewhere");
  spoil();
  const last = open({ store, fetch });
  last.remove(id);
  assert.deepEqual(last.states(), []);
});

test("one that came with the system and is refused says why", () => {
  const missing: CatalogSource = {
    name: "missing",
    read: () => {
      throw new Error("ENOENT");
    },
  };
  const [state] = open({ sources: [missing] }).states();
  assert.deepEqual([state?.builtIn, state?.id, state?.problem?.code], [true, undefined, "catalog-malformed"]);
});

test("a catalog that is removed while it is fetched stays removed, and there is never one too many", async () => {
  const store = openStore();
  const gate = Promise.withResolvers<SignedCatalog>();
  let fetch = (): Promise<SignedCatalog> => Promise.resolve(signedOf(1));
  const all = open({ store, fetch: () => fetch() });
  const id = await all.add("https://example.org/apps", key.publicKey);
  fetch = () => gate.promise;
  const renewing = codeOf(all.renew(id));
  all.remove(id);
  gate.resolve(signedOf(2));
  assert.equal(await renewing, "catalog-not-found");
  assert.deepEqual([all.states(), store.all()], [[], []]);
  const keys = Array.from({ length: 9 }, (_, at) => ed25519FromSeed(new Uint8Array(32).fill(20 + at)));
  const waiting: (() => void)[] = [];
  const many = open({
    store,
    fetch: (address) =>
      new Promise((resolve) => {
        waiting.push(() => resolve(signedOf(1, [], keys[Number(new URL(address).pathname.slice(1))])));
      }),
  });
  const adding = keys.map(({ publicKey }, at) => codeOf(many.add(`https://example.org/${at}`, publicKey)));
  for (const go of waiting) go();
  assert.deepEqual(await Promise.all(adding), [...Array.from({ length: 8 }, () => "none"), "too-many-catalogs"]);
});

test("what is signed by another key, or is no catalog, is refused, and nothing of it stays", async () => {
  const cases: readonly (readonly [string, SignedCatalog])[] = [
    ["catalog-signature", signedOf(1, [], other)],
    ["catalog-signature", { ...signedOf(1), signature: new Uint8Array(64) }],
    ["catalog-signature", { ...signedOf(1), signature: new Uint8Array(0) }],
    ["catalog-signature", { ...signedOf(1), index: new Uint8Array(catalogBytesMax + 1) }],
  ];
  for (const [code, given] of cases) {
    const store = openStore();
    const all = open({ store, fetch: () => Promise.resolve(given) });
    assert.equal(await codeOf(all.add("https://example.org/apps", key.publicKey)), code);
    assert.deepEqual([store.all(), store.seen(catalogId(key.publicKey))], [[], undefined]);
  }
});

test("the catalog in the sources is marked as signed by a key that anybody has", () => {
  const folder = join(import.meta.dirname, "../../../../catalog");
  const all = open({ sources: catalogFolders([folder]) });
  assert.equal(all.states()[0]?.index?.development, true);
  assert.equal(
    faultOf(() => all.remove(all.view(everything, new Set()).catalogs[0]?.id ?? "")),
    "catalog-built-in",
  );
});

test("a place that is late, sends too much, sends elsewhere or is not there is a fault of its own", async (context) => {
  const server = createServer((req, res) => {
    const [, what = "", file = ""] = (req.url ?? "").split("/");
    if (what === "late") return;
    if (what === "elsewhere") res.writeHead(302, { location: "/fine/index.sig" }).end();
    else if (what === "huge" && file === "index.json") {
      const pour = (): void => {
        while (res.write(Buffer.alloc(65_536))) if (res.destroyed) return;
        res.once("drain", pour);
      };
      pour();
    } else if (what === "huge" || what === "fine") {
      const { index, signature } = signedOf(1);
      res.end(file === "index.sig" ? `${Buffer.from(signature).toString("hex")}\n` : index);
    } else res.writeHead(404).end();
  });
  context.after(() => server.closeAllConnections());
  context.after(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const fetched = (what: string, timeoutMs = 10_000): Promise<SignedCatalog> =>
    fetchCatalog(`http://127.0.0.1:${port}/${what}`, timeoutMs);
  assert.deepEqual(await fetched("fine"), signedOf(1));
  assert.equal(await codeOf(fetched("late", 50)), "catalog-unreachable");
  assert.equal(await codeOf(fetched("huge")), "catalog-too-large");
  assert.equal(await codeOf(fetched("elsewhere")), "catalog-unreachable");
  assert.equal(await codeOf(fetched("absent")), "catalog-unreachable");
  server.closeAllConnections();
  server.close();
  assert.equal(await codeOf(fetched("fine")), "catalog-unreachable");
});

test("a manifest the owner gives has to fit the device, too, and what images weigh is what its own catalog says", () => {
  const all = catalogs([source([app("fine")])]);
  const given = (text: string) => all.unsuited(manifestOf(all, { manifest: app("own", { text }).manifest }).manifest);
  assert.equal(given(""), undefined);
  assert.equal(given(", minimum-os: 9.0.0")?.reason, "needs-newer-os");
  assert.equal(given(", architectures: [arm64]")?.reason, "wrong-architecture");
  const { manifest } = manifestOf(all, { manifest: app("fine").manifest });
  const [{ id } = assert.fail()] = all.view({ words: "", category: undefined, language: "en" }, new Set()).catalogs;
  const taken = manifestOf(all, { catalog: { catalog: id, app: "fine" } });
  assert.deepEqual(all.imageNeeds(taken), { downloadBytes: 10, roomBytes: 40 });
  const here = new Set(taken.manifest.services.map(({ image }) => image.digest));
  assert.deepEqual(all.imageNeeds(taken, here), { downloadBytes: 0, roomBytes: 0 });
  assert.deepEqual(all.imageNeeds({ manifest }), { downloadBytes: undefined, roomBytes: 0 });
});

/** The list of added catalogs in the owner database: what a power cut, another device and a release before it leave of it. */
import assert from "node:assert/strict";
import type { DatabaseSync } from "node:sqlite";
import { test, type TestContext } from "node:test";
import { catalogId, createCatalog, type SignedCatalog } from "@piccolo/app-manifest";
import { ed25519FromSeed } from "@piccolo/envelope";
import { isFault } from "@piccolo/fault";
import { SeededWorld } from "@piccolo/world";
import { createLog } from "../adapters/log.ts";
import { controlMigrations } from "../db/control-schema.ts";
import { openDatabase, transact } from "../db/database.ts";
import type { OwnerDatabase } from "../db/owner-database.ts";
import { openOwner } from "../../test-support/owner-log.ts";
import { catalogSourceFaults } from "./catalog-faults.ts";
import { CatalogStore } from "./catalog-store.ts";
import { Catalogs, type CatalogsOptions, shownId } from "./catalogs.ts";

const keys = [1, 2].map((seed) => ed25519FromSeed(new Uint8Array(32).fill(seed)));
const [key = assert.fail(), other = assert.fail()] = keys;
const address = "https://example.org/apps";
const everything = { words: "", category: undefined, language: "en" };

function signedOf(sequence: number, by = key): SignedCatalog {
  return createCatalog({ title: { en: "Test" }, sequence, issuedAtMs: 0, expiresAtMs: 9e12, apps: [] }, by);
}

function openControl(context: TestContext, path = ":memory:", migrations = controlMigrations): DatabaseSync {
  const db = openDatabase(path, { name: "control", synchronous: "FULL", migrations });
  context.after(() => db.close());
  return db;
}

function open(control: DatabaseSync, owner: OwnerDatabase, more: Partial<CatalogsOptions> = {}): Catalogs {
  return new Catalogs({
    sources: [],
    store: new CatalogStore(control, owner.db),
    facts: { architecture: "amd64", osVersion: "0.1.0", hasImage: () => false },
    fetch: () => Promise.resolve(signedOf(1)),
    mayWork: () => true,
    log: createLog(
      () => undefined,
      () => 0,
    ),
    world: new SeededWorld(1),
    ...more,
  });
}

/** The next time the loop has come to rest. */
class RestingWorld extends SeededWorld {
  readonly #resting: (() => void)[] = [];

  override sleep(ms: number, signal?: AbortSignal): Promise<void> {
    const sleeping = super.sleep(ms, signal);
    for (const told of this.#resting.splice(0)) told();
    return sleeping;
  }

  resting(): Promise<void> {
    return new Promise((resolve) => void this.#resting.push(resolve));
  }
}

function running(context: TestContext, catalogs: Catalogs, world: RestingWorld): Promise<void> {
  const stopping = new AbortController();
  const resting = world.resting();
  const run = catalogs.run(stopping.signal);
  context.after(async () => {
    stopping.abort(new Error("the test is over"));
    await run;
  });
  return resting;
}

const rowsOf = ({ db }: OwnerDatabase): unknown[] =>
  db
    .prepare("SELECT address FROM listed_catalog ORDER BY address")
    .all()
    .map((row) => row["address"]);

const shown = (catalogs: Catalogs): unknown[] =>
  catalogs.states().map(({ id, address: place, index, problem }) => [id, place, index?.sequence, problem?.code]);

const id = shownId(catalogId(key.publicKey));

test("adding, renewing and removing a catalog is content, and the digest follows it", async (context) => {
  const owner = openOwner(context);
  const catalogs = open(openControl(context), owner);
  await catalogs.add(address, key.publicKey);
  assert.deepEqual(rowsOf(owner), [address]);
  assert.ok(owner.verify() && owner.log.waiting);
  const commits = outbox(owner);
  await catalogs.renew(id);
  assert.equal(outbox(owner), commits, "what is fetched again changes nothing the owner would lose");
  catalogs.remove(id);
  assert.deepEqual(rowsOf(owner), []);
  assert.ok(owner.verify());
});

const outbox = ({ db }: OwnerDatabase): unknown => db.prepare("SELECT count(*) AS n FROM outbox").get()?.["n"];

test("one that cannot be opened and is added from elsewhere has its new place in the list", async (context) => {
  const [control, owner] = [openControl(context), openOwner(context)];
  await open(control, owner).add(address, key.publicKey);
  control.prepare("UPDATE app_catalog SET content = x'01'").run();
  await open(control, owner).add("https://example.org/elsewhere", key.publicKey);
  assert.deepEqual(rowsOf(owner), ["https://example.org/elsewhere"]);
  assert.ok(owner.verify());
});

test("a device that took another one's place lists its catalogs as not fetched, and fetches them", async (context) => {
  const owner = openOwner(context);
  await open(openControl(context), owner).add(address, key.publicKey);
  const world = new RestingWorld(1);
  let answer = (): Promise<SignedCatalog> =>
    Promise.reject(catalogSourceFaults.fault("catalog-unreachable", "nobody answers"));
  let asked = 0;
  const fetch = (place: string): Promise<SignedCatalog> => {
    assert.equal(place, address);
    asked++;
    return answer();
  };
  const fresh = open(openControl(context), owner, { world, fetch });
  assert.deepEqual(shown(fresh), [[id, address, undefined, undefined]]);
  assert.deepEqual(fresh.view(everything, new Set()).catalogs, []);
  await running(context, fresh, world);
  assert.deepEqual([asked, shown(fresh)], [1, [[id, address, undefined, "catalog-unreachable"]]]);
  // The network changes again and again: that is no reason to ask each time.
  let resting = world.resting();
  fresh.wake();
  await resting;
  assert.equal(asked, 1);
  // What the address gives now is signed by somebody else.
  answer = () => Promise.resolve(signedOf(9, other));
  resting = world.resting();
  await world.advance(5 * 60_000);
  await resting;
  assert.deepEqual([asked, shown(fresh)], [2, [[id, address, undefined, "catalog-signature"]]]);
  answer = () => Promise.resolve(signedOf(4));
  resting = world.resting();
  await world.advance(20_000);
  fresh.wake();
  await resting;
  assert.deepEqual([asked, shown(fresh)], [3, [[id, address, 4, undefined]]]);
  // It is there now, and looked for again as often as any other.
  resting = world.resting();
  await world.advance(3_600_000);
  fresh.wake();
  await resting;
  assert.equal(asked, 3);
  assert.ok(owner.verify());
});

test("a list that comes while the device runs is fetched when it is woken, and one that went takes its catalog along", async (context) => {
  const [control, owner, world] = [openControl(context), openOwner(context), new RestingWorld(1)];
  const catalogs = open(control, owner, { world });
  await running(context, catalogs, world);
  assert.deepEqual(shown(catalogs), []);
  transact(owner.db, () => owner.db.prepare("INSERT INTO listed_catalog VALUES (?, ?)").run(key.publicKey, address));
  let resting = world.resting();
  catalogs.wake();
  await resting;
  assert.deepEqual(shown(catalogs), [[id, address, 1, undefined]]);
  transact(owner.db, () => owner.db.exec("DELETE FROM listed_catalog"));
  resting = world.resting();
  catalogs.wake();
  await resting;
  assert.deepEqual(shown(catalogs), []);
  assert.deepEqual(catalogs.view(everything, new Set()).catalogs, []);
  assert.deepEqual(control.prepare("SELECT * FROM app_catalog").all(), []);
});

test("what a release before kept on the device alone is listed once the owner database may be changed, and only once", async (context) => {
  const [control, owner, world] = [openControl(context), openOwner(context), new RestingWorld(1)];
  await open(control, openOwner(context)).add(address, key.publicKey);
  control.exec("UPDATE app_catalog SET adopted = NULL");
  let mayWork = false;
  const catalogs = open(control, owner, { world, mayWork: () => mayWork });
  await running(context, catalogs, world);
  // It works meanwhile, and a newer one of it changes nothing of the owner's.
  await catalogs.renew(id);
  assert.deepEqual([shown(catalogs), rowsOf(owner), outbox(owner)], [[[id, address, 1, undefined]], [], 0]);
  mayWork = true;
  let resting = world.resting();
  catalogs.wake();
  await resting;
  assert.deepEqual([shown(catalogs), rowsOf(owner)], [[[id, address, 1, undefined]], [address]]);
  assert.ok(owner.verify());
  // Taken from the list, as on a device before this one: the row that is left here does not bring it back.
  transact(owner.db, () => owner.db.exec("DELETE FROM listed_catalog"));
  assert.deepEqual(shown(open(control, owner)), []);
  resting = world.resting();
  catalogs.wake();
  await resting;
  assert.deepEqual([shown(catalogs), rowsOf(owner)], [[], []]);
});

test("a power cut between the two databases leaves one to be fetched, or nothing", async (context) => {
  const [control, owner] = [openControl(context), openOwner(context)];
  control.exec("CREATE TEMP TRIGGER cut BEFORE INSERT ON app_catalog BEGIN SELECT raise(ABORT, 'cut'); END");
  await assert.rejects(open(control, owner).add(address, key.publicKey), /cut/);
  control.exec("DROP TRIGGER cut");
  const again = open(control, owner);
  assert.deepEqual(shown(again), [[id, address, undefined, undefined]]);
  await again.renew(id);
  assert.deepEqual(shown(again), [[id, address, 1, undefined]]);
  control.exec("CREATE TEMP TRIGGER cut BEFORE DELETE ON app_catalog BEGIN SELECT raise(ABORT, 'cut'); END");
  assert.throws(() => again.remove(id), /cut/);
  control.exec("DROP TRIGGER cut");
  const world = new RestingWorld(1);
  const last = open(control, owner, { world });
  assert.deepEqual(shown(last), []);
  await running(context, last, world);
  assert.deepEqual(control.prepare("SELECT * FROM app_catalog").all(), []);
});

test("one that was never fetched can be renewed by hand, removed, and counts as one that the device has", async (context) => {
  const owner = openOwner(context);
  transact(owner.db, () => owner.db.prepare("INSERT INTO listed_catalog VALUES (?, ?)").run(key.publicKey, address));
  const catalogs = open(openControl(context), owner, {
    fetch: () => Promise.reject(catalogSourceFaults.fault("catalog-unreachable", "nobody answers")),
  });
  await assert.rejects(catalogs.renew(id), (error) => isFault(error, "catalog-unreachable"));
  assert.deepEqual(shown(catalogs), [[id, address, undefined, "catalog-unreachable"]]);
  catalogs.remove(id);
  assert.deepEqual([shown(catalogs), rowsOf(owner)], [[], []]);
  assert.ok(owner.verify());
});

test("a disk that fails ends no look for catalogs: the next one finds what there is", async (context) => {
  const [control, owner, world] = [openControl(context), openOwner(context), new RestingWorld(1)];
  transact(owner.db, () => owner.db.prepare("INSERT INTO listed_catalog VALUES (?, ?)").run(key.publicKey, address));
  const store = new CatalogStore(control, owner.db);
  let fails: "tidy" | "listed" | "keep" | "putFailed" | undefined = "tidy";
  for (const what of ["tidy", "listed", "keep", "putFailed"] as const) {
    const work = store[what].bind(store) as (...given: readonly unknown[]) => unknown;
    Object.assign(store, {
      [what]: (...given: readonly unknown[]) => {
        if (fails === what) throw Object.assign(new Error("database or disk is full"), { errcode: 13 });
        return work(...given);
      },
    });
  }
  let answer = (): Promise<SignedCatalog> => Promise.resolve(signedOf(1));
  const catalogs = open(control, owner, { world, store, fetch: () => answer() });
  await running(context, catalogs, world);
  const next = async (ms = 5 * 60_000): Promise<void> => {
    const resting = world.resting();
    await world.advance(ms);
    await resting;
  };
  for (const what of ["listed", "keep"] as const) {
    fails = what;
    await next();
  }
  fails = undefined;
  assert.deepEqual(shown(catalogs), [[id, address, undefined, undefined]]);
  await next();
  assert.deepEqual(shown(catalogs), [[id, address, 1, undefined]]);
  // Why a look failed is said, though it cannot be noted.
  answer = () => Promise.reject(catalogSourceFaults.fault("catalog-unreachable", "nobody answers"));
  fails = "putFailed";
  await assert.rejects(catalogs.renew(id), { code: "catalog-unreachable" });
  await next(12 * 3_600_000);
  fails = undefined;
  answer = () => Promise.resolve(signedOf(2));
  await next(12 * 3_600_000);
  assert.deepEqual(shown(catalogs), [[id, address, 2, undefined]]);
});

test("one that cannot be opened is left out, though the disk does not take why", async (context) => {
  const [control, owner] = [openControl(context), openOwner(context)];
  await open(control, owner).add(address, key.publicKey);
  control.prepare("UPDATE app_catalog SET content = x'01'").run();
  const store = new CatalogStore(control, owner.db);
  store.putFailed = () => {
    throw Object.assign(new Error("disk I/O error"), { errcode: 10 });
  };
  assert.deepEqual(shown(open(control, owner, { store })), [[id, address, undefined, undefined]]);
});

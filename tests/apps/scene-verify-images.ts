/**
 * A publisher verifies the images of a catalog, by the command itself, with real Podman, from a registry on this machine's
 * loopback that can lie, break off and die; and what a device then offers.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { hash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, test } from "node:test";
import { toUtf8 } from "@piccolo/bytes";
import { type BuiltImage, buildImage } from "@piccolo/oci-image";
import { realWorld } from "@piccolo/world/real";
import { until } from "@piccolo/devnet";
import { catalogFolders } from "../../programs/piccolod/src/adapters/catalog-folders.ts";
import { createLog } from "../../programs/piccolod/src/adapters/log.ts";
import { CatalogStore } from "../../programs/piccolod/src/apps/catalog-store.ts";
import { Catalogs } from "../../programs/piccolod/src/apps/catalogs.ts";
import { controlMigrations } from "../../programs/piccolod/src/db/control-schema.ts";
import { openDatabase } from "../../programs/piccolod/src/db/database.ts";
import { ownerMigrations } from "../../programs/piccolod/src/db/owner-schema.ts";
import { TestRegistry } from "./registry.ts";

const MiB = 1024 * 1024;
const tools = resolve(import.meta.dirname, "../../tools");
const folder = mkdtempSync(join(tmpdir(), "piccolo-verify-scene-"));
const store = join(folder, "store");
const registry = new TestRegistry(join(folder, "registry"), 5_000);
const indexType = "application/vnd.oci.image.index.v1+json";
// Podman writes there whatever store it is told of; this machine's own folder is another scene's, too.
assert.equal(spawnSync("mount", ["-t", "tmpfs", "tmpfs", "/var/lib"]).status, 0);
await registry.open();
after(async () => {
  await registry.close();
  rmSync(folder, { recursive: true, force: true });
});

type Architecture = "amd64" | "arm64";

interface Published {
  readonly app: string;
  /** Of a list with one for each architecture, or of the only one. */
  readonly digest: string;
  readonly images: readonly BuiltImage[];
}

function imageOf(architecture: Architecture, bytes: number): BuiltImage {
  return buildImage("localhost/any:1", { architecture, command: ["/x"] }, [
    { kind: "file", path: "x", mode: 0o755, content: new Uint8Array(randomBytes(bytes)) },
  ]);
}

/** Of each architecture with so many bytes of content. */
async function publish(app: string, contents: Partial<Record<Architecture, number>>): Promise<Published> {
  const built = Object.entries(contents).map(
    ([architecture, bytes]) => [architecture, imageOf(architecture as Architecture, bytes)] as const,
  );
  const images = built.map(([, image]) => image);
  for (const image of images) await registry.push(`piccolo/${app}`, image);
  const [only, another] = images;
  if (only !== undefined && another === undefined) return { app, digest: only.digest, images };
  const manifests = built.map(([architecture, { digest, manifest }]) => ({
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    digest,
    size: manifest.length,
    platform: { architecture, os: "linux" },
  }));
  const list = toUtf8(JSON.stringify({ schemaVersion: 2, mediaType: indexType, manifests }));
  const digest = `sha256:${hash("sha256", list, "hex")}`;
  await registry.putManifest(`piccolo/${app}`, digest, list, indexType);
  return { app, digest, images };
}

const nameOf = ({ app, digest }: Published): string => `${registry.place}/piccolo/${app}@${digest}`;
/** What a device fetches: all but the manifest. */
const fetchedOf = ({ blobs, digest }: BuiltImage): number =>
  [...blobs].reduce((sum, [name, { length }]) => (name === digest ? sum : sum + length), 0);
const layerOf = ({ blobs }: BuiltImage): string =>
  [...blobs].toSorted(([, a], [, b]) => b.length - a.length)[0]?.[0] ?? assert.fail();

const both = "[amd64, arm64]";

/** Sources of a catalog of these apps, for one kind of device unless something else is said. */
function catalogOf(name: string, apps: readonly Published[], architectures = "[amd64]"): string {
  const place = join(folder, name);
  for (const part of ["manifests", "icons"]) mkdirSync(join(place, part), { recursive: true });
  const facts = { title: { en: "Scene" }, sequence: 1, issuedAtMs: 0, expiresAtMs: 4_000_000_000_000, verified: {} };
  writeFileSync(join(place, "catalog.json"), JSON.stringify(facts));
  for (const one of apps) {
    const text = `services: { web: { image: "${nameOf(one)}" } }
x-piccolo: { id: ${one.app}, version: "1", name: ${one.app}, summary: An app, web: { service: web, port: 80 }, architectures: ${architectures} }
`;
    writeFileSync(join(place, `manifests/${one.app}.yaml`), text);
    cpSync(resolve(tools, "../catalog/icons/hello.svg"), join(place, `icons/${one.app}.svg`));
  }
  return place;
}

function verifiedIn(catalog: string): Record<string, unknown> {
  const facts = JSON.parse(readFileSync(join(catalog, "catalog.json"), "utf8")) as {
    verified: Record<string, unknown>;
  };
  return facts.verified;
}

interface Run {
  readonly child: ChildProcess;
  readonly said: () => string;
  readonly ended: Promise<number | null>;
}

function start(catalog: string, ...args: readonly string[]): Run {
  const own = ["--catalog", catalog, "--store", store, "--insecure-registry", registry.place];
  const child = spawn(process.execPath, [join(tools, "verify-images/main.ts"), ...own, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (bytes: Buffer) => (said += bytes.toString()));
  return { child, said: () => said, ended: once(child, "close").then(([code]) => code as number | null) };
}

async function verify(catalog: string, ...args: readonly string[]): Promise<{ code: number | null; said: string }> {
  const { ended, said } = start(catalog, ...args);
  const code = await ended;
  return { code, said: said() };
}

function podmans(): readonly string[] {
  return readdirSync("/proc").filter((name) => {
    try {
      return /^\d+$/.test(name) && readFileSync(`/proc/${name}/comm`, "utf8").trim() === "podman";
    } catch {
      return false;
    }
  });
}

function nothingIsLeft(): void {
  assert.deepEqual(readdirSync(store), []);
  assert.deepEqual(readdirSync("/var/lib"), []);
  assert.deepEqual(podmans(), []);
  assert.ok(!readFileSync("/proc/self/mountinfo", "utf8").includes(store));
}

test("an image that is what its digest says is verified for each kind of device, and a device then offers its app", async () => {
  const shelf = await publish("shelf", { amd64: 300_000, arm64: 500_000 });
  const other = await publish("other", { amd64: 100_000, arm64: 100_000 });
  const catalog = catalogOf("verified", [shelf, other], both);
  assert.deepEqual(await offered(catalog), { shelf: "digest-unverified", other: "digest-unverified" });
  const { code, said } = await verify(catalog, "--only", "shelf");
  assert.equal(code, 0, said);
  nothingIsLeft();
  const sizes = shelf.images.map(fetchedOf);
  assert.deepEqual(verifiedIn(catalog), { [nameOf(shelf)]: { sizeBytes: Math.max(...sizes) } });
  assert.ok(Math.max(...sizes) > 500_000 && Math.min(...sizes) < 400_000);
  assert.deepEqual(await offered(catalog), { shelf: "installable", other: "digest-unverified" });
});

/** By app: what a device with the catalog, made and signed by the command for it, says of installing it. */
async function offered(sources: string): Promise<Record<string, string>> {
  const out = join(folder, "signed");
  const written = spawnSync(process.execPath, [join(tools, "write-catalog.ts"), "--catalog", sources, "--out", out]);
  assert.equal(written.status, 0, written.stderr.toString());
  const control = openDatabase(":memory:", { name: "control", synchronous: "FULL", migrations: controlMigrations });
  const owner = openDatabase(":memory:", { name: "owner", synchronous: "FULL", migrations: ownerMigrations });
  const catalogs = new Catalogs({
    sources: catalogFolders([out]),
    store: new CatalogStore(control, owner),
    facts: { architecture: "amd64", osVersion: "0.1.0", hasImage: () => false },
    fetch: () => Promise.reject(new Error("nothing is fetched")),
    log: createLog(
      (line) => process.stderr.write(line),
      () => realWorld.nowMs(),
    ),
    mayWork: () => true,
    world: realWorld,
  });
  const { entries } = catalogs.view({ words: "", category: undefined, language: "en" }, new Set());
  return Object.fromEntries(entries.map(({ app, blocked }) => [app.id, blocked?.reason ?? "installable"]));
}

test("what is verified is not fetched again, unless all is asked for", async () => {
  const shelf = await publish("again", { amd64: 100_000 });
  const catalog = catalogOf("again", [shelf]);
  assert.equal((await verify(catalog)).code, 0);
  registry.asked.length = 0;
  assert.equal((await verify(catalog)).code, 0);
  assert.equal(registry.asked.length, 0);
  assert.equal((await verify(catalog, "--all")).code, 0);
  assert.ok(registry.asked.some(({ path }) => path.endsWith(shelf.digest)));
});

test("a manifest or a layer of another digest is told by its app, and the others are verified", async () => {
  for (const [name, at] of [
    ["false-manifest", /false-manifest\/manifests/],
    ["false-layer", /false-layer\/blobs/],
  ] as const) {
    const sound = await publish(`sound-${name.length}`, { amd64: 100_000 });
    const wrong = await publish(name, { amd64: 100_000 });
    const catalog = catalogOf(name, [sound, wrong]);
    registry.mischief = { at, spoil: true };
    const { code, said } = await verify(catalog);
    registry.mischief = undefined;
    assert.equal(code, 1, said);
    assert.deepEqual(Object.keys(verifiedIn(catalog)), [nameOf(sound)]);
    assert.match(said, new RegExp(`^${name}: .* is not verified \\(image-digest-differs\\): .* What to do: `, "m"));
    nothingIsLeft();
  }
});

test("an image without one for a kind of device that its app is for is not verified, and is for the others", async () => {
  const alone = await publish("alone", { amd64: 100_000 });
  const catalog = catalogOf("alone", [alone], both);
  const { code, said } = await verify(catalog);
  assert.equal(code, 1, said);
  assert.match(said, /^alone: .*\(image-architecture\).*take one of these out of it\.$/m);
  assert.deepEqual(verifiedIn(catalog), {});
  const narrow = catalogOf("narrow", [alone]);
  assert.equal((await verify(narrow)).code, 0);
  assert.deepEqual(verifiedIn(narrow), { [nameOf(alone)]: { sizeBytes: fetchedOf(alone.images[0] ?? assert.fail()) } });
});

test("what turns out not to be what it says is vouched for no more; what cannot be looked at now stays", async () => {
  const shelf = await publish("turned", { amd64: 100_000 });
  const catalog = catalogOf("turned", [shelf]);
  assert.equal((await verify(catalog)).code, 0);
  const busy = { status: 429, code: "TOOMANYREQUESTS", message: "You have reached your pull rate limit." };
  registry.mischief = { at: /manifests/, refuse: busy };
  assert.equal((await verify(catalog, "--all")).code, 1);
  assert.deepEqual(Object.keys(verifiedIn(catalog)), [nameOf(shelf)]);
  const gone = { status: 404, code: "MANIFEST_UNKNOWN", message: "manifest unknown" };
  registry.mischief = { at: /manifests/, refuse: gone };
  const { code, said } = await verify(catalog, "--all");
  registry.mischief = undefined;
  assert.deepEqual([code, verifiedIn(catalog)], [1, {}], said);
  assert.match(said, /^turned: .*\(image-refused\).*name the digest of one of them in the manifest\.$/m);
});

test("a registry that dies in the middle leaves an image unverified and nothing on the disk, until it is back", async () => {
  const dying = await publish("dying", { amd64: 24 * MiB });
  const catalog = catalogOf("dying", [dying]);
  const layer = layerOf(dying.images[0] ?? assert.fail());
  registry.mischief = { at: new RegExp(`blobs/${layer}`), cutAfterBytes: 12 * MiB };
  const { ended, said } = start(catalog);
  await until("it is on its way", () => Promise.resolve(registry.asked.some(({ path }) => path.endsWith(layer))));
  await registry.kill();
  assert.equal(await ended, 1, said());
  assert.match(said(), /^dying: .*\(image-unreachable\).*run the command again later/m);
  assert.deepEqual(verifiedIn(catalog), {});
  nothingIsLeft();
  registry.mischief = undefined;
  await registry.start();
  assert.equal((await verify(catalog)).code, 0);
});

test("a registry of which nothing more comes is given up, and so is an image above the bound", async () => {
  const slow = await publish("slow", { amd64: 4 * MiB });
  const catalog = catalogOf("slow", [slow]);
  const layer = layerOf(slow.images[0] ?? assert.fail());
  registry.mischief = { at: new RegExp(`blobs/${layer}`), slowMs: 60_000 };
  const given = await verify(catalog, "--silence-seconds", "3");
  assert.equal(given.code, 1, given.said);
  assert.match(given.said, /^slow: .*\(image-unreachable\)/m);
  nothingIsLeft();
  registry.mischief = undefined;
  const large = await verify(catalog, "--size-max-mib", "3");
  assert.equal(large.code, 1, large.said);
  assert.match(large.said, /^slow: .*\(image-too-large\).*--size-max-mib\.$/m);
  assert.deepEqual(verifiedIn(catalog), {});
  // Told as it begins, of an image that would take its time.
  registry.mischief = { at: new RegExp(`blobs/${layer}`), slowMs: 1_000 };
  registry.asked.length = 0;
  assert.match((await verify(catalog, "--size-max-mib", "3")).said, /\(image-too-large\)/);
  registry.mischief = undefined;
  assert.equal((await verify(catalog)).code, 0);
});

test("a disk that fills up is told as that, and nothing of it stays", async () => {
  const large = await publish("large", { amd64: 32 * MiB });
  const catalog = catalogOf("large", [large]);
  mkdirSync(store, { recursive: true });
  assert.equal(spawnSync("mount", ["-t", "tmpfs", "-o", "size=40m", "tmpfs", store]).status, 0);
  try {
    const { code, said } = await verify(catalog);
    assert.equal(code, 1, said);
    assert.match(said, /^large: .*\(disk-full\).*name a folder with more of it by --store/m);
    assert.deepEqual(readdirSync(store), []);
  } finally {
    assert.equal(spawnSync("umount", [store]).status, 0);
  }
});

test("a run that is interrupted takes its Podman along, and the next one goes on where it was", async () => {
  for (const signal of ["SIGINT", "SIGKILL"] as const) {
    const id = signal.toLowerCase();
    const first = await publish(`a-${id}`, { amd64: 100_000 });
    const second = await publish(`b-${id}`, { amd64: 24 * MiB });
    const catalog = catalogOf(id, [first, second]);
    const layer = layerOf(second.images[0] ?? assert.fail());
    registry.mischief = { at: new RegExp(`blobs/${layer}`), slowMs: 100 };
    registry.asked.length = 0;
    const { child, ended, said } = start(catalog);
    await until("the second is on its way", () =>
      Promise.resolve(registry.asked.some(({ path }) => path.endsWith(layer))),
    );
    child.kill(signal);
    assert.equal(await ended, signal === "SIGINT" ? 130 : null, said());
    await until("its Podman has ended", () => Promise.resolve(podmans().length === 0));
    if (signal === "SIGINT") nothingIsLeft();
    assert.deepEqual(Object.keys(verifiedIn(catalog)), [nameOf(first)]);
    registry.mischief = undefined;
    registry.asked.length = 0;
    assert.equal((await verify(catalog)).code, 0);
    assert.deepEqual(Object.keys(verifiedIn(catalog)), [nameOf(first), nameOf(second)]);
    assert.ok(!registry.asked.some(({ path }) => path.includes(first.app)));
    nothingIsLeft();
  }
});

test("a command that cannot be used says how it can, and an app that is not there is named", async () => {
  const catalog = catalogOf("empty", []);
  for (const args of [["--only", "nobody"], ["--size-max-mib", "0"], ["--store", "/var/lib/x"], ["--unknown"]]) {
    const { code, said } = await verify(catalog, ...args);
    assert.equal(code, 2, said);
    assert.match(said, /usage: npm run verify-images/);
  }
});

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { type CatalogDraft, checkManifest, createCatalog } from "@piccolo/app-manifest";
import type { AppSource, CatalogView, Preflight, Task } from "@piccolo/device-api";
import { ed25519FromSeed } from "@piccolo/envelope";
import { type AppApi, appApi, type AppApiOptions } from "../../test-support/app-api.ts";
import { AppDevice, manifestText } from "../../test-support/app-device.ts";
import { slotsMax } from "./addresses.ts";
import { leastFreeBytes } from "./admission.ts";
import type { CatalogSource } from "./catalogs.ts";

type Obstacle = Preflight["obstacles"][number]["code"];

const sizeBytes = 10_000;
/** What an image of that size takes while it is fetched and unpacked. */
const roomBytes = 4 * sizeBytes;

/** A device that can have the images of these apps, and its interface. */
function start(
  context: TestContext,
  manifests: readonly string[],
  options: AppApiOptions = {},
): { readonly device: AppDevice; readonly api: AppApi } {
  const device = AppDevice.start(context);
  for (const text of manifests) {
    for (const { image } of checkManifest(text).manifest?.services ?? []) {
      device.runtime.registry.set(image.digest, {
        digest: image.digest,
        architecture: "amd64",
        sizeBytes: 1,
        user: "",
      });
    }
  }
  return { device, api: appApi(device, options) };
}

/** What is told before an install, and what the install is refused as; undefined where it is taken. */
async function bothWays(
  { ask }: AppApi,
  source: AppSource,
): Promise<{
  readonly told: readonly Obstacle[];
  readonly refused: string | undefined;
  readonly preflight: Preflight;
}> {
  const { status, body: preflight } = await ask<Preflight>("POST", "/apps/preflight", source);
  assert.equal(status, 200);
  const { body, status: answered } = await ask<Partial<Task> & { readonly code?: string }>("POST", "/apps", {
    source,
    grants: [],
    settings: {},
  });
  const refused = answered === 202 ? undefined : (body.code ?? assert.fail(JSON.stringify(body)));
  const told = preflight.obstacles.map(({ code, detail }) => {
    assert.match(detail, /^\S.*[.!?]$/, `${code} is told in a sentence`);
    return code;
  });
  return { told, refused, preflight };
}

function catalogOf(apps: CatalogDraft["apps"]): CatalogSource {
  const key = ed25519FromSeed(new Uint8Array(32).fill(7));
  const draft = { title: { en: "Test" }, sequence: 1, issuedAtMs: 0, expiresAtMs: 2_000, apps };
  return { name: "test", read: () => ({ signed: createCatalog(draft, key), publicKey: key.publicKey }) };
}

function offered(id: string, isVerified: boolean): CatalogDraft["apps"][number] {
  const manifest = manifestText(id, { hasData: false });
  const [{ image } = assert.fail()] = checkManifest(manifest).manifest?.services ?? [];
  return {
    manifest,
    images: { [`${image.registry}/${image.repository}@${image.digest}`]: { verified: isVerified, sizeBytes } },
  };
}

const manyServices = (): string => {
  const services = Array.from(
    { length: 16 },
    (_, at) => `  s${at}: { image: "example.org/many@sha256:${"0123456789abcdef".repeat(4)}" }`,
  );
  return `services:\n${services.join("\n")}\nx-piccolo: { id: many, version: "1", name: Many, summary: Many, web: { service: s0, port: 80 } }\n`;
};

const refusals: readonly {
  readonly what: string;
  readonly prepare: (device: AppDevice) => Promise<void> | void;
  readonly obstacle: Obstacle;
  readonly code: string;
}[] = [
  {
    what: "a name that another app has",
    prepare: (device) => device.install("shelf"),
    obstacle: "name-taken",
    code: "app-name-taken",
  },
  {
    what: "a name that is the device's own",
    prepare: (device) => void device.reservedNames.add("shelf"),
    obstacle: "name-reserved",
    code: "app-name-reserved",
  },
  {
    what: "one app too many",
    prepare: (device) => {
      device.appStore.takenNetworkSlots = () => new Set(Array.from({ length: slotsMax }, (_, at) => at));
    },
    obstacle: "too-many-apps",
    code: "too-many-apps",
  },
  {
    what: "a full disk",
    prepare: (device) => void (device.storage.free = leastFreeBytes - 1),
    obstacle: "too-little-space",
    code: "no-room",
  },
  {
    what: "room that is promised to the data of other apps",
    prepare: async (device) => {
      device.storage.free = 8 * leastFreeBytes;
      await device.install("other");
      device.storage.free = device.storage.promisedBytes()["other"] ?? 0;
    },
    obstacle: "room-promised",
    code: "room-promised",
  },
  {
    what: "an image for another processor",
    prepare: (device) => void (device.unsuited = { reason: "wrong-architecture", detail: "It is for another one." }),
    obstacle: "wrong-architecture",
    code: "wrong-architecture",
  },
  {
    what: "an app for a later release",
    prepare: (device) => void (device.unsuited = { reason: "needs-newer-os", detail: "It needs release 9.0.0." }),
    obstacle: "needs-newer-os",
    code: "needs-newer-os",
  },
];

for (const { what, prepare, obstacle, code } of refusals) {
  test(`${what} is told before the install, which is refused for it`, async (context) => {
    const manifest = manifestText("shelf");
    const { device, api } = start(context, [manifest]);
    await prepare(device);
    const before = device.apps.look().length;
    const { told, refused } = await bothWays(api, { manifest });
    assert.deepEqual([told, refused], [[obstacle], code]);
    assert.equal(device.apps.look().length, before);
  });
}

test("of several reasons all are told, and the first is the one the install is refused for", async (context) => {
  const manifest = manifestText("shelf");
  const { device, api } = start(context, [manifest]);
  await device.install("shelf");
  device.unsuited = { reason: "needs-newer-os", detail: "It needs release 9.0.0." };
  device.storage.free = 0;
  const { told, refused } = await bothWays(api, { manifest });
  assert.deepEqual([told, refused], [["needs-newer-os", "name-taken", "too-little-space"], "needs-newer-os"]);
});

test("nothing is told of an app that the device takes, and asking alone installs nothing", async (context) => {
  const manifest = manifestText("shelf");
  const { device, api } = start(context, [manifest]);
  device.storage.free = leastFreeBytes;
  const asked = await api.ask<Preflight>("POST", "/apps/preflight", { manifest });
  assert.deepEqual([asked.body.obstacles, asked.body.problems, device.apps.look()], [[], [], []]);
  const { told, refused } = await bothWays(api, { manifest });
  assert.deepEqual([told, refused], [[], undefined]);
  await device.apps.settled("shelf", () => undefined);
});

test("as many services as a manifest may have are not too many for an app's network", async (context) => {
  const manifest = manyServices();
  const { device, api } = start(context, [manifest]);
  const { told, refused } = await bothWays(api, { manifest });
  assert.deepEqual([told, refused], [[], undefined]);
  await device.apps.settled("many", () => undefined);
});

test("what is only told keeps nobody from the install", async (context) => {
  const texts = ["shelf", "other", "third"].map((id) => manifestText(id)) as [string, string, string];
  let freeMemoryBytes = 1e12;
  const { device, api } = start(context, texts, { freeMemoryBytes: () => freeMemoryBytes });
  const [shelf, other, third] = texts.map((manifest) => ({ manifest })) as [AppSource, AppSource, AppSource];
  await device.install("shelf");
  device.apps.remove("shelf");
  await device.apps.settled("shelf", () => undefined);
  const again = await bothWays(api, shelf);
  assert.deepEqual([again.told, again.refused], [["in-trash"], undefined]);
  freeMemoryBytes = 1;
  const small = await bothWays(api, other);
  assert.deepEqual([small.told, small.refused], [["too-little-memory"], undefined]);
  freeMemoryBytes = 1e12;
  for (const id of ["shelf", "other"]) await device.apps.settled(id, () => undefined);
  device.runtime.isAway = true;
  const away = await bothWays(api, third);
  assert.deepEqual([away.told, away.refused], [["runtime-unavailable"], undefined]);
  device.runtime.isAway = false;
});

test("a manifest with problems, and a source that is none or two, are refused both times", async (context) => {
  const { api } = start(context, []);
  const { told, refused, preflight } = await bothWays(api, { manifest: "services: {}\n" });
  assert.deepEqual([told, refused, preflight.app], [[], "manifest-refused", undefined]);
  assert.ok(preflight.problems.length > 0);
  for (const source of [{}, { manifest: manifestText("shelf"), catalog: { catalog: "a", app: "shelf" } }]) {
    const asked = await api.ask<{ readonly code: string }>("POST", "/apps/preflight", source);
    const install = { source, grants: [], settings: {} };
    const installed = await api.ask<{ readonly code: string }>("POST", "/apps", install);
    assert.deepEqual([asked.body.code, installed.body.code], ["source-unclear", "source-unclear"]);
  }
});

test("an entry of a catalog is held to what its catalog says of its images, and one that nobody verified is refused", async (context) => {
  const apps = [offered("shelf", true), offered("guess", false)];
  const { device, api } = start(
    context,
    apps.map(({ manifest }) => manifest),
    { sources: [catalogOf(apps)] },
  );
  const { body } = await api.ask<CatalogView>("GET", "/catalog");
  const [{ id: catalog } = assert.fail("the catalog is there")] = body.catalogs;
  const guess = await bothWays(api, { catalog: { catalog, app: "guess" } });
  assert.deepEqual([guess.told, guess.refused], [["digest-unverified"], "digest-unverified"]);
  const source = { catalog: { catalog, app: "shelf" } };
  device.storage.free = leastFreeBytes + roomBytes - 1;
  const tight = await bothWays(api, source);
  assert.deepEqual([tight.told, tight.refused], [["too-little-space"], "no-room"]);
  assert.equal(tight.preflight.downloadBytes, sizeBytes);
  device.storage.free += 1;
  const taken = await bothWays(api, source);
  assert.deepEqual([taken.told, taken.refused], [[], undefined]);
  await device.apps.settled("shelf", () => undefined);
});

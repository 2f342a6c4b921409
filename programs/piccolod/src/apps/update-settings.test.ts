/** An update to a version with another set of settings, as the owner of the app meets it. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { catalogId, checkManifest, createCatalog } from "@piccolo/app-manifest";
import type { AppView, CatalogView, Preflight, Problem, Task } from "@piccolo/device-api";
import { ed25519FromSeed } from "@piccolo/envelope";
import type { ContainerSpec } from "./runtime/container-spec.ts";
import { appApi } from "../../test-support/app-api.ts";
import { AppDevice } from "../../test-support/app-device.ts";

/** Each setting is a variable of its name. */
function textOf(version: string, settings: Readonly<Record<string, string>>): string {
  const all = Object.entries(settings);
  return `services:
  web:
    image: example.org/shelf@sha256:${version.padStart(64, "a")}
    environment: { ${all.map(([name]) => `${name}: "\${${name}}"`).join(", ")} }
    volumes: [data:/data]
volumes: { data: {} }
x-piccolo:
  id: shelf
  version: "${version}"
  name: Shelf
  summary: Books
  web: { service: web, port: 80 }
  volumes: { data: { snapshot: live } }
  settings:
${all.map(([name, words]) => `    ${name}: { label: The ${name.toLowerCase()}, ${words} }\n`).join("")}`;
}

const first = textOf("1", {
  TITLE: "type: text, default: Home",
  WORKERS: "type: number, minimum: 1, maximum: 9, default: 2",
  WORD: "type: password",
});
const told = { TITLE: "Family", WORKERS: "8", WORD: "a first word" };
/** Asks for a text and a password that are new, and takes fewer workers than before. */
const second = textOf("2", {
  TITLE: "type: text, default: Home",
  WORKERS: "type: number, minimum: 1, maximum: 4, default: 2",
  WORD: "type: password",
  MAIL_HOST: "type: text",
  MAIL_PASSWORD: "type: password, length-max: 20",
});
const missing = ["WORKERS", "MAIL_HOST", "MAIL_PASSWORD"];
const answers = { WORKERS: "4", MAIL_HOST: "mail.example", MAIL_PASSWORD: "hunter2 hunter2" };

function start(context: TestContext, sources: Parameters<typeof appApi>[1] = {}) {
  const device = AppDevice.start(context);
  for (const text of [first, second]) {
    const { manifest, problems } = checkManifest(text);
    for (const { image } of manifest?.services ?? assert.fail(JSON.stringify(problems))) {
      const { digest } = image;
      device.runtime.registry.set(digest, { digest, architecture: "amd64", sizeBytes: 1, user: "" });
    }
  }
  const api = appApi(device, sources);
  const taken = async (path: string, body: unknown): Promise<void> => {
    const { status, body: task } = await api.ask<Task>("POST", path, body);
    assert.equal(status, 202, JSON.stringify(task));
    const { state, error } = await api.ended(task);
    assert.equal(state, "done", JSON.stringify(error));
  };
  const create = device.runtime.create.bind(device.runtime);
  const made: ContainerSpec[] = [];
  device.runtime.create = (spec) => {
    made.push(spec);
    return create(spec);
  };
  /** Of what was started last. */
  const environment = (): unknown => made.at(-1)?.environment;
  return { device, ...api, taken, environment };
}

const refusalOf = (status: number, { code, detail }: Problem): readonly unknown[] => [status, code, detail];

test("an update that needs settings names each until it has them, touches nothing before, and is done with them", async (context) => {
  const { device, ask, taken, environment } = start(context);
  await taken("/apps", { source: { manifest: first }, grants: [], settings: told });
  const before = JSON.stringify([device.apps.get("shelf").record, device.appStore.secretsOf(device.apps.get("shelf"))]);
  const preflight = await ask<Preflight>("POST", "/apps/preflight", { manifest: second });
  assert.deepEqual(
    preflight.body.missingSettings,
    preflight.body.app?.settings.filter(({ name }) => missing.includes(name)),
  );
  const given: Record<string, string> = {};
  for (const name of missing) {
    const refused = await ask<Problem>("POST", "/apps/shelf/update", { manifest: second, grants: [], settings: given });
    assert.equal(refused.body.code, "setting-refused");
    assert.match(refused.body.detail ?? "", new RegExp(`the ${name.toLowerCase()}`, "i"));
    given[name] = (answers as Readonly<Record<string, string>>)[name] ?? assert.fail();
  }
  const unchanged = [device.apps.get("shelf").record, device.appStore.secretsOf(device.apps.get("shelf"))];
  assert.equal(JSON.stringify(unchanged), before);
  await taken("/apps/shelf/update", { manifest: second, grants: [], settings: given });
  assert.deepEqual(environment(), { TITLE: "Family", WORD: "a first word", ...answers });
  const view = await ask<AppView>("GET", "/apps/shelf");
  assert.ok(!JSON.stringify(view.body).includes("hunter2"));
  assert.deepEqual(
    view.body.app.settings.map(({ name, value }) => [name, value]),
    [
      ["TITLE", "Family"],
      ["WORKERS", "4"],
      ["WORD", undefined],
      ["MAIL_HOST", "mail.example"],
      ["MAIL_PASSWORD", undefined],
    ],
  );
});

test("an update may change any setting with it, a password too, and refuses what the new version has not", async (context) => {
  const { ask, taken, environment } = start(context);
  await taken("/apps", { source: { manifest: first }, grants: [], settings: told });
  const all = { ...answers, TITLE: "Friends", WORD: "another word" };
  const settings = { ...all, NOTHING: "x" };
  const refused = await ask<Problem>("POST", "/apps/shelf/update", { manifest: second, grants: [], settings });
  assert.equal(refused.body.code, "setting-refused");
  await taken("/apps/shelf/update", { manifest: second, grants: [], settings: all });
  assert.deepEqual(environment(), all);
});

test("a password is given at the install, and neither there nor later is one taken that is too long or not text", async (context) => {
  const { device, ask, taken } = start(context);
  const { WORD: _word, ...unasked } = told;
  const install = { source: { manifest: first }, grants: [] };
  for (const settings of [unasked, { ...told, WORD: "" }]) {
    const { status, body } = await ask<Problem>("POST", "/apps", { ...install, settings });
    assert.deepEqual(refusalOf(status, body).slice(0, 2), [422, "setting-refused"]);
    assert.match(body.detail ?? "", /The word.*needs a value/);
  }
  assert.deepEqual(device.apps.look(), []);
  await taken("/apps", { ...install, settings: told });
  for (const word of ["", "x".repeat(201), "hunter2\u0000"]) {
    const update = { manifest: second, grants: [], settings: { ...answers, WORD: word } };
    const configured = await ask<Problem>("POST", "/apps/shelf/configure", { settings: { WORD: word } });
    const updated = await ask<Problem>("POST", "/apps/shelf/update", update);
    for (const { body } of [configured, updated]) {
      assert.equal(body.code, "setting-refused");
      assert.ok(!/hunter2|xxx/.test(JSON.stringify(body)));
    }
  }
  assert.equal(device.appStore.secretsOf(device.apps.get("shelf"))["WORD"], told.WORD);
});

test("a new password is the app's only once the new version has come up with it", async (context) => {
  const { device, taken } = start(context);
  await taken("/apps", { source: { manifest: first }, grants: [], settings: told });
  const secrets = device.appStore.secretsOf(device.apps.get("shelf"));
  device.health = 500;
  const settings = { ...answers, WORD: "another word" };
  device.apps.update("shelf", { manifest: checkManifest(second).manifest ?? assert.fail(), grants: [], settings });
  await assert.rejects(
    device.apps.settled("shelf", () => {
      const { change } = device.apps.get("shelf").record;
      if (change?.phase === "starting") device.world.aheadMs += 600_000;
      if (change === undefined) device.health = 200;
    }),
    { code: "not-healthy" },
  );
  assert.deepEqual(device.appStore.secretsOf(device.apps.get("shelf")), secrets);
  assert.equal(JSON.stringify(device.apps.get("shelf").record).includes("another word"), false);
});

test("a first install that was given up is told the settings of another version, and keeps what it was told", async (context) => {
  const { device, ask, taken, environment } = start(context);
  device.health = 500;
  device.apps.install({ manifest: checkManifest(first).manifest ?? assert.fail(), grants: [], settings: told });
  const ahead = (): void => void (device.world.aheadMs += 600_000);
  await assert.rejects(device.apps.settled("shelf", ahead), { code: "not-healthy" });
  device.health = 200;
  const preflight = await ask<Preflight>("POST", "/apps/preflight", { manifest: second });
  assert.deepEqual(
    preflight.body.missingSettings?.map(({ name }) => name),
    missing,
  );
  await taken("/apps/shelf/update", { manifest: second, grants: [], settings: answers });
  assert.deepEqual(environment(), { TITLE: "Family", WORD: told.WORD, ...answers });
});

test("a newer version of the catalog comes with the settings that it needs", async (context) => {
  const key = ed25519FromSeed(new Uint8Array(32).fill(7));
  const images = { [`example.org/shelf@sha256:${"2".padStart(64, "a")}`]: { verified: true, sizeBytes: 1 } };
  const draft = { title: { en: "Test" }, sequence: 1, issuedAtMs: 0, expiresAtMs: 2_000 };
  const signed = createCatalog({ ...draft, apps: [{ manifest: second, images }] }, key);
  const source = { name: "test", read: () => ({ signed, publicKey: key.publicKey }) };
  const { device, ask, taken, environment } = start(context, { sources: [source] });
  const [{ id: catalog } = assert.fail()] = (await ask<CatalogView>("GET", "/catalog")).body.catalogs;
  const preflight = await ask<Preflight>("POST", "/apps/preflight", { catalog: { catalog, app: "shelf" } });
  assert.equal(preflight.body.missingSettings, undefined, "it is not installed");
  const manifest = checkManifest(first).manifest ?? assert.fail();
  device.apps.install({ manifest, grants: [], settings: told, catalog: catalogId(key.publicKey) });
  await device.apps.settled("shelf", () => undefined);
  const { update } = (await ask<AppView>("GET", "/apps/shelf")).body;
  assert.deepEqual(
    update?.missingSettings.map(({ name }) => name),
    missing,
  );
  assert.equal(JSON.stringify(update).includes(told.WORD), false);
  const refused = await ask<Problem>("POST", "/apps/shelf/update", { grants: [] });
  assert.equal(refused.body.code, "setting-refused");
  await taken("/apps/shelf/update", { grants: [], settings: answers });
  assert.deepEqual(environment(), { TITLE: "Family", WORD: told.WORD, ...answers });
  assert.equal((await ask<AppView>("GET", "/apps/shelf")).body.update, undefined);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import type { BackedUpAppList, Preflight, Problem, Task, TrashedAppList } from "@piccolo/device-api";
import { checkManifest } from "@piccolo/app-manifest";
import { appApi } from "../../test-support/app-api.ts";
import { AppDevice, manifestText } from "../../test-support/app-device.ts";

const asking = (manifest: string) => ({ source: { manifest }, grants: [] as string[], settings: {} });

/** Its images can be had. */
function published(device: AppDevice, text: string): string {
  for (const { image } of checkManifest(text).manifest?.services ?? assert.fail()) {
    device.runtime.registry.set(image.digest, { digest: image.digest, architecture: "amd64", sizeBytes: 1, user: "" });
  }
  return text;
}

test("of two installs of one name at once one gets it; the other is refused and changes nothing of the first", async (context) => {
  const device = AppDevice.start(context);
  const { ask, ended } = appApi(device);
  const texts = ["1", "2"].map((version) => published(device, manifestText("shelf", { version })));
  const replies = await Promise.all(texts.map((text) => ask<Task & Problem>("POST", "/apps", asking(text))));
  assert.deepEqual(
    replies.map(({ status }) => status).toSorted((a, b) => a - b),
    [202, 409],
  );
  const refused = replies.findIndex(({ status }) => status === 409);
  assert.equal(replies[refused]?.body.code, "app-name-taken");
  const won = replies[1 - refused]?.body ?? assert.fail();
  assert.equal((await ended(won)).state, "done");
  const installed = device.apps.get("shelf");
  assert.equal(installed.record.current?.manifest.version, refused === 0 ? "2" : "1");
  const secrets = device.appStore.secretsOf(installed);
  const again = await ask<Problem>("POST", "/apps", asking(texts[refused] ?? ""));
  assert.deepEqual([again.status, again.body.code], [409, "app-name-taken"]);
  const preflight = await ask<Preflight>("POST", "/apps/preflight", { manifest: texts[0] });
  assert.deepEqual(
    preflight.body.obstacles.map(({ code }) => code),
    ["name-taken"],
  );
  assert.deepEqual(device.apps.get("shelf"), installed);
  assert.deepEqual(device.appStore.secretsOf(installed), secrets);
});

test("a name whose former app lies in the trash is free; that one comes back only once the name is free again, with its data", async (context) => {
  const device = AppDevice.start(context);
  const { ask, ended } = appApi(device);
  const text = published(device, manifestText("shelf"));
  const done = async (method: string, path: string, body?: unknown): Promise<void> => {
    const reply = await ask<Task>(method, path, body);
    assert.equal(reply.status, 202);
    assert.equal((await ended(reply.body)).state, "done");
  };
  await done("POST", "/apps", asking(text));
  device.write("shelf", "the first one's");
  await done("DELETE", "/apps/shelf");
  const preflight = await ask<Preflight>("POST", "/apps/preflight", { manifest: text });
  assert.deepEqual(
    preflight.body.obstacles.map(({ code }) => code),
    ["in-trash"],
  );
  await done("POST", "/apps", asking(text));
  device.write("shelf", "the second one's");
  const [trashed] = (await ask<TrashedAppList>("GET", "/app-trash")).body.apps;
  assert.equal(trashed?.nameTaken, true);
  const refused = await ask<Problem>("POST", `/app-trash/${trashed.id}/restore`);
  assert.deepEqual([refused.status, refused.body.code], [409, "app-name-taken"]);
  assert.equal(device.read("shelf").toString(), "the second one's");
  await done("DELETE", "/apps/shelf");
  await done("POST", `/app-trash/${trashed.id}/restore`);
  assert.equal(device.read("shelf").toString(), "the first one's");
});

test("an app that comes back from a backup has its name from the start: an install meanwhile is refused", async (context) => {
  const device = AppDevice.start(context);
  await device.install("shelf");
  device.write("shelf", "kept");
  await device.backUp("shelf");
  const other = device.replacement(context);
  const { ask, ended } = appApi(other);
  const text = published(other, manifestText("shelf"));
  const [kept] = (await ask<BackedUpAppList>("GET", "/app-backups")).body.apps;
  const restore = await ask<Task>("POST", `/app-backups/${kept?.backups[0]?.id ?? ""}/restore`);
  assert.equal(restore.status, 202);
  const looked = new Promise<void>((resolve) => {
    if (other.apps.look().length > 0) resolve();
    else other.onChanged = resolve;
  });
  await looked;
  const refused = await ask<Problem>("POST", "/apps", asking(text));
  assert.deepEqual([refused.status, refused.body.code], [409, "app-name-taken"]);
  assert.equal((await ended(restore.body)).state, "done");
  assert.equal(other.read("shelf").toString(), "kept");
});

test("a name of the device's own and a grant that is needed are refused, and nothing is left of either", async (context) => {
  const device = AppDevice.start(context);
  const { ask, ended } = appApi(device);
  device.reservedNames.add("shelf");
  const text = published(device, manifestText("shelf"));
  const reserved = await ask<Problem>("POST", "/apps", asking(text));
  assert.deepEqual([reserved.status, reserved.body.code], [409, "app-name-reserved"]);
  device.reservedNames.clear();
  const wanting = `${text}  grants: { internet: { reason: Fetches covers } }\n`;
  const refused = await ask<Problem>("POST", "/apps", asking(wanting));
  assert.deepEqual([refused.status, refused.body.code], [422, "grant-needed"]);
  assert.deepEqual(device.apps.look(), []);
  assert.deepEqual([...device.appStore.takenSlots()], []);
  const agreed = await ask<Task>("POST", "/apps", { ...asking(wanting), grants: ["internet"] });
  assert.equal((await ended(agreed.body)).state, "done");
  // Another version that needs a grant the owner has not agreed to is refused in the same way, and the app goes on.
  const open = wanting.replace(
    "covers } }\n",
    'covers }, public-paths: { reason: Shares, required: true, paths: ["/s"] } }\n',
  );
  const update = await ask<Problem>("POST", "/apps/shelf/update", { manifest: open, grants: [] });
  assert.deepEqual([update.status, update.body.code], [422, "grant-needed"]);
  assert.equal(device.apps.get("shelf").record.change, undefined);
});

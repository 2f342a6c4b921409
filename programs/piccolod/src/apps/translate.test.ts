import assert from "node:assert/strict";
import { test } from "node:test";
import type { AppTranslation, Preflight } from "@piccolo/device-api";
import { appApi } from "../../test-support/app-api.ts";
import { AppDevice, manifestText } from "../../test-support/app-device.ts";

const digest = `sha256:${"0123456789abcdef".repeat(4)}`;
const compose = `services:
  wiki:
    image: example/wiki:1.2
    ports: ["8080:80"]
    environment: { PASSWORD: everybodyknows }
`;

test("a definition is translated, or refused with typed reasons and with what it does not say; nothing is installed", async (context) => {
  const device = AppDevice.start(context);
  const { ask } = appApi(device);
  const translate = (body: unknown) => ask<AppTranslation>("POST", "/apps/translate", body);
  for (const files of [[], ["a", "b", "c"], "a"]) assert.equal((await translate({ files })).status, 400);
  const unknown = await translate({ files: ["a: ["] });
  assert.deepEqual([unknown.status, unknown.body.from, unknown.body.problems[0]?.code], [200, undefined, "not-yaml"]);
  const long = await translate({ files: ["#".repeat(200_000), "\u0001".repeat(131_000)] });
  assert.deepEqual([long.status, long.body.problems[0]?.code], [200, "too-large"]);
  const own = await translate({ files: [manifestText("shelf")] });
  assert.deepEqual([own.body.from, own.body.manifest], ["manifest", undefined]);
  const half = await translate({ files: ["manifestVersion: 1\nid: wiki\n"] });
  assert.deepEqual([half.body.from, half.body.fileMissing], ["umbrel", "docker-compose.yml"]);

  const unsaid = await translate({ files: [compose] });
  assert.equal(unsaid.body.manifest, undefined);
  assert.deepEqual(unsaid.body.unsaid, ["id", "name"]);
  assert.deepEqual(unsaid.body.undigested, ["example/wiki:1.2"]);
  assert.deepEqual([...new Set(unsaid.body.problems.map(({ code }) => code))].toSorted(), [
    "image-not-by-digest",
    "not-said",
  ]);

  const said = { files: [compose], id: "wiki", name: "Wiki", digests: { "example/wiki:1.2": digest } };
  const { body } = await translate(said);
  assert.deepEqual(body.problems, []);
  assert.ok(body.notes.some(({ code }) => code === "secret-generated"));
  assert.ok(body.manifest !== undefined && !body.manifest.includes("everybodyknows"));
  const preflight = await ask<Preflight>("POST", "/apps/preflight", { manifest: body.manifest });
  assert.deepEqual([preflight.body.app?.id, preflight.body.problems], ["wiki", []]);
  assert.deepEqual(device.apps.look(), []);
});

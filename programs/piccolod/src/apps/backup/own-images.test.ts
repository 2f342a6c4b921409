import assert from "node:assert/strict";
import { test } from "node:test";
import type { AppManifest } from "@piccolo/app-manifest";
import { parseManifest } from "../parse.ts";
import { withOwnImages } from "./own-images.ts";

const digestOf = (start: string): string => `sha256:${start}${"0123456789abcdef".repeat(4).slice(1)}`;
const [before, now] = [digestOf("a"), digestOf("b")];

const manifestOf = (image: string, { id = "counter", version = "1", service = "web" } = {}): AppManifest =>
  parseManifest(`services: { ${service}: { image: "${image}" } }
x-piccolo: { id: ${id}, version: "${version}", name: Counter, summary: An app, web: { service: ${service}, port: 80 } }
`);

const bundled = { has: (digest: string) => digest === now };
const imageOf = (manifest: AppManifest): string | undefined => manifest.services[0]?.image.digest;

test("an app of an earlier release's own comes back with the image that this release has of it, and is else as it was", () => {
  const backedUp = manifestOf(`localhost/piccolo-counter@${before}`);
  const offered = manifestOf(`localhost/piccolo-counter@${now}`, { version: "2" });
  assert.deepEqual(withOwnImages(backedUp, offered, bundled), {
    ...manifestOf(`localhost/piccolo-counter@${now}`),
    version: "1",
  });
});

test("no other image takes the place of one: a registry's, one that is here, another app's, another service's, one that is not here", () => {
  const counter = `localhost/piccolo-counter@${now}`;
  for (const [backedUp, offered] of [
    [manifestOf(`example.org/counter@${before}`), manifestOf(`example.org/counter@${now}`)],
    [manifestOf(counter), manifestOf(`localhost/piccolo-counter@${before}`)],
    [manifestOf(`localhost/piccolo-counter@${before}`), manifestOf(counter, { id: "hello" })],
    [manifestOf(`localhost/piccolo-hello@${before}`), manifestOf(counter)],
    [manifestOf(`localhost/piccolo-counter@${before}`), manifestOf(counter, { service: "other" })],
    [manifestOf(`localhost/piccolo-counter@${before}`), manifestOf(`localhost/piccolo-counter@${digestOf("c")}`)],
    [manifestOf(`localhost/piccolo-counter@${before}`), undefined],
  ] as const) {
    assert.equal(imageOf(withOwnImages(backedUp, offered, bundled)), imageOf(backedUp));
  }
});

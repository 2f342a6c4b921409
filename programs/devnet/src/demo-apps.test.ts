import assert from "node:assert/strict";
import { test } from "node:test";
import { checkManifest } from "@piccolo/app-manifest";
import { demoAppManifest } from "@piccolo/oci-image/demo-manifest";

test("the manifests of the demo apps are fine, in both languages", () => {
  for (const name of ["hello", "counter"] as const) {
    const { manifest, problems } = checkManifest(
      demoAppManifest(name, `localhost/piccolo-${name}:1@sha256:${"0123456789abcdef".repeat(4)}`),
    );
    assert.deepEqual(problems, []);
    assert.ok(manifest?.summary["de"]);
    assert.equal(manifest.volumes.length > 0, name === "counter");
  }
});

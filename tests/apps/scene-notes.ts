/** What Podman notes of images beside its storage, and that it does without where the system has a file in the folder's place. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { notesFolder } from "../../programs/piccolod/src/adapters/podman/endpoint.ts";
import { writeServiceConfig } from "../../programs/piccolod/src/adapters/podman/service-config.ts";
import { bundleDemo } from "./demo.ts";
import { emptyNotes, notes } from "./own-notes.ts";

const folder = mkdtempSync(join(tmpdir(), "piccolo-notes-"));
const archive = join(folder, `${bundleDemo(folder, "hello").replace(":", "-")}.tar`);
const cache = join(notesFolder, "containers/cache");

function load(name: string): void {
  const place = join(folder, name);
  const config = { storage: join(place, "storage"), run: join(place, "run"), insecureRegistries: [] };
  const { status, stderr } = spawnSync("podman", ["load", "--quiet", "--input", archive], {
    env: writeServiceConfig(config),
    encoding: "utf8",
  });
  spawnSync("umount", [join(config.storage, "graph/overlay")]);
  assert.equal(status, 0, stderr);
}

emptyNotes();
after(() => rmSync(folder, { recursive: true, force: true }));

test("Podman run by root notes what it knows of layers, whatever storage it is told of", () => {
  load("noted");
  assert.ok(notes().some((path) => path.startsWith("containers/cache/blob-info-cache-")));
});

test("where a file is in the folder's place, it notes nothing, and images come all the same", () => {
  rmSync(cache, { recursive: true });
  mkdirSync(join(cache, ".."), { recursive: true });
  writeFileSync(cache, "");
  load("kept");
  assert.deepEqual(notes().toSorted(), ["containers", "containers/cache"]);
});

/**
 * Runs inside a machine with the image's service manager and Podman (scenario `container-runtime`): the suite of the port to
 * containers by way of the socket's unit, with all that Podman keeps on the sealed volume, as on a device; and what holds
 * apps apart and bounded there.
 */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync } from "node:fs";
import { uptime } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { realWorld } from "@piccolo/world/real";
import { SealedAppStorage } from "../../../programs/piccolod/src/adapters/app-storage/sealed-app-storage.ts";
import { createLog } from "../../../programs/piccolod/src/adapters/log.ts";
import { Podman } from "../../../programs/piccolod/src/adapters/podman/podman.ts";
import { SystemPodmanService } from "../../../programs/piccolod/src/adapters/podman/system-service.ts";
import { StrayNetworks } from "../../../programs/piccolod/src/adapters/podman/stray-networks.ts";
import { systemView } from "../../../programs/piccolod/src/adapters/app-storage/run-program.ts";
import { ContainerFiles } from "../../../programs/piccolod/src/adapters/podman/container-files.ts";
import { WritableRoots } from "../../../programs/piccolod/src/adapters/podman/writable-roots.ts";
import { linuxBlockSystem } from "../../../programs/piccolod/src/adapters/volume/block-system.ts";
import { Luks2Volume } from "../../../programs/piccolod/src/adapters/volume/luks2.ts";
import { isolationSuite } from "../../apps/isolation-suite.ts";
import { logSuite } from "../../apps/log-suite.ts";
import { serviceKilledSuite } from "../../apps/service-killed-suite.ts";
import { containerRuntimeSuite } from "../../../programs/piccolod/test-support/container-runtime-suite.ts";

const volume = new Luks2Volume({
  partition: "piccolo-data",
  mapping: "piccolo",
  path: "/var/lib/piccolo/volume",
  headerCopy: "/var/lib/piccolo/header",
  system: linuxBlockSystem({ mountUnit: "var-lib-piccolo-volume.mount", uptimeMs: () => uptime() * 1_000 }),
  world: realWorld,
});
await volume.create(new Uint8Array(32).fill(7));
const content = join(volume.path, "content");
mkdirSync(content);

const storage = new SealedAppStorage({
  folder: join(content, "apps"),
  mountFolder: "/run/piccolo/suite/apps",
  runtimeInImage: false,
  ofSystem: true,
  room: { freeBytes: () => Number.MAX_SAFE_INTEGER, keep: () => Promise.resolve() },
});
const service = new SystemPodmanService({
  storage: storage.runtimeFolder,
  run: "/run/piccolo/suite/podman",
  socketPath: "/run/piccolo/podman.sock",
  unit: "piccolo-podman.socket",
  ready: () => storage.open(),
  world: realWorld,
});
const log = createLog(
  (line) => process.stderr.write(line),
  () => realWorld.nowMs(),
);
const roots = new WritableRoots({
  folder: join(content, "apps/roots"),
  layers: join(storage.runtimeFolder, "graph/overlay"),
  ofSystem: true,
});
const files = new ContainerFiles(join(content, "apps/container-files"));
const runtime = new Podman({
  endpoint: service,
  roots,
  files,
  strays: new StrayNetworks({ view: systemView, log }),
  log,
});
const { version } = await runtime.describe();
process.stdout.write(`# podman ${version}\n`);

containerRuntimeSuite("podman", () => runtime);
logSuite({ runtime, storageFolder: storage.runtimeFolder });
serviceKilledSuite(runtime);
isolationSuite({
  runtime,
  socketPath: service.socketPath,
  cgroupParent: service.cgroupParent,
  storage,
  log,
  rootFiles: () => readdirSync(join(content, "apps/roots")),
});

test("of images nothing is noted beside the storage, where the system has a file in the folder's place", () => {
  // Podman's own rules for the service manager make the other one at each start, with nothing in it.
  const entries = new Set(readdirSync("/var/lib/containers", { recursive: true, encoding: "utf8" }));
  assert.deepEqual(entries, new Set(["cache", "storage", "storage/tmp"]));
});

after(async () => {
  await runtime.shutDown();
  await storage.close();
  await volume.close();
});

/** The adapter to Podman, on a machine of its own: the suite of the port, and what only a real runtime can be asked. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { realWorld } from "@piccolo/world/real";
import { SealedAppStorage } from "../../programs/piccolod/src/adapters/app-storage/sealed-app-storage.ts";
import { createLog } from "../../programs/piccolod/src/adapters/log.ts";
import { ContainerFiles } from "../../programs/piccolod/src/adapters/podman/container-files.ts";
import { Podman } from "../../programs/piccolod/src/adapters/podman/podman.ts";
import { OwnPodmanService } from "../../programs/piccolod/src/adapters/podman/service.ts";
import { StrayNetworks } from "../../programs/piccolod/src/adapters/podman/stray-networks.ts";
import { ownView } from "../../programs/piccolod/src/adapters/app-storage/run-program.ts";
import { WritableRoots } from "../../programs/piccolod/src/adapters/podman/writable-roots.ts";
import {
  containerRuntimeSuite,
  network,
  specOf,
} from "../../programs/piccolod/test-support/container-runtime-suite.ts";
import { isolationSuite } from "./isolation-suite.ts";
import { logSuite } from "./log-suite.ts";
import { must, publicAddress } from "./outside.ts";
import { emptyNotes, notes } from "./own-notes.ts";
import { serviceKilledSuite } from "./service-killed-suite.ts";

const folder = mkdtempSync(join(tmpdir(), "piccolo-podman-"));
// The names of the suites, in the view of this machine alone.
writeFileSync(join(folder, "resolv.conf"), `nameserver ${publicAddress}\n`);
must("mount", "--bind", join(folder, "resolv.conf"), "/etc/resolv.conf");
const storage = new SealedAppStorage({
  folder: join(folder, "apps"),
  mountFolder: "/run/piccolo/suite/apps",
  runtimeInImage: false,
  room: { freeBytes: () => Number.MAX_SAFE_INTEGER, keep: () => Promise.resolve() },
});
const service = new OwnPodmanService({
  storage: storage.runtimeFolder,
  run: "/run/piccolo/suite/podman",
  cgroupParent: "/piccolo-suite",
  insecureRegistries: [],
  ready: () => storage.open(),
  world: realWorld,
});
const log = createLog(
  (line) => process.stderr.write(line),
  () => realWorld.nowMs(),
);
const roots = new WritableRoots({
  folder: join(folder, "apps/roots"),
  layers: join(storage.runtimeFolder, "graph/overlay"),
});
const files = new ContainerFiles(join(folder, "apps/container-files"));
const runtime = new Podman({ endpoint: service, roots, files, strays: new StrayNetworks({ view: ownView, log }), log });

emptyNotes();
containerRuntimeSuite("podman", () => runtime);
logSuite({ runtime, storageFolder: storage.runtimeFolder });
serviceKilledSuite(runtime);
isolationSuite({
  runtime,
  socketPath: service.socketPath,
  cgroupParent: service.cgroupParent,
  storage,
  log,
  rootFiles: () => readdirSync(join(folder, "apps/roots")),
});

test("a container that takes the address of one before is the same neighbour to whoever spoke with that one", async () => {
  await runtime.createNetwork(network);
  const attached = { networks: [{ network: network.name, address: "10.131.7.11" }] };
  const neighbours = new Set<string>();
  for (let round = 0; round < 2; round++) {
    await runtime.create(specOf("again", "sleep 1000", attached));
    await runtime.start("again");
    const own = await runtime.exec("again", ["/bin/busybox", "cat", "/sys/class/net/eth0/address"], 10_000);
    neighbours.add(own.output.trim());
    await runtime.remove("again");
  }
  await runtime.removeNetwork(network.name);
  assert.deepEqual([...neighbours], ["02:50:0a:83:07:0b"]);
});

test("of images that came out of archives nothing is noted outside the storage", () => {
  assert.deepEqual(notes(), []);
});

after(async () => {
  await runtime.shutDown();
  await storage.close();
  rmSync(folder, { recursive: true, force: true });
});

/**
 * An app whose old and new version share its volume, which its manifest allows: while visitors go on writing, it is updated, and
 * offered a version that never answers and one that ends at once. Nobody is refused, and what was answered is on the volume.
 */
import { setTimeout as delay } from "node:timers/promises";
import assert from "node:assert/strict";
import type { Device } from "@piccolo/devnet";
import { CounterApp } from "../drill/app-model.ts";
import { onAppNetwork } from "./app-network.ts";
import { bundleDemo, demoManifest } from "./demo.ts";
import { servers } from "./running-servers.ts";

const visitors = 4;
/** How a copy of the volume is made without a stop: while the app is frozen, or while it runs. */
const copies = ["pause", "live"] as const;
type Copy = (typeof copies)[number];
type Kind = "well" | "silent" | "ending";
let digests: readonly string[] = [];

function manifest(copy: Copy, version: 1 | 2 | 3 | 4, kind: Kind = "well"): string {
  const healthPath = kind === "silent" ? "/nothing" : "/health";
  const text = demoManifest("counter", digests[version - 1] ?? "", String(version), `counter-${copy}`)
    .replace("snapshot: stop", `snapshot: ${copy}`)
    .replace("/health }", `${healthPath}, start-time: 10s }`);
  const service =
    kind === "ending" ? text.replace("    init: true\n", "    init: true\n    command: [sh, -c, exit 3]\n") : text;
  return `${service}  update: { side-by-side: true }\n`;
}

interface Seen {
  /** Each write that was answered. */
  readonly writes: number;
  /** In the order the first visitor met them. */
  readonly versions: readonly string[];
  /** Containers at once. */
  readonly most: number;
}

/** Visitors write without a pause, and one of them looks which version answers, while the work goes on. */
async function during(app: CounterApp, work: () => Promise<unknown>): Promise<Seen> {
  let [writes, most] = [0, 0];
  const over = new AbortController();
  const versions: string[] = [];
  const visit = await app.visit();
  const write = async (): Promise<void> => {
    while (!over.signal.aborted) if ((await app.add(visit)) !== undefined) writes += 1;
  };
  const look = async (): Promise<void> => {
    while (!over.signal.aborted) {
      const version = await app.version(visit);
      if (versions.at(-1) !== version) versions.push(version);
    }
  };
  // By itself: on a slow machine a visit takes longer than two versions are there at once.
  const count = async (): Promise<void> => {
    while (!over.signal.aborted) {
      most = Math.max(most, servers());
      await delay(10);
    }
  };
  const watching = Promise.all([look(), count(), ...Array.from({ length: visitors }, write)]);
  await work().finally(() => over.abort());
  await watching;
  return { writes, versions, most };
}

async function play({ session }: Device, copy: Copy): Promise<void> {
  const app = new CounterApp(session, `counter-${copy}`);
  await app.install(manifest(copy, 1));
  const [before, visit] = [servers(), await app.visit()];
  let written = 0;
  const steps: readonly (readonly [string, () => Promise<unknown>, readonly string[]])[] = [
    ["an update", () => app.update(manifest(copy, 2)), ["1", "2"]],
    ["a version that never answers", () => assert.rejects(app.update(manifest(copy, 3, "silent"))), ["2"]],
    ["a version that ends at once", () => assert.rejects(app.update(manifest(copy, 4, "ending"))), ["2"]],
  ];
  for (const [what, work, expected] of steps) {
    const { writes, versions, most } = await during(app, work);
    const where = `${what}, a copy by ${copy}`;
    assert.deepEqual(app.refusals, [], where);
    assert.ok(writes > visitors, `${where}: ${writes} writes`);
    assert.deepEqual(versions, expected, where);
    assert.equal(most, before + (what.endsWith("at once") ? 0 : 1), `${where}: old and new beside each other`);
    written += writes;
    assert.equal(await app.number(visit), written, `${where}: what is on the volume`);
    const { state, app: shown } = await app.view();
    assert.deepEqual([state, shown.version], ["running", "2"], where);
    assert.equal(servers(), before, `${where}: nothing of the other one is left`);
  }
}

await onAppNetwork({
  name: "shared-volume",
  protection: { tpm: false, volume: false, cheapSlots: true },
  bundle: (images) => {
    digests = ["1", "2", "3", "4"].map((version) => bundleDemo(images, "counter", version));
  },
  play: async (device) => {
    for (const copy of copies) await play(device, copy);
  },
});

/** A development network that was killed leaves apps running; the next one over its folder leaves nothing of them. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { clearLeftBehind, installApp } from "@piccolo/devnet";
import { tracesAfterStop } from "../drill/app-traces.ts";
import { openAppNetwork } from "./app-network.ts";
import { bundleDemo, demoManifest } from "./demo.ts";

const folder = mkdtempSync(join(tmpdir(), "piccolo-fresh-"));
const images = join(folder, "images");
const digest = bundleDemo(images, "counter");
const protection = { tpm: true, volume: true, cheapSlots: true };
const network = await openAppNetwork(folder, { devices: 1, protection }, images);
try {
  await network.start();
  const device = network.device(1);
  await network.claim(device);
  await installApp(device.session, demoManifest("counter", digest));
  await Promise.all([device.process.kill(), network.central.kill()]);
  assert.ok(tracesAfterStop(device).includes("process conmon"), "the app goes on");
  clearLeftBehind(join(folder, "net"));
  assert.deepEqual(tracesAfterStop(device), []);
  rmSync(join(folder, "net"), { recursive: true });
} finally {
  await network.stop().catch(() => undefined);
  clearLeftBehind(join(folder, "net"));
  rmSync(folder, { recursive: true, force: true });
}

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AppVisit, installApp, loopbackRequest, Network, textOf, unmountBelow } from "@piccolo/devnet";
import { bundleDemo, demoManifest } from "./demo.ts";

const folder = mkdtempSync(join(tmpdir(), "piccolo-apps-"));
const images = join(folder, "images");
const digest = bundleDemo(images, "hello");
const network = await Network.open({
  folder: join(folder, "net"),
  devices: 2,
  centralPort: 8700,
  devicePort: 8701,
  peerPort: 8721,
  protection: (device) => ({ tpm: device === 1, volume: device === 1, cheapSlots: true }),
  deviceArgs: () => ["--bundled-images", images],
});
try {
  await network.central.start();
  await network.startDevice(1);
  const device = network.device(1);
  await network.claim(device);
  const { session } = device;
  await installApp(session, demoManifest("hello", digest));
  const { state, openUrl } = await session.call<{ state: string; openUrl: string }>("GET", "/apps/hello");
  assert.equal(state, "running");
  assert.equal(openUrl, "/api/v1/apps/hello/enter?path=%2F");

  // A stranger is sent to the portal, and gets nothing of the app there.
  const origin = `http://hello.localhost:${device.record.port}`;
  const asPage = await loopbackRequest(`${origin}/`, { headers: { accept: "text/html" } });
  assert.equal(asPage.status, 303);
  assert.equal(asPage.headers.location, `${device.origin}/api/v1/apps/hello/enter?path=%2F`);
  await textOf(asPage);
  const asProgram = await loopbackRequest(`${origin}/`);
  assert.equal(asProgram.status, 401);
  assert.doesNotMatch(await textOf(asProgram), /Hello/);

  const visit = await AppVisit.enter(session, "hello");
  assert.equal(visit.origin, origin);
  const page = await visit.text("/");
  assert.equal(page.status, 200);
  assert.match(page.text, /Hello from your own device/);
} catch (error) {
  const log = readFileSync(join(folder, "net/logs/device1.log"), "utf8");
  throw new Error(`the device says:\n${log}`, { cause: error });
} finally {
  await network.stop();
  unmountBelow(folder);
  rmSync(folder, { recursive: true, force: true });
}

import assert from "node:assert/strict";
import { AppVisit, installApp, loopbackRequest, textOf } from "@piccolo/devnet";
import { onAppNetwork } from "./app-network.ts";
import { bundleDemo, demoManifest } from "./demo.ts";

let digest = "";
await onAppNetwork({
  name: "first-app",
  protection: (device) => ({ tpm: device === 1, volume: device === 1, cheapSlots: true }),
  bundle: (images) => {
    digest = bundleDemo(images, "hello");
  },
  play: async (device) => {
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
  },
});

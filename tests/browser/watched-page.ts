import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { type FakeDevice, startFakeDevice } from "../../programs/portal/test-support/fake-device.ts";
import type { FakeOptions } from "../../programs/portal/test-support/fake-state.ts";

/** A device and a page that may not complain; both go with the test. */
export async function openWatched(
  t: TestContext,
  browser: Browser,
  options: FakeOptions,
  view?: BrowserContextOptions,
): Promise<{ readonly device: FakeDevice; readonly page: Page }> {
  const device = await startFakeDevice(options);
  const context = await browser.newContext(view);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  t.after(async () => {
    await context.close();
    await device.close();
    assert.deepEqual(complaints, []);
  });
  return { device, page };
}

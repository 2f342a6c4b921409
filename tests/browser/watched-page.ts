import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type Browser, type BrowserContextOptions, devices, type Page } from "playwright-core";
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
    try {
      await context.close();
    } finally {
      // Also where the browser died: a device that goes on listening keeps the whole test file from its end.
      await device.close();
    }
    assert.deepEqual(complaints, []);
  });
  return { device, page };
}

/** The two screens that pages are looked at on. */
export const views = {
  desk: { viewport: { width: 1280, height: 900 } },
  phone: { ...devices["Pixel 7"], colorScheme: "dark" },
} as const satisfies Readonly<Record<string, BrowserContextOptions>>;
export type View = keyof typeof views;

/** The page may not be wider than its screen; with PICCOLO_PICTURES set to a folder, it leaves a picture there. */
export async function photograph(page: Page, name: string): Promise<void> {
  const overflow = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth");
  assert.equal(overflow, 0, `${name} is wider than its screen`);
  const pictures = process.env["PICCOLO_PICTURES"];
  if (pictures === undefined) return;
  mkdirSync(pictures, { recursive: true });
  await page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true });
}

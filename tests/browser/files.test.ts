/** Lists of files in a browser, against a device in memory: what happens between two answers of the device. */
import assert from "node:assert/strict";
import { after, before, test, type TestContext } from "node:test";
import { buildPortal } from "@piccolo/devnet";
import { type Browser, chromium, type Page } from "playwright-core";
import type { FakeDevice } from "../../programs/portal/test-support/fake-device.ts";
import { openWatched, photograph } from "./watched-page.ts";

let browser: Browser;
before(async () => {
  await buildPortal(() => undefined);
  browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
});
after(() => browser.close());

/** The list of files of a device whose owner is signed in. */
async function filesOf(t: TestContext): Promise<{ readonly device: FakeDevice; readonly page: Page }> {
  const opened = await openWatched(t, browser, { stepMs: 50 });
  await opened.page.goto(opened.device.origin);
  await opened.page.getByLabel("Password", { exact: true }).fill(opened.device.state.password);
  await opened.page.getByRole("button", { name: "Sign in" }).click();
  await opened.page.getByRole("link", { name: "Photos" }).waitFor();
  return opened;
}

test("an emptied search leads back to the folder it began in", async (t) => {
  const { page } = await filesOf(t);
  await page.getByRole("link", { name: "Photos" }).click();
  const photos = page.getByRole("heading", { name: "Photos", level: 1 });
  await photos.waitFor();
  const folder = page.url();
  const box = page.getByRole("searchbox");
  await box.press("Enter");
  await box.pressSequentially("a");
  await box.press("Backspace");
  await page.waitForTimeout(500);
  // Where the first letter stood long enough the search was opened, and has led back.
  await page.waitForURL(folder);
  assert.equal(page.url(), folder);
  await box.fill("letter");
  await page.waitForURL(/#\/search\//);
  await box.fill("");
  await photos.waitFor();
  assert.equal(page.url(), folder);
});

test("what is being deleted or brought back is not asked for twice", async (t) => {
  const { page } = await filesOf(t);
  const changes: string[] = [];
  page.on("request", (request) => {
    if (["DELETE", "POST"].includes(request.method())) changes.push(request.method());
  });
  // Changes are answered after the last press.
  let pressed = Promise.withResolvers<void>();
  for (const path of ["**/api/v1/files/**", "**/api/v1/trash**", "**/api/v1/trash/**"])
    await page.route(path, async (route) => {
      if (["DELETE", "POST"].includes(route.request().method())) await pressed.promise;
      await route.continue();
    });
  const row = page.getByRole("link", { name: "Photos" });
  for (let press = 0; press < 3; press += 1) await row.press("Delete");
  pressed.resolve();
  await row.waitFor({ state: "detached" });
  pressed = Promise.withResolvers();
  await page.goto(`${new URL(page.url()).origin}/#/trash`);
  const restore = page.getByRole("button", { name: "Restore Photos" });
  await restore.waitFor();
  for (let press = 0; press < 3; press += 1) await restore.dispatchEvent("click");
  pressed.resolve();
  await restore.waitFor({ state: "detached" });
  await page.waitForTimeout(700);
  assert.deepEqual(changes, ["DELETE", "POST"]);
  assert.equal(await page.getByText("There is no such", { exact: false }).count(), 0);
});

test("uploads outlast the end of a session, and what is left can be cancelled at once", async (t) => {
  const { page } = await filesOf(t);
  let signedOut = true;
  await page.route("**/api/v1/uploads", (route) =>
    signedOut && route.request().method() === "POST"
      ? route.fulfill({
          status: 401,
          contentType: "application/problem+json",
          body: JSON.stringify({
            type: "about:blank",
            title: "Sign in required",
            status: 401,
            code: "sign-in-required",
            detail: "Sign in first.",
            retry: false,
          }),
        })
      : route.continue(),
  );
  const choose = (...names: readonly string[]): Promise<void> =>
    page
      .getByTestId("file-input")
      .setInputFiles(names.map((name) => ({ name, mimeType: "text/plain", buffer: Buffer.from(name) })));
  await choose("One.txt", "Two.txt", "Three.txt");
  await page.getByText("Sign in first.", { exact: false }).first().waitFor();
  assert.equal(await page.locator("[data-phase=failed]").count(), 0);
  signedOut = false;
  for (const name of ["One", "Two", "Three"]) await page.getByRole("link", { name: `${name}.txt` }).waitFor();
  signedOut = true;
  await choose("Four.txt", "Five.txt");
  await page.getByText("Sign in first.", { exact: false }).first().waitFor();
  await photograph(page, "desk-uploads-waiting");
  await page.getByRole("button", { name: "Cancel all" }).click();
  const dialog = page.getByRole("alertdialog", { name: "Cancel 2 uploads?" });
  await dialog.getByRole("button", { name: "Cancel all" }).click();
  await dialog.waitFor({ state: "detached" });
  assert.equal(await page.locator("[data-phase=waiting]").count(), 0);
});

/**
 * The pages of apps in a browser, on a desk and on a phone, against a device in memory. That a real device does what is
 * asked of it is tested in tests/apps. With PICCOLO_PICTURES set to a folder, each page leaves a picture there.
 */
import assert from "node:assert/strict";
import { after, before, test, type TestContext } from "node:test";
import { buildPortal } from "@piccolo/devnet";
import { type Browser, chromium, type Page } from "playwright-core";
import type { FakeDevice } from "../../programs/portal/test-support/fake-device.ts";
import { openWatched, photograph, type View, views } from "./watched-page.ts";

let browser: Browser;
before(async () => {
  await buildPortal(() => undefined);
  browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
});
after(() => browser.close());

interface Scene {
  readonly device: FakeDevice;
  readonly page: Page;
  readonly to: (place: string) => Promise<void>;
  readonly photograph: (name: string) => Promise<void>;
}

/** Signed in, on a page that may neither complain nor be wider than its screen. */
async function start(t: TestContext, kind: View): Promise<Scene> {
  const { device, page } = await openWatched(t, browser, { stepMs: 300 }, views[kind]);
  await page.goto(`${device.origin}/#/apps`);
  await page.getByLabel("Password", { exact: true }).fill("correct horse");
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByRole("heading", { name: "Apps", level: 1 }).waitFor();
  return {
    device,
    page,
    to: async (place) => {
      await page.goto(`${device.origin}/#/${place}`);
    },
    photograph: (name) => photograph(page, `${kind}-${name}`),
  };
}

const button = (page: Page, name: string) => page.getByRole("button", { name, exact: true });
const inDialog = (page: Page, name: string) =>
  page.locator("[role=dialog], [role=alertdialog], dialog").getByRole("button", { name, exact: true });

for (const kind of ["desk", "phone"] as const) {
  test(`${kind}: an update asks for what is new, shows how far it is, and can be gone back on`, async (t) => {
    const { device, page, to, photograph } = await start(t, kind);
    const goOn = device.holdAt("Copying its data");
    await photograph("apps");
    await to("app/notes");
    await page.getByText("Version 2.0.0 is there.").waitFor();
    await photograph("app");
    await button(page, "Update").click();
    await page.getByText("The new version asks for more").waitFor();
    await photograph("update-dialog");
    await page.getByRole("switch").or(page.getByRole("checkbox")).last().click();
    await inDialog(page, "Update").click();
    await page.getByText("Copying its data").first().waitFor();
    await photograph("updating");
    goOn();
    await page.getByText("Running · version 2.0.0").waitFor();
    assert.equal(await page.getByText("Version 2.0.0 is there.").count(), 0);
    // What was agreed to with the update is agreed to on the page, too: there is nothing to save.
    assert.equal(await button(page, "Save and restart the app").count(), 1);
    await page.getByText(/^Version 1\.4\.2, as it was/).waitFor();
    await photograph("updated");
    await button(page, "Go back").click();
    await photograph("rollback-dialog");
    await inDialog(page, "Go back").click();
    await page.getByText("Going back to the version before").first().waitFor();
    await page.getByText("Running · version 1.4.2").waitFor();
  });

  test(`${kind}: an app that failed says why and what to do, and comes up again`, async (t) => {
    const { page, to, photograph } = await start(t, kind);
    await to("app/gallery");
    await page.getByText("Needs your attention").waitFor();
    await page.getByText("The app did not answer within 60 seconds.").waitFor();
    await button(page, "Go back to version 3.0").waitFor();
    await photograph("failed");
    await button(page, "Try again").click();
    await page.getByText("Running · version 3.1").waitFor();
  });

  test(`${kind}: permissions and settings are changed, and what is wrong is said beside it`, async (t) => {
    const { device, page, to, photograph } = await start(t, kind);
    await to("app/notes");
    await page.getByLabel("Notes on a page").fill("3");
    await page.getByLabel("Title").fill("Family");
    await button(page, "Save and restart the app").last().click();
    await page.getByLabel("Notes on a page").and(page.locator("[aria-invalid=true]")).waitFor();
    await photograph("settings-wrong");
    await page.getByLabel("Notes on a page").fill("50");
    await page.getByLabel("Order").selectOption({ label: "By title" });
    await button(page, "Save and restart the app").last().click();
    await page.getByText("Being updated").first().waitFor();
    await page.getByText("Running · version 1.4.2").waitFor();
    const set = Object.fromEntries(
      (device.apps.apps.get("notes")?.app.settings ?? []).map(({ name, value }) => [name, value]),
    );
    assert.deepEqual([set["title"], set["per-page"], set["order"]], ["Family", "50", "title"]);
    await page
      .getByRole("switch", { name: /internet/i })
      .or(page.getByRole("checkbox", { name: /internet/i }))
      .click();
    await button(page, "Save and restart the app").first().click();
    await page.getByText("Being updated").first().waitFor();
    await page.getByText("Running · version 1.4.2").waitFor();
    assert.deepEqual(device.apps.apps.get("notes")?.granted, []);
  });

  test(`${kind}: the log follows, can be searched, and leaves who has scrolled up where they are`, async (t) => {
    const { device, page, to, photograph } = await start(t, kind);
    await to("app/notes");
    await button(page, "Show").last().click();
    const log = page.getByRole("log");
    await log.getByText("the mail server does not answer").waitFor();
    device.apps.say("Somebody wrote a note");
    await log.getByText("Somebody wrote a note").waitFor();
    await photograph("log");
    for (let at = 0; at < 80; at++) device.apps.say(`GET /n/${at} 200`);
    await log.getByText("GET /n/79 200").waitFor();
    const place =
      "(() => { const { scrollTop, scrollHeight, clientHeight } = document.querySelector('[role=log]'); return scrollHeight - scrollTop - clientHeight; })()";
    await page.waitForFunction(`${place} < 2`);
    await page.evaluate("document.querySelector('[role=log]').scrollTop = 0");
    await page.getByText("Scrolled up: new lines wait below.").waitFor();
    device.apps.say("One more");
    await log.getByText("One more").waitFor({ state: "attached" });
    assert.ok(Number(await page.evaluate(place)) > 100);
    await button(page, "To the newest").click();
    await page.waitForFunction(`${place} < 2`);
    await page.getByLabel("Search the log").fill("MAIL");
    await log.getByText("the mail server does not answer").waitFor();
    await page.waitForFunction("document.querySelectorAll('[role=log] p').length === 1");
    await page.getByLabel("Search the log").fill("nowhere");
    await log.getByText("Nothing was said that matches.").waitFor();
  });

  test(`${kind}: an app goes to the trash and comes back, and one that is erased is gone from the page`, async (t) => {
    const { page, to, photograph } = await start(t, kind);
    await to("app/notes");
    await button(page, "Uninstall").click();
    await photograph("uninstall-dialog");
    await inDialog(page, "Uninstall").click();
    await page.waitForURL(/#\/apps$/);
    await to("app-trash");
    await button(page, "Bring back Notes").waitFor();
    await photograph("trash");
    await button(page, "Erase Radio now").click();
    await photograph("erase-dialog");
    await inDialog(page, "Erase").click();
    // Nobody reloads: the page hears that it is gone.
    await button(page, "Bring back Radio").waitFor({ state: "detached" });
    await button(page, "Bring back Notes").click();
    await page.getByText("Running · version 1.4.2").waitFor();
    await to("app-trash");
    await page.getByText("Nothing here").waitFor();
  });

  test(`${kind}: an app of the catalog is found and installed`, async (t) => {
    const { device, page, to, photograph } = await start(t, kind);
    const goOn = device.holdAt("Fetching");
    await to("catalog");
    await button(page, "Install Radio").waitFor();
    await photograph("catalog");
    await page.getByLabel("Search the catalog").fill("stations");
    await button(page, "Install Radio").click();
    await page.getByText("Stations are on the internet").waitFor();
    await photograph("install-dialog");
    const agree = page.getByRole("switch").or(page.getByRole("checkbox"));
    if ((await agree.count()) > 0) await agree.last().click();
    await inDialog(page, "Install").click();
    await page.getByText("Fetching").first().waitFor();
    await photograph("installing");
    goOn();
    await page.getByText("Running · version 0.9").waitFor();
  });

  test(`${kind}: catalogs say how they are; one is added once its key is compared, renewed and removed`, async (t) => {
    const { device, page, to, photograph } = await start(t, kind);
    await to("catalog");
    await page.getByRole("link", { name: "Catalogs" }).click();
    await page.getByText("in vain").waitFor();
    await photograph("catalogs");
    await button(page, "Look for a newer The neighbours' choice").click();
    await page.getByText("number 8 · fetched just now").waitFor();
    assert.equal(await page.getByText("in vain").count(), 0);
    await button(page, "Add a catalog").click();
    await page.getByLabel("Address").fill("ftp://apps.example.org");
    await page.getByLabel("Publisher's key").fill("ab cd");
    await inDialog(page, "Compare the key").click();
    await page.getByText("A key has 64 digits").waitFor();
    await page.getByText("The address of a folder").waitFor();
    await photograph("catalog-add-wrong");
    await page.getByLabel("Address").fill("http://apps.example.org/village/key.hex");
    await page.getByLabel("Publisher's key").fill("FF".repeat(32));
    await inDialog(page, "Compare the key").click();
    await page.getByText("http://apps.example.org/village", { exact: true }).waitFor();
    await page.getByText("The connection is not encrypted").waitFor();
    await inDialog(page, "It is, add the catalog").click();
    await page.getByText("not signed by that key").waitFor();
    await photograph("catalog-compare");
    await inDialog(page, "Back").click();
    await page.getByLabel("Publisher's key").fill("12:".repeat(32));
    await inDialog(page, "Compare the key").click();
    await inDialog(page, "It is, add the catalog").click();
    await page.getByText("5 apps · number 4").waitFor();
    await button(page, "Remove Village library").click();
    await photograph("catalog-remove");
    await inDialog(page, "Remove").click();
    await button(page, "Remove Village library").waitFor({ state: "detached" });
    await to("app/gallery");
    const { index: _index, ...refused } = device.apps.catalogs[0] ?? assert.fail();
    device.apps.catalogs[0] = { ...refused, problem: { code: "catalog-older", detail: "It is older.", atMs: 1 } };
    device.apps.apps.set("gallery", { ...(device.apps.apps.get("gallery") ?? assert.fail()), catalog: { id: "gone" } });
    await page.reload();
    await page.getByText("it hears of no newer versions").waitFor();
    await photograph("app-without-catalog");
    await page.getByRole("link", { name: "Catalogs" }).click();
    await page.getByText("Refused, so nothing of it is offered. It is older.").waitFor();
    await photograph("catalog-refused");
  });
}

test("what changed between a page's first look and its stream of events is not missed", async (t) => {
  const { device, page, to } = await start(t, "desk");
  await to("apps");
  // The device is gone for the stream, and the app with it; the page hears of neither by an event.
  device.setReachable(false);
  device.apps.apps.delete("gallery");
  device.setReachable(true);
  await page.getByText("Gallery").waitFor({ state: "detached" });
});

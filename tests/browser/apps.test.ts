/**
 * The pages of apps in a browser, on a desk and on a phone, against a device in memory. That a real device does what is
 * asked of it is tested in tests/apps. With PICCOLO_PICTURES set to a folder, each page leaves a picture there.
 */
import assert from "node:assert/strict";
import { after, before, test, type TestContext } from "node:test";
import { buildPortal, until } from "@piccolo/devnet";
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
    const kept = page.getByText("44 of 67 MB", { exact: true });
    await kept.waitFor();
    assert.equal(await page.locator("svg:has(polyline)").filter({ visible: true }).count(), 5);
    await photograph("app");
    await button(page, "Update").click();
    await page.getByText("The new version asks for more").waitFor();
    await page.getByText("The new version needs to know").waitFor();
    await photograph("update-dialog");
    await page.getByRole("switch").or(page.getByRole("checkbox")).last().click();
    await inDialog(page, "Update").click();
    // What it has to be told is said beside its field, and nothing is sent before.
    const password = page.getByLabel("New password for administration", { exact: true });
    await password.and(page.locator("[aria-invalid=true]")).waitFor();
    await photograph("update-settings-missing");
    assert.deepEqual(device.apps.sentSettings, {});
    await page.getByLabel("Mail server", { exact: true }).fill("mail.example.org");
    await password.fill("only for the mail");
    await inDialog(page, "Update").click();
    await page.getByText("Copying its data").first().waitFor();
    await photograph("updating");
    assert.deepEqual(device.apps.sentSettings, {
      "mail-host": "mail.example.org",
      connections: "4",
      "admin-password": "only for the mail",
    });
    goOn();
    await page.getByText("Running · version 2.0.0").waitFor();
    assert.equal(await page.getByText("Version 2.0.0 is there.").count(), 0);
    // What was agreed to with the update is agreed to on the page, too: there is nothing to save.
    assert.equal(await button(page, "Save and restart the app").count(), 1);
    await page.getByText(/^Version 1\.4\.2, as it was/).waitFor();
    await photograph("updated");
    await button(page, "Go back").click();
    await photograph("rollback-dialog");
    const goBack = device.holdAt("Putting its data back");
    await inDialog(page, "Go back").click();
    await page.getByText("Going back to the version before").first().waitFor();
    goBack();
    await page.getByText("Running · version 1.4.2").waitFor();
  });

  test(`${kind}: an app is updated from a manifest that is its own, and asks for what is new in it`, async (t) => {
    const { device, page, to, photograph } = await start(t, kind);
    const notes = device.apps.apps.get("notes") ?? assert.fail();
    const { update: _update, ...sideLoaded } = notes;
    device.apps.apps.set("notes", sideLoaded);
    await to("app/notes");
    const give = async (text: string): Promise<void> => {
      await button(page, "Update from a manifest").click();
      await page.getByRole("textbox", { name: "Manifest" }).fill(text);
      await inDialog(page, "Check it").click();
    };
    await button(page, "Update from a manifest").waitFor();
    await photograph("app-side-loaded");
    await give("services:\n  web:\n    ports: [80]\nx-piccolo: {}\n");
    await page.getByText("No app takes a port of the device.").waitFor();
    await inDialog(page, "Back").click();
    assert.match(await page.getByRole("textbox", { name: "Manifest" }).inputValue(), /ports: \[80\]/);
    await inDialog(page, "Cancel").click();
    await give('x-piccolo:\n  id: radio\n  version: "2"\n');
    await page.getByText("This is the manifest of another app").waitFor();
    await photograph("update-other-app");
    await inDialog(page, "Close").first().click();
    device.apps.obstacles.push({ code: "wrong-architecture", detail: "It is made for another processor." });
    await give('x-piccolo:\n  id: notes\n  version: "1.5.0"\n');
    await page.getByText("It is made for another processor.").waitFor();
    await inDialog(page, "Close").first().click();
    // What the device would take it in spite of keeps nobody from it.
    const detail = "What runs the apps does not answer at the moment; it is waited for.";
    device.apps.obstacles.splice(0, 1, { code: "runtime-unavailable", detail });
    await give('x-piccolo:\n  id: notes\n  version: "1.5.0"\n');
    await page.getByText(detail).waitFor();
    await page.getByText("The new version asks for more").waitFor();
    await page.getByText("Nobody but you vouches for this manifest.").waitFor();
    await page.getByLabel("Open connections", { exact: true }).fill("2");
    await page.getByLabel("New password for administration", { exact: true }).fill("another");
    await photograph("update-from-manifest");
    await inDialog(page, "Update").click();
    await page.getByText("Running · version 1.5.0").waitFor();
    assert.deepEqual(device.apps.sentSettings, { "mail-host": "", connections: "2", "admin-password": "another" });
    await page.getByText(/^Version 1\.4\.2, as it was/).waitFor();
  });

  test(`${kind}: an app that failed says why and what to do, and comes up again`, async (t) => {
    const { page, to, photograph } = await start(t, kind);
    await to("app/gallery");
    await page.getByText("Needs your attention").waitFor();
    await page.getByRole("strong").getByText("The app did not answer within 60 seconds.").waitFor();
    await button(page, "Go back to version 3.0").waitFor();
    await photograph("failed");
    await button(page, "Try again").click();
    await page.getByText("Running · version 3.1").waitFor();
  });

  test(`${kind}: an app that failed and shall be stopped is stopped after another try`, async (t) => {
    const { device, page, to } = await start(t, kind);
    const gallery = device.apps.apps.get("gallery") ?? assert.fail();
    device.apps.apps.set("gallery", { ...gallery, wanted: "stopped" });
    await to("app/gallery");
    await button(page, "Try again").click();
    await page.getByText("Stopped · version 3.1").waitFor();
  });

  test(`${kind}: why a change was given up is told with what the system said, until it is put away`, async (t) => {
    const { device, page, to, photograph } = await start(t, kind);
    const notes = device.apps.apps.get("notes") ?? assert.fail();
    const detail = "The update to version 2.0.0 did not succeed, and everything is as it was before.";
    const problem = {
      code: "step-failed",
      detail,
      nextStep: "The device could not do it. Try again.",
      systemSaid: "mount: … permission denied",
      notice: "update-1",
    };
    device.apps.apps.set("notes", { ...notes, problem });
    await to("app/notes");
    await page.getByText("The system said: mount: … permission denied").waitFor();
    assert.equal(await button(page, "Try again").count(), 0);
    await photograph("given-up");
    await button(page, "Dismiss").click();
    await page.getByText(detail).waitFor({ state: "detached" });
    await page.getByText("Running · version 1.4.2").waitFor();
    assert.equal(device.apps.apps.get("notes")?.problem, undefined);
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
    const goOn = device.holdAt("Copying its data");
    await button(page, "Save and restart the app").last().click();
    await page.getByText("Being updated").first().waitFor();
    goOn();
    await page.getByText("Running · version 1.4.2").waitFor();
    const set = Object.fromEntries(
      (device.apps.apps.get("notes")?.app.settings ?? []).map(({ name, value }) => [name, value]),
    );
    assert.deepEqual([set["title"], set["per-page"], set["order"]], ["Family", "50", "title"]);
    await page
      .getByRole("switch", { name: /internet/i })
      .or(page.getByRole("checkbox", { name: /internet/i }))
      .click();
    const goOnAgain = device.holdAt("Copying its data");
    await button(page, "Save and restart the app").first().click();
    await page.getByText("Being updated").first().waitFor();
    goOnAgain();
    await page.getByText("Running · version 1.4.2").waitFor();
    assert.deepEqual(device.apps.apps.get("notes")?.granted, []);
  });

  test(`${kind}: a copy on the device is deleted once its owner has read what that means`, async (t) => {
    const { page, to, photograph } = await start(t, kind);
    await to("app/notes");
    const rows = page.getByText(/^Backup of /);
    await rows.nth(1).waitFor();
    await button(page, "Delete").nth(1).click();
    await page.getByText("It is on this device alone").waitFor();
    await photograph("delete-copy");
    await inDialog(page, "Cancel").click();
    assert.equal(await rows.count(), 2);
    await button(page, "Delete").nth(1).click();
    await inDialog(page, "Delete").click();
    await rows.nth(1).waitFor({ state: "detached" });
    await page.getByText("in the network,").waitFor();
    await to("app/gallery");
    await button(page, "Delete the copy of version 3.0").click();
    await page.getByText("Gallery cannot go back to version 3.0 then").waitFor();
    await photograph("delete-rollback");
    await inDialog(page, "Delete").click();
    await button(page, "Go back").waitFor({ state: "detached" });
    await button(page, "Go back to version 3.0").waitFor({ state: "detached" });
  });

  test(`${kind}: what happened to an app is told, newest first, and more of it as it happens`, async (t) => {
    const { device, page, to, photograph } = await start(t, kind);
    await to("app/notes");
    const list = page.getByRole("list", { name: "What happened" });
    await list.getByText('"web" ended by itself, with the code 137').waitFor();
    await page.getByText("it was started again once").waitFor();
    assert.match((await list.getByRole("listitem").first().textContent()) ?? "", /"web" was started again/);
    assert.equal(await list.getByText("Installed, version 1.4.1").count(), 0);
    await button(page, "Show all 6").click();
    await list.getByText("Installed, version 1.4.1").waitFor();
    await photograph("app-events");
    device.apps.events.push({ kind: "backed-up", version: "1.4.2", atMs: Date.now() });
    device.publish({ type: "app", id: "notes" });
    await list.getByText("A backup was made").nth(1).waitFor();
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
    // Asked from here again and again: the page's own policy forbids what the browser's driver would have it evaluate.
    const place =
      "(() => { const { scrollTop, scrollHeight, clientHeight } = document.querySelector('[role=log]'); return scrollHeight - scrollTop - clientHeight; })()";
    const untilAtEnd = () => until("the log stands at its end", async () => Number(await page.evaluate(place)) < 2);
    await untilAtEnd();
    await page.evaluate("document.querySelector('[role=log]').scrollTop = 0");
    await page.getByText("Scrolled up: new lines wait below.").waitFor();
    device.apps.say("One more");
    await log.getByText("One more").waitFor({ state: "attached" });
    assert.ok(Number(await page.evaluate(place)) > 100);
    await button(page, "To the newest").click();
    await untilAtEnd();
    await page.getByLabel("Search the log").fill("MAIL");
    await log.getByText("the mail server does not answer").waitFor();
    await log.locator("p").nth(1).waitFor({ state: "detached" });
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

  test(`${kind}: another system's definition is known, translated with what it does not say, and installed`, async (t) => {
    const { page, to, photograph } = await start(t, kind);
    await to("catalog");
    const manifest = page.getByRole("textbox", { name: "Manifest" });
    const paste = async (text: string): Promise<void> => {
      await manifest.fill(text);
      await button(page, "Check it").click();
    };
    await button(page, "Install from a manifest").click();
    await paste("services:\n  web:\n    image: example/wiki:1.2\n    privileged: true\n");
    await page.getByText("It cannot be translated as it is.").waitFor();
    await page.getByText("an app that needs it cannot run on this device").waitFor();
    assert.equal(await inDialog(page, "Translate").count(), 0);
    await photograph("definition-refused");
    await inDialog(page, "Back").click();
    await paste("services:\n  app_proxy: {}\n");
    await page.getByText("A definition for Umbrel").waitFor();
    await page.getByLabel("umbrel-app.yml").waitFor();
    await photograph("definition-other-file");
    await inDialog(page, "Back").click();
    await paste("services:\n  web:\n    image: example/wiki:1.2\n    ports: ['80:80']\n");
    await page.getByText("A definition for Docker Compose").waitFor();
    await page.getByLabel("Short name").fill("wiki");
    await inDialog(page, "Translate").click();
    // What has been said stays, and what is still missing is still asked for.
    await page.getByLabel("Name", { exact: true }).fill("Wiki");
    assert.equal(await page.getByLabel("Short name").inputValue(), "wiki");
    await page.getByLabel("Digest of example/wiki:1.2").fill(`sha256:${"0123456789abcdef".repeat(4)}`);
    await photograph("definition-asks");
    await inDialog(page, "Translate").click();
    await page.getByText("Changed on the way").waitFor();
    assert.match(await manifest.inputValue(), /id: wiki/);
    await photograph("definition-translated");
    await inDialog(page, "Go on").click();
    await page.getByText("Nobody but you vouches for this manifest.").waitFor();
    await photograph("definition-install");
    await inDialog(page, "Cancel").click();
    // A manifest goes straight on.
    await button(page, "Install from a manifest").click();
    await paste("services:\n  web:\n    ports: [80]\nx-piccolo: {}\n");
    await page.getByText("This manifest cannot be used as it is.").waitFor();
    await inDialog(page, "Back").click();
    assert.match(await manifest.inputValue(), /ports: \[80\]/);
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

test("a password of an app leaves its field once it is saved, also over plain HTTP", async (t) => {
  const { device, page, to } = await start(t, "desk");
  // What browsers leave out where the connection is not encrypted.
  await page.addInitScript("delete Crypto.prototype.randomUUID");
  await page.reload();
  await to("app/notes");
  const field = page.getByLabel("Password of the mail account");
  const save = button(page, "Save and restart the app").last();
  await page.getByText("How notes stand on a page").waitFor();
  await field.fill("only for the mail");
  await save.click();
  await page.getByText("The settings are saved").first().waitFor();
  assert.equal(await field.inputValue(), "");
  assert.equal(await save.isDisabled(), true);
  assert.deepEqual(device.apps.sentSettings, { "mail-password": "only for the mail" });
});

test("a setting that its owner left empty or emptied is sent so", async (t) => {
  const { device, page, to } = await start(t, "desk");
  await to("catalog");
  await button(page, "Install from a manifest").click();
  await page.getByRole("textbox", { name: "Manifest" }).fill('x-piccolo:\n  id: notes\n  version: "1"\n');
  await button(page, "Check it").click();
  await page.getByLabel("Title").fill("");
  await page.getByLabel("Password of the mail account").fill("secret");
  await inDialog(page, "Install").click();
  await page.waitForURL(/#\/app\/notes$/);
  assert.equal(device.apps.sentSettings["title"], "");
  assert.equal(device.apps.sentSettings["per-page"], "20");
});

test("what is searched for in the catalog and a log is as long as the device takes it", async (t) => {
  const { page, to } = await start(t, "desk");
  await to("catalog");
  assert.equal(await page.getByLabel("Search the catalog").getAttribute("maxlength"), "100");
  await to("app/notes");
  await button(page, "Show").last().click();
  assert.equal(await page.getByLabel("Search the log").getAttribute("maxlength"), "200");
});

test("an app that was uninstalled from another page is not shown from memory", async (t) => {
  const { device, page, to } = await start(t, "desk");
  await to("app/gallery");
  await page.getByRole("heading", { name: "Gallery" }).waitFor();
  device.apps.apps.delete("gallery");
  device.publish({ type: "app", id: "gallery" });
  await page.getByText("This app is not on the device any more").waitFor();
  assert.equal(await button(page, "Uninstall").count(), 0);
});

test("a page that nobody sees holds no connection, and knows what changed once it is seen again", async (t) => {
  const { device, page, to } = await start(t, "desk");
  const show = (state: string): Promise<unknown> =>
    page.evaluate(`Object.defineProperty(document, "visibilityState", { value: "${state}", configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));`);
  const listening = (count: number): Promise<void> =>
    until(`${count} pages listen`, () => Promise.resolve(device.listeners() === count));
  await to("apps");
  await page.getByText("Gallery").waitFor();
  await listening(1);
  await show("hidden");
  await listening(0);
  device.apps.apps.delete("gallery");
  await show("visible");
  await listening(1);
  await page.getByText("Gallery").waitFor({ state: "detached" });
});

/** Apps that only the network has, by their names. */
const backedUp = (...names: readonly string[]) =>
  names.map((app) => ({
    app,
    name: { en: app },
    installed: false,
    inTrash: false,
    backups: [
      { id: `of-${app}`, takenAtMs: 1, version: "1", cause: "backup", place: "network", imageOnlyHere: false } as const,
    ],
  }));

test("where one of all apps cannot be brought back, it is told at that app, and the others come", async (t) => {
  const { device, page } = await start(t, "desk");
  device.apps.backedUp = backedUp("radio", "wiki", "paint");
  device.apps.trash.splice(0);
  const goOn = device.holdAt("Fetching the backup");
  await page.reload();
  const all = button(page, "Bring all back");
  await all.click();
  const ofRadio = page.locator("div", { has: page.getByLabel("Bring back radio") }).last();
  await ofRadio.getByText("The disk is full.").waitFor();
  assert.equal(await page.getByText("The disk is full.").count(), 1);
  assert.equal(device.apps.apps.get("wiki")?.state, "restoring");
  const free = page.locator("button:enabled", { hasText: "Bring all back" });
  assert.equal(await free.count(), 0);
  goOn();
  await free.waitFor();
});

for (const kind of ["desk", "phone"] as const) {
  test(`${kind}: what keeps a restore drill from being held is told until it is held`, async (t) => {
    const { device, page, to, photograph } = await start(t, kind);
    const detail = "There is not enough memory for a second copy of the app now.";
    const nextStep = "A restore drill needs as much memory as the app; it is tried again when there is some.";
    device.apps.drillHeldUp = { code: "drill-no-memory", detail, nextStep };
    await to("app/notes");
    const words = page.getByText(`The next try by itself waits. ${detail} ${nextStep}`);
    await words.waitFor();
    await photograph("drill-held-up");
    device.apps.drillHeldUp = undefined;
    device.publish({ type: "app", id: "notes" });
    await words.waitFor({ state: "detached" });
  });

  test(`${kind}: what the device refuses after it has taken it is told where it was asked for`, async (t) => {
    const { device, page, to, photograph } = await start(t, kind);
    const detail = "2 more devices have to come back online before the backup can be read.";
    for (const task of ["restore-app", "drill-app", "back-up-app"] as const)
      device.apps.failing.set(task, { code: "not-enough-fragments", detail });
    device.apps.backedUp = backedUp("wiki");
    const words = page.getByText(detail);
    await page.reload();
    await page.getByLabel("Bring back wiki").click();
    await words.waitFor();
    await photograph("bring-back-refused");
    await page.reload();
    await words.waitFor();
    device.apps.failing.delete("restore-app");
    await page.getByLabel("Bring back wiki").click();
    await words.waitFor({ state: "detached" });
    await to("app/notes");
    await button(page, "Back up now").click();
    await words.waitFor();
    await button(page, "Try it now").click();
    await page.getByText(`It could not be tried. ${detail}`).waitFor();
    device.apps.failing.set("restore-app", { code: "not-enough-fragments", detail });
    await button(page, "Restore").first().click();
    await inDialog(page, "Restore").click();
    await page.getByText(`It was not restored. ${detail}`).waitFor();
    await photograph("backups-refused");
  });
}

test("an app in the trash is brought back from there, where its newest data is, and backups without an app can be deleted", async (t) => {
  const { device, page, to, photograph } = await start(t, "phone");
  device.apps.backedUp = backedUp("radio", "wiki");
  await page.reload();
  await page.getByText("Its newest data is under").waitFor();
  assert.equal(await page.getByLabel("Bring back radio").count(), 0);
  assert.equal(await button(page, "Bring all back").count(), 0);
  await photograph("backups-of-trashed");
  await to("app-trash");
  await page.getByRole("button", { name: /^Erase .* now$/ }).click();
  await page.getByText("Backups in the network stay").waitFor();
  await inDialog(page, "Erase").click();
  await page.getByText("Nothing here").waitFor();
  await to("apps");
  await page.getByLabel("Bring back radio").waitFor();
  await page.getByRole("button", { name: "Delete the backups of radio" }).click();
  await photograph("delete-backups-dialog");
  await inDialog(page, "Delete").click();
  await page.getByLabel("Bring back radio").waitFor({ state: "detached" });
  await page.getByLabel("Bring back wiki").waitFor();
});

test("what changed between a page's first look and its stream of events is not missed", async (t) => {
  const { device, page, to } = await start(t, "desk");
  await to("apps");
  // The device is gone for the stream, and the app with it; the page hears of neither by an event.
  device.setReachable(false);
  device.apps.apps.delete("gallery");
  device.setReachable(true);
  await page.getByText("Gallery").waitFor({ state: "detached" });
});

for (const kind of ["desk", "phone"] as const) {
  test(`${kind}: an app that does not come up can be updated, put back and restored, and the list says what is amiss`, async (t) => {
    const { device, page, to, photograph } = await start(t, kind);
    const notes = device.apps.apps.get("notes") ?? assert.fail();
    const detail = "It ended again and again after it had started.";
    const nextStep = "Look into its log.";
    device.apps.apps.set("notes", {
      ...notes,
      state: "starting",
      wanted: "running",
      problem: { code: "not-started", detail, nextStep, retryAtMs: Date.now() + 10 * 60_000 },
      rollback: { version: "1.4.1", takenAtMs: Date.now() - 86_400_000 },
    });
    await page.reload();
    await page.getByText(detail).waitFor();
    await photograph("apps-amiss");
    await to("app/notes");
    await page.getByText(/Tried again by itself in \d+ minutes\./).waitFor();
    for (const name of ["Update", "Go back", "Update from a manifest"])
      assert.equal(await button(page, name).first().isEnabled(), true, name);
    const restore = button(page, "Restore").first();
    await restore.waitFor();
    assert.equal(await restore.isEnabled(), true);
    assert.equal(await page.getByRole("progressbar").count(), 0);
    await photograph("app-amiss");
    const tried = page.waitForRequest((request) => request.url().endsWith("/apps/notes/retry"));
    await button(page, "Try now").click();
    await tried;
  });
}

test("settings are told to be saved once the app has them, and not where it could not be changed", async (t) => {
  const { device, page, to } = await start(t, "desk");
  await to("app/notes");
  const save = page.locator("form").filter({ has: page.getByRole("button", { name: "Save and restart the app" }) });
  const field = save.getByRole("textbox").first();
  const told = page.getByText("The settings are saved, and the app runs with them.", { exact: true });
  await field.fill("first");
  device.apps.failing.set("configure-app", { code: "not-healthy", detail: "It did not answer." });
  const failed = page.waitForResponse(async (answer) => (await answer.text().catch(() => "")).includes('"failed"'));
  await save.getByRole("button", { name: "Save and restart the app" }).click();
  await failed;
  assert.equal(await told.count(), 0);
  device.apps.failing.clear();
  const notes = device.apps.apps.get("notes") ?? assert.fail();
  const { step: _step, ...rest } = notes;
  device.apps.apps.set("notes", { ...rest, state: "running" });
  await page.reload();
  await field.fill("second");
  await save.getByRole("button", { name: "Save and restart the app" }).click();
  await told.waitFor();
});

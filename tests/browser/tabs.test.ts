/** What other pages of the same browser, and leaving one, mean for what is under way, against a device in memory. */
import assert from "node:assert/strict";
import { after, before, test, type TestContext } from "node:test";
import { buildPortal, until } from "@piccolo/devnet";
import { type Browser, chromium, type Page } from "playwright-core";
import type { FakeOptions } from "../../programs/portal/test-support/fake-state.ts";
import { openWatched, photograph } from "./watched-page.ts";

let browser: Browser;
before(async () => {
  await buildPortal(() => undefined);
  browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
});
after(() => browser.close());

async function signedIn(t: TestContext, place = "", options: FakeOptions = {}) {
  const { device, page } = await openWatched(t, browser, { stepMs: 50, ...options });
  await page.goto(`${device.origin}/${place}`);
  await page.getByLabel("Password", { exact: true }).fill("correct horse");
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByRole("button", { name: "Sign in", exact: true }).waitFor({ state: "detached" });
  return { device, page };
}

const refusal = (status: number, code: string, detail: string) => ({
  status,
  contentType: "application/problem+json",
  body: JSON.stringify({ type: "about:blank", title: code, status, code, detail, retry: false }),
});

async function begunUpload(page: Page): Promise<void> {
  await page.getByRole("link", { name: "Photos" }).first().waitFor();
  const buffer = Buffer.alloc(3_000_000);
  await page.getByTestId("file-input").setInputFiles({ name: "film.mp4", mimeType: "video/mp4", buffer });
  await page.getByRole("region", { name: "Uploads" }).getByText("film.mp4").waitFor();
}

/** What a person is asked who closes the page now. */
async function askedAtClose(page: Page): Promise<string> {
  // Told after the answer: Chromium dies of a context that is disposed of while a question of its page is open.
  const asked = new Promise<string>((resolve, reject) => {
    page.once("dialog", (dialog) => void dialog.dismiss().then(() => resolve(dialog.type()), reject));
  });
  await page.close({ runBeforeUnload: true });
  return asked;
}

test("a page whose session another page has taken the place of goes on with the new one", async (t) => {
  const { page } = await signedIn(t);
  await page.getByRole("link", { name: "Photos" }).first().waitFor();
  const detail = "This change does not come from the device's own page; reload the page.";
  await page.route("**/api/v1/files/folders", (route) => route.fulfill(refusal(403, "csrf", detail)), { times: 1 });
  await page.getByRole("button", { name: "New folder" }).click();
  await page.getByLabel("Name of the folder").fill("Garden");
  await page.getByRole("button", { name: "Create" }).click();
  await page.getByRole("link", { name: "Garden" }).first().waitFor();
  assert.equal(await page.getByText(detail).count(), 0);
});

test("who signs in on one page is signed in on the others", async (t) => {
  const { device, page } = await openWatched(t, browser, { stepMs: 50 });
  await page.goto(`${device.origin}/`);
  await page.getByLabel("Password", { exact: true }).waitFor();
  const other = await page.context().newPage();
  await other.goto(`${device.origin}/`);
  await other.getByLabel("Password", { exact: true }).fill("correct horse");
  await other.getByRole("button", { name: "Sign in", exact: true }).click();
  await other.getByRole("link", { name: "Photos" }).first().waitFor();
  await page.getByRole("link", { name: "Photos" }).first().waitFor();
});

test("a log that nobody sees holds no connection, and goes on once it is seen again", async (t) => {
  const { device, page } = await signedIn(t, "#/app/notes");
  const following = (count: number): Promise<void> =>
    until(`${count} pages follow the log`, () => Promise.resolve(device.apps.logFollowers === count));
  const show = (state: string): Promise<unknown> =>
    page.evaluate(`Object.defineProperty(document, "visibilityState", { value: "${state}", configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));`);
  await page.getByRole("button", { name: "Show", exact: true }).last().click();
  await page.getByText("Listening on port 8080").waitFor();
  await following(1);
  await show("hidden");
  await following(0);
  await page.getByText("Listening on port 8080").waitFor();
  device.apps.say("A line of meanwhile");
  await show("visible");
  await page.getByText("A line of meanwhile").waitFor();
});

test("the browser asks before a page with uploads is closed, also where they wait behind a lock", async (t) => {
  const { device, page } = await signedIn(t, "", { uploadRate: 10_000 });
  await begunUpload(page);
  device.state.locked = true;
  device.publish({ type: "security" });
  await page.getByRole("heading", { name: "piccolo-hall is locked" }).waitFor();
  assert.equal(await askedAtClose(page), "beforeunload");
});

test("signing out asks before uploads stop", async (t) => {
  const { page } = await signedIn(t, "", { uploadRate: 10_000 });
  await begunUpload(page);
  await page.getByRole("button", { name: "Lock or sign out" }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  const question = page.getByRole("alertdialog", { name: "An upload stops" });
  await question.waitFor();
  await photograph(page, "sign-out-uploads");
  await question.getByRole("button", { name: "Stay" }).click();
  await page.getByRole("region", { name: "Uploads" }).getByText("film.mp4").waitFor();
  let isAsked = false;
  page.on("dialog", (dialog) => {
    isAsked = true;
    void dialog.accept();
  });
  await page.getByRole("button", { name: "Lock or sign out" }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await question.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("Password", { exact: true }).waitFor();
  assert.equal(isAsked, false);
});

test("an answer that comes after its dialog was cancelled does not close the one that is open by then", async (t) => {
  const { page } = await signedIn(t);
  await page.getByRole("link", { name: "Photos" }).first().waitFor();
  const answered = Promise.withResolvers<void>();
  await page.route("**/api/v1/files/folders", async (route) => {
    await answered.promise;
    await route.continue();
  });
  await page.getByRole("button", { name: "New folder" }).click();
  await page.getByLabel("Name of the folder").fill("Garden");
  await page.getByRole("button", { name: "Create" }).click();
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("button", { name: "New folder" }).click();
  await page.getByLabel("Name of the folder").fill("Cellar");
  const late = page.waitForResponse("**/api/v1/files/folders");
  answered.resolve();
  await (await late).finished();
  await page.getByText("Garden").first().waitFor();
  // The page has drawn what it made of the answer.
  await page.evaluate("new Promise((drawn) => setTimeout(drawn, 200))");
  assert.equal(await page.getByLabel("Name of the folder").inputValue(), "Cellar");
});

test("a second click that waits behind the first asks for nothing twice", async (t) => {
  const { device, page } = await signedIn(t, "#/network");
  await page.getByRole("button", { name: "Invite someone" }).waitFor();
  const known = device.state.invitations.length;
  await page.evaluate(`new Promise((resolve) => {
    const button = [...document.querySelectorAll("button")].find(({ innerText }) => innerText === "Invite someone");
    const { port1, port2 } = new MessageChannel();
    let clickCount = 0;
    port1.onmessage = () => {
      button.click();
      clickCount += 1;
      if (clickCount === 2) resolve();
    };
    port2.postMessage("first");
    port2.postMessage("second");
  })`);
  await until("someone is invited", () => Promise.resolve(device.state.invitations.length > known));
  // A second one would be on its way before this.
  await page.evaluate("fetch('/api/v1/status')");
  assert.equal(device.state.invitations.length, known + 1);
});

test("a file that another page has put into the trash, with its folder or alone, is not shown from memory", async (t) => {
  const { device, page } = await signedIn(t);
  await page.getByRole("link", { name: "Photos" }).first().click();
  await page.getByText("Summer in Brittany").waitFor();
  const address = page.url();
  for (const way of ["folder", "alone"] as const) {
    const ids: string[] = [...device.state.nodes.values()]
      .filter(({ node }) => node.kind === "file")
      .map(({ node }) => node.id);
    const id = ids[0] ?? assert.fail();
    await page.route(`**/api/v1/files/${id}`, async (route) => {
      if (way === "folder") return route.fulfill(refusal(409, "in-trash", "It is in the trash; restore it first."));
      return route.fulfill({ json: { ...device.state.nodes.get(id)?.node, trashedAtMs: 1 } });
    });
    await page.goto(`${device.origin}/#/files/root/details/${id}`);
    await page.getByText("It lies in the trash").waitFor();
    assert.equal(await page.getByRole("link", { name: "Download" }).count(), 0);
    await page.unroute(`**/api/v1/files/${id}`);
    await page.goto(address);
  }
});

test("an app that cannot be installed any more has a dialog that can be closed", async (t) => {
  const { device, page } = await signedIn(t, "#/catalog");
  const detail = "No catalog of this device has that app any more; look at the catalog again.";
  await page.route("**/api/v1/apps/preflight", (route) => route.fulfill(refusal(404, "catalog-app-not-found", detail)));
  await page
    .getByRole("button", { name: /^Install (?!from)/ })
    .first()
    .click();
  await page.getByText(detail).waitFor();
  await photograph(page, "install-gone");
  await page.getByRole("dialog").getByRole("button", { name: "Close" }).click();
  await page.getByText(detail).waitFor({ state: "detached" });
  assert.ok(device.apps.apps.size > 0);
});

/** What owners do with each other in the portal, in one browser each and on real devices: found, invite, agree, join, erase. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { buildPortal, type Device, Network, type TaskView, until } from "@piccolo/devnet";
import { type Browser, chromium, type Page } from "playwright-core";
import { answerWords, readWords } from "./phrase-steps.ts";

const folder = mkdtempSync(join(tmpdir(), "piccolo-members-"));
const password = "seven green bicycles";
/** Two owners of one name, as nobody prevents: whose an invitation is must not depend on it. */
const names = ["Mara", "Oskar", "Mara", "Piotr", "Quentin"];

let network: Network;
let browser: Browser;
const pages = new Map<number, Page>();

before(async () => {
  await buildPortal(() => undefined);
  network = await Network.open({ folder, devices: 5, centralPort: 19_200, devicePort: 19_201, peerPort: 19_231 });
  await network.start();
  for (const device of network.devices.slice(1)) {
    await device.session.claim(device.record.claimCode, names[device.number - 1] ?? "", password);
  }
  browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
});

after(async () => {
  await browser.close();
  await network.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** The browser of this device's owner, signed in. */
async function pageOf(number: number): Promise<Page> {
  const known = pages.get(number);
  if (known !== undefined) return known;
  const page = await browser.newPage();
  pages.set(number, page);
  await page.goto(`${network.device(number).origin}/`);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
  return page;
}

async function toNetwork(number: number): Promise<Page> {
  const page = await pageOf(number);
  await page.goto(`${network.device(number).origin}/#/network`);
  return page;
}

/** The text of the newest open invitation, as its maker sees it. */
async function invitationOn(page: Page): Promise<string> {
  const text = page.getByLabel("Invitation text");
  await text.first().waitFor({ timeout: 30_000 });
  return text.first().inputValue();
}

async function joinBy(device: Device, invitation: string): Promise<void> {
  await device.session.finish(await device.session.call<TaskView>("POST", "/network/join", { invitation }));
}

test("an owner nobody has invited starts a network", async () => {
  const device = network.device(1);
  const page = await browser.newPage();
  pages.set(1, page);
  await page.goto(`${device.origin}/#claim=${device.record.claimCode}`);
  await page.getByLabel("Your name").fill(names[0] ?? "");
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Set up" }).click();
  await answerWords(page, await readWords(page));
  await page.getByRole("heading", { name: "You are not in a network yet" }).waitFor();
  await page.getByText("Start a new network").click();
  await page.getByLabel("Name of the network").fill("Gartenstrasse");
  await page.getByRole("button", { name: "Start network" }).click();
  await page.getByRole("heading", { name: "You are in Gartenstrasse" }).waitFor({ timeout: 30_000 });
  await page.getByRole("button", { name: "Open my files" }).click();
  await device.session.signIn(password);
  const { name, state } = await device.session.call<{ name: string; state: string }>("GET", "/network");
  assert.deepEqual({ name, state }, { name: "Gartenstrasse", state: "member" });
});

test("a pasted text that is no invitation is refused with a reason, and the right one is taken", async () => {
  const founder = await toNetwork(1);
  await founder.getByRole("button", { name: "Invite someone" }).click();
  const invitation = await invitationOn(founder);
  const guest = await pageOf(2);
  await guest.getByLabel("Invitation", { exact: true }).fill("Dear neighbour, come and join us!");
  await guest.getByRole("button", { name: "Use this invitation" }).click();
  await guest
    .getByRole("alert")
    .filter({ hasText: /invitation/i })
    .waitFor({ timeout: 30_000 });
  // What was refused stays, so that a wrong letter can be mended.
  assert.equal(await guest.getByLabel("Invitation", { exact: true }).inputValue(), "Dear neighbour, come and join us!");
  await guest.getByLabel("Invitation", { exact: true }).fill(`  ${invitation}\n`);
  await guest.getByRole("button", { name: "Use this invitation" }).click();
  await guest.getByRole("heading", { name: "You are in Gartenstrasse" }).waitFor({ timeout: 30_000 });
  await guest.getByText("1 other device stores your files from now on.").waitFor();
  await founder.getByText("Oskar").waitFor({ timeout: 30_000 });
});

test("an invitation that was used is refused, and says so", async () => {
  const founder = await toNetwork(1);
  await founder.getByText("Used", { exact: true }).waitFor({ timeout: 60_000 });
  assert.equal(await founder.getByLabel("Invitation text").count(), 0);
});

test("with four members a second one has to agree, also one who has the inviter's name", async () => {
  for (const number of [3, 4]) await joinBy(network.device(number), await network.invite(network.device(1), []));
  const founder = await toNetwork(1);
  await founder.getByText("Piotr").waitFor({ timeout: 30_000 });
  await founder.getByRole("button", { name: "Invite someone" }).click();
  await founder.getByText("Waits until one more member agrees").waitFor({ timeout: 30_000 });
  assert.equal(await founder.getByRole("button", { name: "Agree" }).count(), 0, "one's own is nothing to agree to");

  const namesake = await pageOf(3);
  await namesake.getByRole("heading", { name: "Files" }).waitFor({ timeout: 30_000 });
  await toNetwork(3);
  await namesake.getByText("Mara wants to invite someone").waitFor({ timeout: 60_000 });
  await namesake.getByRole("button", { name: "Agree" }).click();
  await namesake.getByText("Mara wants to invite someone").waitFor({ state: "detached", timeout: 30_000 });
});

test("the inviter sees it agreed to without asking, and the guest joins with it", async () => {
  const founder = await pageOf(1);
  await founder.getByText(/^Ready to hand over/).waitFor({ timeout: 60_000 });
  const invitation = await invitationOn(founder);
  const guest = await pageOf(5);
  await guest.getByLabel("Invitation", { exact: true }).fill(invitation);
  await guest.getByRole("button", { name: "Use this invitation" }).click();
  await guest.getByRole("heading", { name: "You are in Gartenstrasse" }).waitFor({ timeout: 30_000 });
  await network.allOnline(network.device(1));
});

test("what is erased from the trash is gone from the other devices, too", async () => {
  interface Held {
    readonly held: { readonly fragments: number };
  }
  const heldByOthers = async (): Promise<number> => {
    const views = await Promise.all(
      network.devices.slice(1).map(({ session }) => session.call<Held>("GET", "/network")),
    );
    return views.reduce((sum, { held }) => sum + held.fragments, 0);
  };
  const page = await pageOf(1);
  await page.goto(`${network.device(1).origin}/#/`);
  const upload = { mimeType: "text/plain", buffer: Buffer.from("Only for a while.") };
  await page.getByTestId("file-input").setInputFiles([
    { name: "Kept.txt", ...upload },
    { name: "First.txt", ...upload },
    { name: "Second.txt", ...upload },
  ]);
  await page.getByText("3 files uploaded").waitFor({ timeout: 60_000 });
  await until("all copies are placed", async () => (await heldByOthers()) === 12);
  for (const name of ["First.txt", "Second.txt"]) {
    await page.getByRole("button", { name: `Actions for ${name}` }).click();
    await page.getByRole("menuitem", { name: "Delete" }).click();
    await page.getByRole("link", { name }).waitFor({ state: "detached" });
  }
  await page.goto(`${network.device(1).origin}/#/trash`);
  await page.getByRole("button", { name: /: First.txt$/ }).click();
  await page
    .getByRole("alertdialog")
    .getByRole("button", { name: /^Erase/ })
    .click();
  await page.getByRole("alertdialog").waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Restore Second.txt" }).waitFor();
  await page.getByRole("button", { name: "Restore First.txt" }).waitFor({ state: "detached" });

  await page.getByRole("button", { name: "Empty trash" }).click();
  await page
    .getByRole("alertdialog")
    .getByRole("button", { name: /^Erase/ })
    .click();
  await page.getByRole("heading", { name: "The trash is empty" }).waitFor();
  await until("the erased files are gone from the other devices", async () => (await heldByOthers()) === 4);
  await page.goto(`${network.device(1).origin}/#/`);
  await page.getByRole("link", { name: "Kept.txt" }).waitFor();
});

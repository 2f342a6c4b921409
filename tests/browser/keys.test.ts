/** What an owner does with keys in the portal, on a real device with its security chip and its volume. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { buildPortal, Network } from "@piccolo/devnet";
import { type Browser, chromium, type Page } from "playwright-core";
import { answerWords, readWords } from "./phrase-steps.ts";

const folder = mkdtempSync(join(tmpdir(), "piccolo-keys-"));
const password = "seven green bicycles";
const slowly = { timeout: 60_000 };

let network: Network;
let browser: Browser;
let page: Page;
let words: readonly string[] = [];

before(async () => {
  await buildPortal(() => undefined);
  network = await Network.open({ folder, devices: 1, centralPort: 19_400, devicePort: 19_401, peerPort: 19_431 });
  await network.start();
  browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
  page = await browser.newPage();
});

after(async () => {
  await browser.close();
  await network.stop();
  rmSync(folder, { recursive: true, force: true });
});

const to = (place: string): Promise<unknown> => page.goto(`${network.device(1).origin}/#/${place}`);

async function enter(button: string): Promise<void> {
  const submit = page.getByRole("button", { name: button, exact: true });
  // The form before may have a field of the same name, and stands there until it is answered.
  await submit.waitFor();
  await page.getByLabel("Password", { exact: true }).fill(password);
  await submit.click();
}

async function check(phrase: string): Promise<void> {
  await to("security/check");
  await page.getByLabel("Recovery phrase").fill(phrase);
  await page.getByRole("button", { name: "Check", exact: true }).click();
}

test("a phrase left for later is reminded of, and confirmed by all of its words", async () => {
  const device = network.device(1);
  await page.goto(`${device.origin}/#claim=${device.record.claimCode}`);
  await enter("Set up");
  words = await readWords(page);
  await page.getByRole("button", { name: "I will do it later" }).click();
  await page.getByRole("button", { name: "Later", exact: true }).click(slowly);
  await page.getByText("Your recovery phrase is not confirmed.").waitFor();
  await check(words.map((word, index) => `${index + 1}. ${word.slice(0, 4)}`).join("\n"));
  await page.getByText("Your phrase is right").waitFor(slowly);
});

test("misspelt words are marked, with the right one among the suggestions", async () => {
  const at = words.findIndex((word) => word.length >= 6);
  const right = words[at] ?? "";
  await to("security");
  await check(words.with(at, `${right.slice(0, -1)}q`).join(" "));
  await page.getByRole("button", { name: right, exact: true }).click();
  await page.getByRole("button", { name: "Check", exact: true }).click();
  await page.getByText("Your phrase is right").waitFor(slowly);
});

test("a locked device asks for the password, and goes on at the same place", async () => {
  await to("security");
  await page.getByRole("button", { name: "Lock now" }).click();
  await enter("Unlock");
  await page.getByRole("heading", { name: "Security" }).waitFor(slowly);
});

test("a new phrase takes the place of the old one", async () => {
  const old = words;
  await to("security/new-phrase");
  await enter("Show the new words");
  words = await readWords(page);
  await answerWords(page, words, "Use the new phrase");
  await page.getByText("The new phrase counts from now on").waitFor(slowly);
  await check(old.join(" "));
  await page.getByRole("alert").waitFor(slowly);
  await to("security");
  await check(words.join(" "));
  await page.getByText("Your phrase is right").waitFor(slowly);
});

test("a re-key is followed to its end, and leaves the new phrase alone", async () => {
  const old = words;
  await to("security/re-key");
  await enter("Show the new words");
  words = await readWords(page);
  assert.notDeepEqual(words, old);
  await answerWords(page, words, "Change the key");
  await page.getByText("The key is changed").waitFor(slowly);
  await check(old.join(" "));
  await page.getByRole("alert").waitFor(slowly);
});

test("with another chip the device is closed, says so, and opens by the phrase", async () => {
  const device = network.device(1);
  await device.process.stop();
  await network.replaceTpm(1);
  await network.startDevice(1);
  await page.goto(`${device.origin}/`);
  await page.getByText("The security chip is another one").waitFor(slowly);
  await page.getByLabel("Recovery phrase").fill(words.join(" "));
  await page.getByLabel("New password").fill(password);
  await page.getByRole("button", { name: "Open the device" }).click();
  await page.getByRole("button", { name: "Later", exact: true }).click(slowly);
  await to("security");
  await page.getByRole("heading", { name: "Security" }).waitFor(slowly);
});

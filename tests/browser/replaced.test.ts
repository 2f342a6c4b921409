/** What an owner sees of changed keys and of another device that takes over, on real devices. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { buildPortal, Network, seededStream, until, uploadFile } from "@piccolo/devnet";
import type { SecurityView } from "@piccolo/device-api";
import { type Browser, chromium, type Page } from "playwright-core";
import { answerWords, readWords } from "./phrase-steps.ts";

const folder = mkdtempSync(join(tmpdir(), "piccolo-replaced-"));
const slowly = { timeout: 90_000 };
const newPassword = "nine purple tricycles";

let network: Network;
let browser: Browser;
let page: Page;
let words: readonly string[] = [];

before(async () => {
  await buildPortal(() => undefined);
  network = await Network.open({ folder, devices: 4, centralPort: 19_500, devicePort: 19_501, peerPort: 19_531 });
  await network.startWhole();
  browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
  page = await browser.newPage();
});

after(async () => {
  await browser.close();
  await network.stop();
  rmSync(folder, { recursive: true, force: true });
});

const password = (): string => network.device(1).record.password ?? "";
const security = (): Promise<SecurityView> => network.device(1).session.call<SecurityView>("GET", "/security");

/** The form before may have a field of the same name, and stands there until it is answered. */
async function enter(button: string): Promise<void> {
  const submit = page.getByRole("button", { name: button, exact: true });
  await submit.waitFor();
  await page.getByLabel("Password", { exact: true }).fill(password());
  await submit.click();
}

test("after a change of the key, files of before get new keys on their owner's word", async () => {
  const device = network.device(1);
  const content = (offset: number) => seededStream("kept", 300_000, offset);
  await uploadFile(device.session, { filename: "Kept.bin", sizeBytes: 300_000, content });
  await page.goto(`${device.origin}/#/security/re-key`);
  await enter("Sign in");
  await enter("Show the new words");
  words = await readWords(page);
  await answerWords(page, words, "Change the key");
  await page.getByText("The key is changed").waitFor(slowly);
  await page.getByRole("link", { name: "Done" }).click();
  await page.getByRole("button", { name: "Give new keys" }).click();
  await page.getByLabel("Password", { exact: true }).fill(password());
  await page.getByRole("dialog").getByRole("button", { name: "Give new keys" }).click();
  await page.getByRole("dialog").waitFor({ state: "detached", ...slowly });
  await until("all files have new keys", async () => (await security()).reencryption.state === "none");
  await page.getByText(/(New keys for all files|Files are getting new keys)/).waitFor({ state: "detached", ...slowly });
});

test("the phrase brings the files to a new device, and the one before says that it has stopped", async () => {
  const first = network.device(1);
  await until("others and central keep the slot", async () => {
    const { copies, atCentral } = (await security()).slots.phrase;
    return copies === 3 && atCentral;
  });
  await first.process.stop();
  const other = await network.addDevice();
  const fresh = await browser.newPage();
  await fresh.goto(`${other.origin}/#claim=${other.record.claimCode}`);
  await fresh.getByRole("link", { name: "I have a recovery phrase" }).click();
  await fresh.getByLabel("Recovery phrase").fill(words.join(" "));
  await fresh.getByLabel("New password").fill(newPassword);
  await fresh.getByRole("button", { name: "Bring my files back" }).click();
  await fresh.getByRole("button", { name: "Open my files" }).click(slowly);
  await fresh.getByRole("link", { name: "Kept.bin" }).waitFor(slowly);
  other.record.password = newPassword;
  await network.startDevice(1);
  await page.goto(`${first.origin}/`);
  await page.reload();
  await page.getByRole("heading", { name: "Another device has taken over" }).waitFor(slowly);
});

test("who was robbed of the account takes it back, and the other device stops", async () => {
  await page.getByRole("button", { name: "Take my account back" }).click();
  await enter("Show the new words");
  await answerWords(page, await readWords(page), "Take it back");
  await page.getByRole("button", { name: "Unlock" }).waitFor(slowly);
  await enter("Unlock");
  await until("the device has its place again", async () => {
    await network.unlock(network.device(1));
    const { backup, replaced } = await security();
    return backup.state === "ready" && replaced === undefined;
  });
  await page.getByRole("heading", { name: "Your account is yours" }).waitFor(slowly);
  await page.goto(`${network.device(1).origin}/#/`);
  await page.getByRole("link", { name: "Kept.bin" }).waitFor(slowly);
});

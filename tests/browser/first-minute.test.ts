/** The README's first minute, done by a browser against ten real devices. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { buildPortal, downloadDigest, Network, ownerName, seededBlocks, seededDigest, until } from "@piccolo/devnet";
import { type Browser, chromium, type Page } from "playwright-core";
import { answerWords, readWords } from "./phrase-steps.ts";

const folder = mkdtempSync(join(tmpdir(), "piccolo-browser-"));
const password = "seven green bicycles";
const contentBytes = 20_000_000;
const content = Buffer.concat([...seededBlocks("first minute", contentBytes)]);
const digest = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

let network: Network;
let browser: Browser;
let page: Page;
const complaints: string[] = [];

before(async () => {
  await buildPortal(() => undefined);
  const ports = { centralPort: 19_000, devicePort: 19_001, peerPort: 19_031 };
  network = await Network.open({ folder, devices: 10, ...ports });
  await network.start();
  await network.populate();
  browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
  page = await browser.newPage({ acceptDownloads: true });
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    // Refused requests are part of a session's life; broken content policies and bugs are not.
    if (message.type() === "error" && !message.text().includes("Failed to load resource"))
      complaints.push(message.text());
  });
});

after(async () => {
  await browser.close();
  await network.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function act(name: string, verb: string): Promise<void> {
  await page.getByRole("button", { name: `Actions for ${name}` }).click();
  await page.getByRole("menuitem", { name: verb }).click();
}

test("a person sets up the device from the link, and the claim code leaves the address bar", async () => {
  const device = network.device(1);
  await page.goto(`${device.origin}/#claim=${device.record.claimCode}`);
  await page.getByLabel("Password", { exact: true }).fill(password);
  assert.ok(!page.url().includes(device.record.claimCode));
  await page.getByRole("button", { name: "Set up" }).click();
});

test("the recovery phrase is shown once, and two of its words are asked back", async () => {
  const words = await readWords(page);
  assert.equal(words.length, 24);
  await answerWords(page, words);
});

test("the invitation that waits is one click", async () => {
  await page.getByRole("button", { name: /^Join Lindenstrasse/ }).click({ timeout: 60_000 });
  await page.getByRole("button", { name: "Open my files" }).click({ timeout: 60_000 });
});

test("a dropped file is stored on the other devices, and says where it lives", async () => {
  // From the disk, as a person's file: bytes handed through the browser's debugger take a dozen seconds.
  const path = join(folder, "Holiday film.mov");
  writeFileSync(path, content);
  await page.getByTestId("file-input").setInputFiles(path);
  await page.locator("[data-phase=done]").waitFor({ timeout: 120_000 });
  await page.getByRole("link", { name: /Holiday film/ }).click();
  await page.getByText(/^Stored on \d devices/).waitFor({ timeout: 60_000 });
  for (let number = 2; number <= 10; number++) await page.getByText(ownerName(number)).first().waitFor();
  await page.keyboard.press("Escape");
});

test("the file comes back bit for bit", async () => {
  const downloaded = page.waitForEvent("download", { timeout: 60_000 });
  await act("Holiday film.mov", "Download");
  const path = await (await downloaded).path();
  assert.equal(digest(readFileSync(path)), digest(content));
});

test("it can be renamed, deleted, and brought back by undo", async () => {
  await act("Holiday film.mov", "Rename");
  await page.getByLabel("New name").fill("Summer film.mov");
  await page.keyboard.press("Enter");
  await page.getByRole("link", { name: /Summer film/ }).waitFor();
  // What offers it goes by itself: the click waits for it from before.
  await Promise.all([page.getByRole("button", { name: "Undo" }).click(), act("Summer film.mov", "Delete")]);
  await page.getByRole("link", { name: /Summer film/ }).waitFor();
});

test("a file dropped on the window is uploaded", async () => {
  // As text: what it names exists in the browser alone.
  const transfer = await page.evaluateHandle(`(() => {
    const made = new DataTransfer();
    made.items.add(new File(["A letter to the neighbours."], "Letter.txt", { type: "text/plain" }));
    return made;
  })()`);
  for (const kind of ["dragenter", "dragover", "drop"]) {
    await page.dispatchEvent("body", kind, { dataTransfer: transfer });
  }
  await page.getByRole("link", { name: /Letter/ }).waitFor({ timeout: 60_000 });
});

test("an upload that a reload cut goes on with the same file, and refuses another one", async () => {
  const { session, origin } = network.device(1);
  const sizeBytes = 160_000_000;
  const write = (name: string, seed: string): string => {
    const path = join(folder, name);
    writeFileSync(path, Buffer.concat([...seededBlocks(seed, sizeBytes)]));
    return path;
  };
  const right = write("Archive.tar", "archive");
  const wrong = write("Other.tar", "another archive");
  await session.signIn(password);
  const begun = async (): Promise<boolean> => {
    const { uploads } = await session.call<{ uploads: { offsetBytes: number }[] }>("GET", "/uploads");
    return uploads.some(({ offsetBytes }) => offsetBytes > 0);
  };
  page.once("dialog", (dialog) => void dialog.accept());
  await page.getByTestId("file-input").setInputFiles(right);
  await until("a part of the upload is durable", begun);
  await page.goto("about:blank");
  await page.goto(`${origin}/#/`);
  const panel = page.getByRole("region", { name: "Uploads" });
  await panel.getByText(/Choose the same file again to go on/).waitFor();
  await panel.getByLabel("The file Archive.tar").setInputFiles(wrong);
  await panel.locator("[data-phase=differs]").waitFor({ timeout: 60_000 });
  await panel.getByLabel("The file Archive.tar").setInputFiles(right);
  await page.getByRole("link", { name: /Archive/ }).waitFor({ timeout: 120_000 });
  const { nodes } = await session.call<{ nodes: { id: string; name: string }[] }>("GET", "/files?parent=root");
  const stored = nodes.find(({ name }) => name === "Archive.tar");
  assert.equal((await downloadDigest(session, stored?.id ?? "")).digest, seededDigest("archive", sizeBytes));
});

test("the network view shows live who is there, and the file is readable without some of them", async () => {
  await page.goto(`${network.device(1).origin}/#/network`);
  await page.getByText(ownerName(10)).first().waitFor();
  await Promise.all([8, 9, 10].map((number) => network.device(number).process.kill()));
  await page
    .getByText(/^Last seen/)
    .first()
    .waitFor({ timeout: 60_000 });
  await page.goto(`${network.device(1).origin}/#/`);
  const downloaded = page.waitForEvent("download", { timeout: 60_000 });
  await act("Summer film.mov", "Download");
  assert.equal(digest(readFileSync(await (await downloaded).path())), digest(content));
});

test("the browser has nothing to complain about", () => {
  assert.deepEqual(complaints, []);
});

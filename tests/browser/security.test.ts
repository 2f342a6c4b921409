/**
 * Phrases, locks and closed devices in a browser, against a device in memory: states that a real one comes into by theft
 * and broken parts only. What they do to keys and files is tested where it is done.
 */
import assert from "node:assert/strict";
import { after, before, test, type TestContext } from "node:test";
import { closedCodes } from "@piccolo/device-api";
import { buildPortal, until } from "@piccolo/devnet";
import { type Browser, chromium, type Page } from "playwright-core";
import { tamperedBoot } from "../../programs/portal/test-support/fake-boot.ts";
import { closedInWords } from "../../programs/portal/src/security/closed-words.ts";
import { type FakeOptions, fakePhrase } from "../../programs/portal/test-support/fake-state.ts";
import { answerWords, readWords } from "./phrase-steps.ts";
import { openWatched, photograph, views } from "./watched-page.ts";

const password = "correct horse";
const newPassword = "seven green bicycles";
const wordsList = { name: "Recovery phrase" } as const;

let browser: Browser;
before(async () => {
  await buildPortal(() => undefined);
  browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
});
after(() => browser.close());

const start = (t: TestContext, options: FakeOptions) => openWatched(t, browser, { stepMs: 50, ...options });

async function enter(page: Page, button: string): Promise<void> {
  const submit = page.getByRole("button", { name: button, exact: true });
  // The form before may have a field of the same name, and stands there until it is answered.
  await submit.waitFor();
  await page.getByLabel("Password", { exact: true }).fill(password);
  await submit.click();
}

/** Everything in which a browser could keep a word, as its own code: the page, its fields, its stores, its address. */
const places = `JSON.stringify([
  document.documentElement.outerHTML,
  ...Array.from(document.querySelectorAll("input, textarea"), (field) => field.value),
  { ...localStorage },
  { ...sessionStorage },
  history.state,
  location.href,
])`;
const holds = async (page: Page, word: string): Promise<boolean> => String(await page.evaluate(places)).includes(word);

test("set-up shows the phrase, asks two words back, and takes no wrong ones", async (t) => {
  const { device, page } = await start(t, { claimed: false, inNetwork: false });
  await page.goto(`${device.origin}/#claim=CODE`);
  await page.getByLabel("Password", { exact: true }).fill(newPassword);
  await page.getByRole("button", { name: "Set up" }).click();
  assert.deepEqual(await readWords(page), fakePhrase);
  await page.getByRole("button", { name: "I have written them down" }).click();
  await page.getByLabel("Word 7").fill(fakePhrase[7] ?? "");
  await page.getByLabel("Word 19").fill(fakePhrase[18] ?? "");
  await page.getByRole("button", { name: "Confirm" }).click();
  await page.getByRole("alert").waitFor();
  await page.getByLabel("Word 7").fill(fakePhrase[6] ?? "");
  await page.getByRole("button", { name: "Confirm" }).click();
  await page.getByRole("button", { name: /^Join/ }).waitFor();
  assert.equal(await holds(page, fakePhrase[0] ?? ""), false);
});

test("where an old link was refused, the code typed instead stays, whatever else goes wrong", async (t) => {
  const { device, page } = await start(t, { claimed: false, inNetwork: false });
  const codes: unknown[] = [];
  page.on("request", (request) => {
    if (request.method() === "POST" && request.url().endsWith("/claim"))
      codes.push((request.postDataJSON() as { claimCode: unknown }).claimCode);
  });
  await page.goto(`${device.origin}/#claim=OLD`);
  await page.getByLabel("Password", { exact: true }).fill(newPassword);
  await page.getByRole("button", { name: "Set up" }).click();
  await page.getByLabel("Claim code").fill("CODE");
  await page.route("**/api/v1/claim", (route) => route.abort(), { times: 1 });
  await page.getByRole("button", { name: "Set up" }).click();
  await page.getByRole("alert").waitFor();
  assert.equal(await page.getByLabel("Claim code").inputValue(), "CODE");
  await page.getByRole("button", { name: "Set up" }).click();
  await page.getByRole("list", wordsList).waitFor();
  assert.deepEqual(codes, ["OLD", "CODE", "CODE"]);
});

test("a claim link opened in a page that is there already counts, and its code stays in no address", async (t) => {
  const { device, page } = await start(t, { claimed: false, inNetwork: false });
  await page.goto(`${device.origin}/#/recover`);
  await page.getByLabel("Claim code").waitFor();
  await page.evaluate("location.hash = 'claim=CODE'");
  await page.getByLabel("Claim code").waitFor({ state: "detached" });
  assert.equal(page.url(), `${device.origin}/#/recover`);
  await page.goBack();
  assert.equal(page.url(), `${device.origin}/#/recover`);
  await page.getByRole("link", { name: "Set up a new device instead" }).click();
  await page.getByLabel("Password", { exact: true }).fill(newPassword);
  await page.getByRole("button", { name: "Set up" }).click();
  await page.getByRole("list", wordsList).waitFor();
});

test("who writes the phrase down later is reminded until it is confirmed", async (t) => {
  const { device, page } = await start(t, { claimed: false, inNetwork: false });
  await page.goto(`${device.origin}/#claim=CODE`);
  await page.getByLabel("Password", { exact: true }).fill(newPassword);
  await page.getByRole("button", { name: "Set up" }).click();
  await page.getByRole("button", { name: "I will do it later" }).click();
  await page.getByRole("button", { name: /^Join/ }).click();
  await page.getByRole("button", { name: "Open my files" }).click();
  await page.getByRole("link", { name: "Confirm" }).click();
  await page.getByLabel("Recovery phrase").fill(fakePhrase.map((word, index) => `${index + 1}. ${word}`).join("\n"));
  await page.getByRole("button", { name: "Check", exact: true }).click();
  await page.getByText("Your phrase is right").waitFor();
  await page.getByRole("link", { name: "Files" }).first().click();
  await page.getByText("is not confirmed").waitFor({ state: "detached" });
});

test("an answer that the device's own news has overtaken does not bring back what was", async (t) => {
  const { device, page } = await start(t, { inNetwork: false });
  await page.goto(`${device.origin}/`);
  await enter(page, "Sign in");
  const join = page.getByRole("button", { name: /^Join/ });
  await join.waitFor();
  const goOn = device.holdAt("Greeting the other devices");
  const shown = Promise.withResolvers<void>();
  let overtakenCount = 0;
  await page.route("**/api/v1/network", async (route) => {
    const network = device.state.network();
    if (network.state !== "member") {
      overtakenCount++;
      await shown.promise;
    }
    await route.fulfill({ json: network });
  });
  await join.click();
  await until("the page asks how the network is while it joins", () => Promise.resolve(overtakenCount > 0));
  goOn();
  const openFiles = page.getByRole("button", { name: "Open my files" });
  await openFiles.waitFor();
  shown.resolve();
  // The page has had the late answer once it has another one, and has drawn what it made of it.
  await page.evaluate("fetch('/api/v1/status').then(() => new Promise((drawn) => setTimeout(drawn, 500)))");
  assert.equal(await openFiles.count(), 1);
});

test("a phrase is not shown again by going back", async (t) => {
  const { device, page } = await start(t, {});
  await page.goto(`${device.origin}/#/security/new-phrase`);
  await enter(page, "Sign in");
  await enter(page, "Show the new words");
  await page.getByRole("list", wordsList).waitFor();
  await page.goto("about:blank");
  await page.goBack();
  await page.getByRole("button", { name: "Show the new words" }).waitFor();
  assert.equal(await page.getByRole("list", wordsList).count(), 0);
});

test("paper gets the recovery sheet, never the words on the screen", async (t) => {
  const { device, page } = await start(t, {});
  await page.goto(`${device.origin}/#/security/new-phrase`);
  await enter(page, "Sign in");
  await enter(page, "Show the new words");
  await page.getByRole("list", wordsList).waitFor();
  await page.emulateMedia({ media: "print" });
  assert.equal(await page.getByRole("list", wordsList).isVisible(), false);
  await page.getByRole("heading", { name: "Piccolo recovery sheet" }).waitFor();
});

test("a device that locks itself asks for the password, and goes on at the same place", async (t) => {
  const { device, page } = await start(t, {});
  await page.goto(`${device.origin}/`);
  await enter(page, "Sign in");
  await page.getByRole("link", { name: "Photos" }).click();
  await page.getByText("Summer in Brittany").waitFor();
  const place = await page.getByRole("link", { name: "Summer in Brittany" }).getAttribute("href");
  device.state.locked = true;
  // The page asks now and then by itself, and may have found out before anybody clicks: by then there is no link any more.
  await page.goto(new URL(place ?? "", page.url()).href);
  await page.getByRole("heading", { name: "piccolo-hall is locked" }).waitFor();
  assert.equal(await holds(page, "Summer in Brittany"), false);
  await enter(page, "Unlock");
  await page.getByText("Lighthouse.png").waitFor();
});

for (const [view, options] of [
  ["desk", { phase: "locked" }],
  ["phone", {}],
] as const) {
  test(`who has forgotten the password gets in by the phrase, on a ${view}`, async (t) => {
    const { device, page } = await openWatched(t, browser, { stepMs: 50, ...options }, views[view]);
    await page.goto(`${device.origin}/`);
    await page.getByText("I have forgotten the password").click();
    await page.getByLabel("Recovery phrase").fill(fakePhrase.with(2, "orbti").join(" "));
    await page.getByLabel("New password").fill(newPassword);
    await page.getByRole("button", { name: "Set the new password" }).click();
    await page.getByRole("button", { name: "orbit", exact: true }).click();
    await page.getByRole("button", { name: "orbit", exact: true }).waitFor({ state: "detached" });
    await photograph(page, `forgotten-password-${view}`);
    await page.getByRole("button", { name: "Set the new password" }).click();
    await page.getByRole("link", { name: "Photos" }).waitFor();
    assert.equal(device.state.password, newPassword);
    assert.equal(await holds(page, fakePhrase[0] ?? ""), false);
  });
}

test("a closed device opens by the phrase, and helps with misspelt words", async (t) => {
  const { device, page } = await start(t, { phase: "closed", reason: "tpm-other-chip" });
  await page.goto(`${device.origin}/`);
  await page.getByText("The security chip is another one").waitFor();
  await page.getByLabel("Recovery phrase").fill(fakePhrase.with(2, "orbti").join(" "));
  await page.getByLabel("New password").fill(newPassword);
  await page.getByRole("button", { name: "Open the device" }).click();
  await page.getByRole("button", { name: "orbit", exact: true }).click();
  await page.getByRole("button", { name: "orbit", exact: true }).waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Open the device" }).click();
  await page.getByRole("link", { name: "Photos" }).waitFor();
});

test("a device that did not start as it should has no field for anything", async (t) => {
  for (const reason of ["tpm-other-chip", "ask-at-boot", "not-installed"]) {
    for (const distrusted of ["secure-boot-off", "no-uefi", "start-not-trusted"]) {
      const { device, page } = await start(t, { phase: "closed", reason, distrusted, opensWith: [], resets: false });
      await page.goto(`${device.origin}/#claim=CODE`);
      const reasons = [reason, distrusted].map((code) => ({ code, detail: "" }));
      await page.getByText(closedInWords({ reasons, opensWith: [], resets: false }).title).waitFor();
      assert.equal(
        await page.locator("input, textarea, [contenteditable], form").count(),
        0,
        `${reason}, ${distrusted}`,
      );
    }
  }
});

test("each reason of a closed device fits on a telephone and on a desk, and says what to do", async (t) => {
  for (const code of closedCodes) {
    const { device, page } = await start(t, { phase: "closed", reason: code, opensWith: [], resets: false });
    const { title, instead } = closedInWords({ reasons: [{ code, detail: "" }], opensWith: [], resets: false });
    for (const [name, width, height] of [
      ["telephone", 360, 720],
      ["desk", 1280, 800],
    ] as const) {
      await page.setViewportSize({ width, height });
      await page.goto(`${device.origin}/`);
      await page.getByRole("heading", { name: title }).waitFor();
      await page.getByText(instead).waitFor();
      assert.ok(Number(await page.evaluate("document.documentElement.scrollWidth")) <= width, `${code} on a ${name}`);
    }
  }
});

for (const kind of ["desk", "phone"] as const) {
  test(`on a ${kind} what matters most of a closed device stands on its page, and so does a boot that is not measured`, async (t) => {
    const shut: FakeOptions = { phase: "closed", opensWith: [], resets: false };
    const scenes: readonly (readonly [string, FakeOptions, string])[] = [
      ["keys-of-others", { ...shut, reason: "ask-at-boot", distrusted: "start-keys-of-others" }, "trusts other keys"],
      ["keys-unknown", { ...shut, reason: "tpm-policy", distrusted: "start-keys-unknown" }, "Nobody can tell by which"],
      ["records-too-new", { ...shut, reason: "database-too-new" }, "older release than before"],
      ["records-damaged", { ...shut, reason: "database-damaged" }, "records are damaged"],
      ["keys-damaged", { ...shut, reason: "identity-damaged" }, "keys are damaged"],
      ["state-damaged", { ...shut, reason: "state-damaged" }, "own files cannot be used"],
      [
        "by-phrase",
        { phase: "closed", reason: "tpm-policy", insecure: ["boot-not-measured"] },
        "did not start as expected",
      ],
      [
        "by-password",
        { phase: "closed", reason: "ask-at-boot", opensWith: ["password", "phrase"], insecure: ["boot-not-measured"] },
        "Enter your password",
      ],
    ];
    for (const [name, options, title] of scenes) {
      const { device, page } = await openWatched(t, browser, options, views[kind]);
      await page.goto(`${device.origin}/`);
      await page.getByRole("heading", { name: title }).waitFor();
      await photograph(page, `${kind}-closed-${name}`);
    }
  });
}

test("a device that nothing opens is reset by its name and its claim code", async (t) => {
  const { device, page } = await start(t, { phase: "closed", reason: "record-missing", opensWith: [] });
  await page.goto(`${device.origin}/`);
  assert.equal(await page.getByLabel("Recovery phrase").count(), 0);
  await page.getByText("Reset this device").click();
  await page.getByLabel("Claim code").fill("CODE");
  const remove = page.getByRole("button", { name: "Remove everything" });
  assert.equal(await remove.isEnabled(), false);
  await page.getByLabel(/Name of the device/).fill("piccolo-hall");
  await remove.click();
  await page.getByRole("button", { name: "Set up" }).waitFor();
});

test("an owner resets by the password and stays in the network, unless he says that he leaves it", async (t) => {
  const { device, page } = await start(t, {});
  await page.goto(`${device.origin}/#/security/reset`);
  await enter(page, "Sign in");
  const stay = page.getByLabel("Stay in the network");
  assert.equal(await stay.isChecked(), true);
  const remove = page.getByRole("button", { name: "Remove everything", exact: true });
  await page.getByLabel("Password", { exact: true }).fill("a wrong guess");
  assert.equal(await remove.isEnabled(), false);
  await page.getByLabel(/Name of the device/).fill("piccolo-hall");
  await remove.click();
  await page.getByText("The password is wrong").waitFor();
  await page.getByLabel("Password", { exact: true }).fill(password);
  await remove.click();
  await page.getByRole("button", { name: "Set up" }).waitFor();
  assert.equal(device.state.left, false);
  assert.equal(await holds(page, password), false);
});

for (const kind of ["desk", "phone"] as const) {
  test(`on a ${kind} a device that does not answer after its reset is met again by a button`, async (t) => {
    const { device, page } = await openWatched(t, browser, { stepMs: 50 }, views[kind]);
    await page.goto(`${device.origin}/#/security/reset`);
    await enter(page, "Sign in");
    // As a browser that does not know the new certificate has it: nothing comes back.
    const isStatus = "**/api/v1/status";
    await page.getByLabel(/Name of the device/).fill("piccolo-hall");
    await page.getByLabel("Password", { exact: true }).fill(password);
    await page.route(isStatus, (route) => route.abort());
    await page.getByRole("button", { name: "Remove everything", exact: true }).click();
    const load = page.getByRole("button", { name: "Load the page" });
    await load.waitFor();
    await photograph(page, `${kind}-reset-silent`);
    await load.click();
    const silent = page.getByRole("heading", { name: "The device does not answer" });
    await silent.waitFor();
    await page.waitForRequest(isStatus);
    assert.equal(await silent.isVisible(), true, "what is said stays while the device is asked again");
    await photograph(page, `${kind}-silent`);
    await page.unroute(isStatus);
    await page.getByRole("button", { name: "Set up" }).waitFor();
  });
}

test("who has forgotten the password resets by the phrase, and leaves for good only as a choice of its own", async (t) => {
  const { device, page } = await start(t, {});
  await page.goto(`${device.origin}/#/security/reset`);
  await enter(page, "Sign in");
  await page.getByLabel(/Name of the device/).fill("piccolo-hall");
  await page.getByRole("button", { name: /use the recovery phrase/ }).click();
  const remove = page.getByRole("button", { name: "Leave the network and remove everything" });
  await page.getByLabel("Leave it for good").check();
  assert.equal(await remove.isEnabled(), false);
  await page.getByLabel("Recovery phrase").fill(fakePhrase.with(3, "velwet").join(" "));
  await remove.click();
  await page.getByText("One word is not in the list of words.").waitFor();
  assert.equal(device.state.claimed, true);
  await page.getByLabel("Recovery phrase").fill(fakePhrase.join(" "));
  await remove.click();
  await page.getByRole("button", { name: "Set up" }).waitFor();
  assert.equal(device.state.left, true);
  assert.equal(await holds(page, fakePhrase.slice(0, 3).join(" ")), false);
});

test("where nobody hears that the owner leaves, nothing is removed and the other way is open", async (t) => {
  const { device, page } = await start(t, { unheard: true });
  await page.goto(`${device.origin}/#/security/reset`);
  await enter(page, "Sign in");
  await page.getByLabel(/Name of the device/).fill("piccolo-hall");
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByLabel("Leave it for good").check();
  await page.getByRole("button", { name: "Leave the network and remove everything" }).click();
  await page.getByText("Neither central nor a member answers").waitFor();
  assert.equal(device.state.claimed, true);
  await page.getByLabel("Stay in the network").check();
  await page.getByRole("button", { name: "Remove everything", exact: true }).click();
  await page.getByRole("button", { name: "Set up" }).waitFor();
});

test("who is in no network has none to leave, and is told that nothing comes back", async (t) => {
  const { device, page } = await start(t, { inNetwork: false });
  await page.goto(`${device.origin}/#/security/reset`);
  await enter(page, "Sign in");
  await page.getByRole("button", { name: "Later" }).click();
  await page.getByText("nothing brings your files back").waitFor();
  assert.equal(await page.getByLabel("Leave it for good").count(), 0);
});

test("a recovery that finds nobody asks for a place, and keeps what was typed meanwhile", async (t) => {
  const { device, page } = await start(t, {
    claimed: false,
    inNetwork: false,
    recoveryFails: "central-unreachable",
  });
  await page.goto(`${device.origin}/#/recover`);
  await page.getByLabel("Recovery phrase").fill(fakePhrase.join(" "));
  await page.getByLabel("Claim code").fill("CODE");
  await page.getByLabel("New password").fill(newPassword);
  await page.getByRole("button", { name: "Bring my files back" }).click();
  await page.getByText("Your network was not found").waitFor();
  assert.equal(await page.getByLabel("Claim code").inputValue(), "CODE");
  assert.equal(await page.getByLabel("Recovery sheet or address").isVisible(), true);
  assert.equal(await page.getByLabel("Recovery phrase").inputValue(), fakePhrase.join(" "));
});

test("a recovery with an old link asks for the code once, and keeps it while the words are mended", async (t) => {
  const { device, page } = await start(t, { claimed: false, inNetwork: false });
  await page.goto(`${device.origin}/#claim=OLD`);
  await page.getByRole("link", { name: "I have a recovery phrase" }).click();
  await page.getByLabel("Recovery phrase").fill(fakePhrase.toReversed().join(" "));
  await page.getByLabel("New password").fill(newPassword);
  await page.getByRole("button", { name: "Bring my files back" }).click();
  await page.getByLabel("Claim code").fill("CODE");
  await page.getByRole("button", { name: "Bring my files back" }).click();
  await page.getByRole("alert").filter({ hasNotText: "claim code" }).first().waitFor();
  assert.equal(await page.getByLabel("Claim code").inputValue(), "CODE");
  await page.getByLabel("Recovery phrase").fill(fakePhrase.join(" "));
  await page.getByRole("button", { name: "Bring my files back" }).click();
  await page.getByRole("button", { name: "Open my files" }).click();
});

test("a recovery is followed to the files, also after a reload", async (t) => {
  const { device, page } = await start(t, { claimed: false, inNetwork: false });
  const goOn = device.holdAt("Asking the other devices for the newest state");
  await page.goto(`${device.origin}/#claim=CODE`);
  await page.getByRole("link", { name: "I have a recovery phrase" }).click();
  await page.getByLabel("Recovery phrase").fill(fakePhrase.join(" "));
  await page.getByLabel("New password").fill(newPassword);
  await page.getByRole("button", { name: "Bring my files back" }).click();
  await page.getByRole("progressbar", { name: "Recovery" }).waitFor();
  await page.reload();
  await page.getByRole("progressbar", { name: "Recovery" }).waitFor();
  // The end stays for the person to see, also once the page has heard that the device is ready.
  const isReady = page.waitForResponse(
    async (answer) => answer.url().endsWith("/status") && (await answer.text().catch(() => "")).includes('"ready"'),
  );
  goOn();
  await isReady;
  await page.getByRole("button", { name: "Open my files" }).click();
  await page.getByRole("link", { name: "Photos" }).waitFor();
});

test("a recovery that may be stale stays marked until the owner accepts it", async (t) => {
  const mayBeStale = { answered: 2, needed: 6, newestAtMs: Date.now() - 7_200_000 };
  const { device, page } = await start(t, { security: { mayBeStale } });
  await page.goto(`${device.origin}/`);
  await enter(page, "Sign in");
  await page.getByRole("link", { name: "Look" }).click();
  await page.getByRole("button", { name: "Accept this state" }).click();
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Accept", exact: true }).click();
  await page.getByText("Everything is in place").waitFor();
});

test("an account is taken back under a new phrase", async (t) => {
  const { device, page } = await start(t, { security: { replaced: { atMs: Date.now() - 3_600_000 } } });
  await page.goto(`${device.origin}/`);
  await enter(page, "Sign in");
  await page.getByRole("button", { name: "Take my account back" }).click();
  await enter(page, "Show the new words");
  const words = await readWords(page);
  const word = (position: number): string => words[position - 1] ?? "";
  await page.getByRole("button", { name: "I have written them down" }).click();
  await page.getByLabel("Word 7").fill(word(7));
  await page.getByLabel("Word 19").fill(word(19));
  await page.getByRole("button", { name: "Take it back" }).click();
  await page.getByText("Your account is yours again").waitFor();
  assert.equal(await holds(page, word(1)), false);
  await page.getByRole("link", { name: "Done" }).click();
  await page.getByText("Everything is in place").waitFor();
});

test("a change of the key is followed after a reload and a restart, and no page offers to begin another", async (t) => {
  const { device, page } = await start(t, {});
  const goOn = device.holdAt("Locking the files' keys anew");
  await page.goto(`${device.origin}/#/security/re-key`);
  await enter(page, "Sign in");
  await enter(page, "Show the new words");
  // Another page of the same owner shows words, too, before the change begins.
  const other = await page.context().newPage();
  await other.goto(`${device.origin}/#/security/re-key`);
  await enter(other, "Show the new words");
  const shown = other.getByRole("list", wordsList);
  const words = await readWords(other);
  await answerWords(other, words, "Change the key");
  for (const one of [page, other]) await one.getByRole("progressbar", { name: "Changing the key" }).waitFor();
  assert.equal(await shown.count(), 0);
  await page.reload();
  await page.getByRole("progressbar", { name: "Changing the key" }).waitFor();
  await photograph(page, "desk-key-change-running");
  assert.equal(await page.getByRole("button", { name: "Show the new words" }).count(), 0);
  goOn();
  for (const one of [page, other]) await one.getByText("The key is changed").waitFor();
});

test("a change of the key that was interrupted is not called a failure, and is not begun again", async (t) => {
  const { device, page } = await start(t, {});
  device.state.rekey = "interrupted";
  await page.goto(`${device.origin}/#/security/re-key`);
  await enter(page, "Sign in");
  await page.getByText("It was interrupted, and goes on by itself.").waitFor();
  await photograph(page, "desk-key-change-interrupted");
  assert.equal(await page.getByRole("button", { name: "Show the new words" }).count(), 0);
  device.state.rekey = "none";
  device.publish({ type: "security" });
  await page.getByText("The key is changed").waitFor();
});

test("what protection is missing stands in red on every page, whoever looks at it", async (t) => {
  const insecure = ["no-tpm"];
  const states: readonly (readonly [FakeOptions, string])[] = [
    [{ phase: "closed", reason: "tpm-other-chip" }, ""],
    [{ phase: "locked" }, ""],
    [{ claimed: false, inNetwork: false }, ""],
    [{ claimed: false, inNetwork: false }, "#/recover"],
    [{}, ""],
  ];
  for (const [options, place] of states) {
    const { device, page } = await start(t, { ...options, insecure });
    await page.goto(`${device.origin}/${place}`);
    await page.getByText("This device runs without some of its protection").waitFor();
  }
  const { device, page } = await start(t, { insecure, security: { replaced: { atMs: Date.now() }, insecure } });
  const notice = page.getByText(/security chip\.$/).first();
  await page.goto(`${device.origin}/`);
  await enter(page, "Sign in");
  await page.getByRole("heading", { name: "Another device has taken over" }).waitFor();
  await notice.waitFor();
  await page.getByRole("button", { name: "Not now" }).click();
  for (const place of [
    "",
    "#/trash",
    "#/network",
    "#/settings",
    "#/security",
    "#/security/re-key",
    "#/security/sheet",
  ]) {
    await page.goto(`${device.origin}/${place}`);
    await page.getByRole("heading").first().waitFor();
    await notice.waitFor();
  }
});

test("changes that only this device has are told by the answer to them, until the others have them", async (t) => {
  const { device, page } = await start(t, {});
  await page.goto(`${device.origin}/`);
  await enter(page, "Sign in");
  await page.getByRole("link", { name: "Photos" }).waitFor();
  // The event that ends the wait is told once, to those who listen.
  await until("the page listens", () => Promise.resolve(device.listeners() === 1));
  device.state.changesWait = true;
  await page.getByRole("button", { name: "New folder" }).click();
  await page.getByLabel("Name of the folder").fill("Garden");
  await page.getByRole("button", { name: "Create" }).click();
  const notice = page.getByText("Your last changes are only on this device yet.");
  await notice.waitFor();
  device.state.changesWait = false;
  device.publish({ type: "network", network: device.state.network() });
  await notice.waitFor({ state: "detached" });
});

test("after a change of the key new keys are offered for the files of before, can be stopped, and come to an end", async (t) => {
  const { device, page } = await start(t, {});
  const goOn = device.holdAt("Giving the files new keys");
  await page.goto(`${device.origin}/#/security`);
  await enter(page, "Sign in");
  await page.getByText("Everything is in place").waitFor();
  assert.equal(await page.getByText("New keys for all files").count(), 0);
  device.state.reencryption = "offered";
  device.publish({ type: "security" });
  const give = page.getByRole("button", { name: "Give new keys" });
  const begin = async (): Promise<void> => {
    await give.click();
    await page.getByLabel("Password", { exact: true }).fill(password);
    await page.getByRole("dialog").getByRole("button", { name: "Give new keys" }).click();
    await page.getByRole("progressbar", { name: "Giving files new keys" }).waitFor();
  };
  await begin();
  await page.getByRole("button", { name: "Stop" }).click();
  await give.waitFor();
  await begin();
  await page.reload();
  await page.getByRole("progressbar", { name: "Giving files new keys" }).waitFor();
  goOn();
  await page.getByText("Files are getting new keys").waitFor({ state: "detached" });
  assert.equal(await give.count(), 0);
});

for (const kind of ["desk", "phone"] as const) {
  test(`on a ${kind} the page of security tells which chip it is, or that the chip does not say`, async (t) => {
    const { device, page } = await openWatched(t, browser, {}, views[kind]);
    await page.goto(`${device.origin}/#/security`);
    await enter(page, "Sign in");
    const key =
      device.state
        .security()
        .tpm?.identity?.endorsementKey.toUpperCase()
        .replaceAll(/(..)(?=.)/g, "$1:") ?? "";
    await page.getByText(key, { exact: true }).waitFor();
    await page.getByText("Its maker left a certificate for its RSA key and for this key").waitFor();
    await photograph(page, `${kind}-security`);
    const tpm = { manufacturer: "IFX", firmware: "7.85", lockout: false, simulated: false };
    const silent = await openWatched(t, browser, { security: { tpm } }, views[kind]);
    await silent.page.goto(`${silent.device.origin}/#/security`);
    await enter(silent.page, "Sign in");
    await silent.page.getByText("The chip does not tell it").waitFor();
  });
}

test("a device tells how it was started, step by step", async (t) => {
  const { device, page } = await start(t, {});
  await page.goto(`${device.origin}/#/security`);
  await enter(page, "Sign in");
  await page.getByText("On. Only signed systems start.").waitFor();
  await page.getByText("Everything is in place.").waitFor();
  await page.getByRole("link", { name: "Step by step" }).click();
  const steps = page.getByRole("list", { name: "Steps of the boot" });
  await steps.getByText("The boot loader was started").waitFor();
  assert.equal(await steps.getByText("Not as it should be").count(), 0);
  await page.getByRole("list", { name: "Sums in the security chip" }).getByText("Secure Boot").click();
  await page.locator("details[open]").getByText("Predicted", { exact: true }).waitFor();
});

test("a version that failed is told on every page until the owner has seen it", async (t) => {
  const failedRelease = { number: 2, version: "0.2.0", triedSinceMs: 1, foundAtMs: 2, why: "portal-silent" as const };
  const { device, page } = await start(t, { boot: { failedRelease } });
  await page.goto(device.origin);
  await enter(page, "Sign in");
  await page.getByText("A new version did not work.").waitFor();
  await page.getByRole("link", { name: "Look" }).click();
  await page.getByRole("heading", { name: "A new version did not work" }).waitFor();
  await page.getByText("Version 0.2.0 (release 2) was tried on").waitFor();
  await page.getByText("now runs version 0.1.0 (release 1)").waitFor();
  await page.reload();
  await page.getByRole("button", { name: "I have seen it" }).click();
  await page.getByRole("heading", { name: "A new version did not work" }).waitFor({ state: "detached" });
  assert.equal(device.state.failedRelease, undefined);
});

test("a changed system, untrusted keys and an unmeasured boot are said in plain words", async (t) => {
  const changed = await start(t, { boot: tamperedBoot() });
  await changed.page.goto(`${changed.device.origin}/#/security`);
  await enter(changed.page, "Sign in");
  const concerns = changed.page.getByRole("list", { name: "What needs your attention" });
  await concerns.getByText("was not started as its release says").waitFor();
  await concerns.getByText("untrusted development keys").waitFor();
  await changed.page.getByRole("link", { name: "Step by step" }).click();
  await changed.page.getByText("Part .cmdline of the system image is not the release's.").waitFor();

  const detail = "The boot was not measured: the firmware kept no log, or has no security chip.";
  const keys = { trust: "unknown" as const, measured: [] };
  const plain = await start(t, { boot: { state: "not-measured", detail, keys, steps: [], pcrs: [] } });
  await plain.page.goto(`${plain.device.origin}/#/security`);
  await enter(plain.page, "Sign in");
  await plain.page.getByText("Boot not measured").waitFor();
  await plain.page.getByRole("link", { name: "Step by step" }).click();
  await plain.page.getByText(detail).waitFor();
});

test("a device that cannot take a place it once had offers its reset, and asks for no other place to look at", async (t) => {
  const { device, page } = await start(t, { claimed: false, inNetwork: false, recoveryFails: "device-key-used" });
  await page.goto(`${device.origin}/#/recover`);
  await page.getByLabel("Claim code").fill("CODE");
  await page.getByLabel("Recovery phrase").fill(fakePhrase.join(" "));
  await page.getByLabel("New password").fill(newPassword);
  await page.getByRole("button", { name: "Bring my files back" }).click();
  await page.getByText("Reset this device", { exact: true }).click();
  assert.equal(await page.getByLabel("Recovery sheet or address").isVisible(), false);
  await photograph(page, "recover-reset-first");
  await page
    .getByLabel("Device name")
    .or(page.getByLabel(/piccolo-hall/))
    .first()
    .fill("piccolo-hall");
  const asked = page.waitForRequest((request) => request.url().endsWith("/factory-reset"));
  await page.locator("form").filter({ hasText: "removed for ever" }).getByRole("button").last().click();
  assert.deepEqual((await asked).postDataJSON(), { confirmation: "piccolo-hall", claimCode: "CODE" });
});

test("a device whose place is its own says so where an account is taken back, and does not ask to be quick", async (t) => {
  const { device, page } = await start(t, {});
  await page.goto(`${device.origin}/#/security/reclaim`);
  await enter(page, "Sign in");
  await page.getByRole("heading", { name: "Your account is yours" }).waitFor();
  assert.equal(await page.getByText("Be quick").count(), 0);
});

test("a change of the key that breaks off is told as that, and nobody is told to destroy a paper", async (t) => {
  const { device, page } = await start(t, { newKeyFails: "stopping" });
  await page.goto(`${device.origin}/#/security/re-key`);
  await enter(page, "Sign in");
  await enter(page, "Show the new words");
  const words = await readWords(page);
  // What the page knows of the keys is from before, and stays so.
  await page.route("**/api/v1/security", (route) => route.fulfill({ status: 503, body: "" }));
  await answerWords(page, words, "Change the key");
  await page.getByRole("heading", { name: "It did not work" }).waitFor();
  assert.equal(await page.getByText("Destroy the old paper").count(), 0);
  await photograph(page, "key-change-failed");
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByRole("button", { name: "Show the new words" }).waitFor();
});

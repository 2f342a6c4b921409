/** What the owner is to note of the device's authority, in a browser that speaks HTTPS with a real device. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { connect, type PeerCertificate } from "node:tls";
import { buildPortal } from "@piccolo/devnet";
import { type Browser, chromium } from "playwright-core";
import { claimCode, TestDevice } from "../../programs/piccolod/test-support/device.ts";
import { repositoryRoot } from "../../tools/run-tests.ts";
import { readWords } from "./phrase-steps.ts";
import { photograph, views } from "./watched-page.ts";

let browser: Browser;
before(async () => {
  await buildPortal(() => undefined);
  browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
});
after(() => browser.close());

/** What a browser shows of the issuer of the certificate that the device speaks under. */
const issuerFingerprint = (port: number): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false }, () => {
      const leaf: PeerCertificate = socket.getPeerCertificate(true);
      const issuer = "issuerCertificate" in leaf ? (leaf.issuerCertificate as PeerCertificate) : leaf;
      socket.destroy();
      resolve(issuer.fingerprint256);
    });
    socket.once("error", reject);
  });

for (const kind of ["desk", "phone"] as const) {
  test(`on a ${kind} the authority's fingerprint stands beside the words and on the printed sheet, as the connection has it`, async (t) => {
    const portal = join(repositoryRoot, "programs/portal/build");
    const device = await TestDevice.start(t, { args: ["--https", "--host", "piccolo.local", "--portal", portal] });
    const { port } = new URL(device.origin);
    const context = await browser.newContext({ ...views[kind], ignoreHTTPSErrors: true });
    t.after(() => context.close());
    const page = await context.newPage();
    await page.goto(`https://127.0.0.1:${port}/#claim=${claimCode}`);
    await page.getByLabel("Password", { exact: true }).fill("seven green bicycles");
    await page.getByRole("button", { name: "Set up" }).click();
    const words = await readWords(page);
    const expected = await issuerFingerprint(Number(port));
    assert.match(expected, /^([0-9A-F]{2}:){31}[0-9A-F]{2}$/);
    const beside = page.getByRole("region", { name: "Beside them" });
    await beside.getByText(expected, { exact: true }).waitFor();
    await photograph(page, `${kind}-phrase`);
    await page.emulateMedia({ media: "print", colorScheme: "light" });
    const paper = page.locator("[data-sheet]");
    await paper.getByText(expected, { exact: true }).waitFor();
    const printed = await paper.innerText();
    assert.deepEqual(
      words.filter((word) => new RegExp(`\\d\\s+${word}\\b`).test(printed)),
      [],
    );
    await photograph(page, `${kind}-printed-sheet`);
    await page.emulateMedia({ media: "screen", ...views[kind] });
    await page.getByRole("button", { name: "I will do it later" }).click();
    await page.goto(`https://127.0.0.1:${port}/#/security/sheet`);
    await page.getByRole("button", { name: "Later" }).click();
    await page.getByRole("article").getByText(expected, { exact: true }).waitFor();
    await photograph(page, `${kind}-sheet`);
  });
}

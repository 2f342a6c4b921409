/**
 * The life of an app as its owner sees it: found in the catalog, installed, used, configured with what is asked, uninstalled,
 * brought back with its data. In a real browser on a real device with real Podman. An argument is a folder for pictures.
 */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildPortal, Network, prepareApps, unmountBelow } from "@piccolo/devnet";
import { chromium, devices, type Page } from "playwright-core";

const pictures = process.argv[2];
const folder = mkdtempSync(join(tmpdir(), "piccolo-portal-apps-"));
const slowly = { timeout: 90_000 };
await buildPortal(() => undefined);
const apps = prepareApps(join(folder, "apps"));
const network = await Network.open({
  folder: join(folder, "net"),
  devices: 1,
  centralPort: 8700,
  devicePort: 8701,
  peerPort: 8721,
  protection: () => ({ tpm: true, volume: true, cheapSlots: true }),
  deviceArgs: () => apps,
});
let shown: Page | undefined;
const refusals: string[] = [];
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });

async function photograph(page: Page, name: string): Promise<void> {
  if (pictures === undefined) return;
  mkdirSync(pictures, { recursive: true });
  await page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true });
}

const button = (page: Page, name: string) => page.getByRole("button", { name, exact: true });

try {
  await network.central.start();
  await network.startDevice(1);
  const device = network.device(1);
  await network.claim(device);
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const page = await context.newPage();
  shown = page;
  page.on("response", (answer) => {
    if (answer.status() >= 400) refusals.push(`${answer.request().method()} ${answer.url()} ${answer.status()}`);
  });
  const to = (place: string): Promise<unknown> => page.goto(`${device.origin}/#/${place}`);
  await to("apps");
  await page.getByLabel("Password", { exact: true }).fill(device.record.password ?? "");
  await button(page, "Sign in").click();
  await button(page, "Later").click(slowly);
  await to("apps");
  await page.getByText("No apps yet").waitFor(slowly);
  await photograph(page, "apps-empty");

  // The catalog says of each app whether it can be installed, and finds by words.
  await page.getByRole("link", { name: "Look at the catalog" }).click();
  await page.getByRole("heading", { name: "Nextcloud" }).waitFor(slowly);
  assert.equal(await button(page, "Install Nextcloud").count(), 0);
  await page.getByText("Digest unverified: not offered yet").first().waitFor();
  await photograph(page, "catalog");
  await page.getByLabel("Search the catalog").fill("count");
  await button(page, "Install Counter").waitFor(slowly);
  await photograph(page, "catalog-search");

  // A manifest that is refused is explained; nothing is installed.
  await button(page, "Install from a manifest").click();
  await page.getByRole("textbox", { name: "Manifest" }).fill("services:\n  web:\n    image: nginx\n    ports: [80]\n");
  await button(page, "Check it").click();
  await page.getByText("No app takes a port of the device").waitFor(slowly);
  await photograph(page, "manifest-refused");
  await button(page, "Close").click();

  // Install, with progress on the app's page.
  await button(page, "Install Counter").click();
  await page.getByText("It asks for nothing").waitFor(slowly);
  await photograph(page, "install");
  await button(page, "Install").click();
  await page.getByRole("heading", { name: "Counter", level: 1 }).waitFor(slowly);
  await photograph(page, "installing");
  await page.getByText("Running · version 1").waitFor(slowly);
  await photograph(page, "app-running");

  // Used: the number grows on the app's own page.
  const [appPage] = await Promise.all([
    context.waitForEvent("page"),
    page.getByRole("link", { name: "Open Counter" }).click(),
  ]);
  await appPage.getByRole("button", { name: "Add one" }).click(slowly);
  await appPage.getByText("1", { exact: true }).waitFor({ timeout: 20_000 });
  await appPage.close();

  // A backup, then the log.
  await button(page, "Back up now").click();
  await page.getByText(/^Backup of .*version 1$/).waitFor(slowly);
  await page.getByText("Running · version 1").waitFor(slowly);
  await photograph(page, "app-with-backup");

  // Stopped and started.
  await button(page, "Stop").click();
  await page.getByText("Stopped · version 1").waitFor(slowly);
  await button(page, "Start").click();
  await page.getByText("Running · version 1").waitFor(slowly);

  // Uninstalled, and brought back with its number.
  await button(page, "Uninstall").click();
  await photograph(page, "uninstall");
  await page.getByRole("alertdialog").getByRole("button", { name: "Uninstall" }).click();
  await page.getByRole("heading", { name: "Apps", level: 1 }).waitFor(slowly);
  await to("app-trash");
  await button(page, "Bring back Counter").waitFor(slowly);
  await photograph(page, "uninstalled");
  await button(page, "Bring back Counter").click();
  await page.getByText("Running · version 1").waitFor(slowly);
  const [again] = await Promise.all([
    context.waitForEvent("page"),
    page.getByRole("link", { name: "Open Counter" }).click(),
  ]);
  await again.getByRole("button", { name: "Add one" }).click(slowly);
  await again.getByText("2", { exact: true }).waitFor(slowly);
  await again.close();

  // On a phone, in the dark.
  if (pictures !== undefined) {
    const phone = await browser.newContext({
      ...devices["Pixel 7"],
      colorScheme: "dark",
      storageState: await context.storageState(),
    });
    const small = await phone.newPage();
    for (const place of ["apps", "catalog", "app/counter", "app-trash"]) {
      await small.goto(`${device.origin}/#/${place}`);
      const later = button(small, "Later");
      await later
        .or(small.getByRole("heading", { level: 1 }))
        .first()
        .waitFor(slowly);
      if (await later.isVisible()) {
        await later.click();
        await small.goto(`${device.origin}/#/${place}`);
      }
      await small
        .getByText(/Counter|Uninstalled apps/)
        .first()
        .waitFor(slowly);
      await photograph(small, `phone-${place.replace("/", "-")}`);
    }
    await small.goto(`${device.origin}/#/catalog`);
    await button(small, "Install Hello").click(slowly);
    await small.getByText("It asks for nothing").waitFor(slowly);
    await photograph(small, "phone-install");
  }
} catch (error) {
  if (shown !== undefined) await photograph(shown, "failed");
  const seen = await network.device(1).session.call("GET", "/apps").catch(String);
  const log = readFileSync(join(folder, "net/logs/device1.log"), "utf8");
  throw new Error(
    `refused: ${refusals.join(", ")}\nthe device shows ${JSON.stringify(seen)} and says:\n${log.split("\n").slice(-60).join("\n")}`,
    {
      cause: error,
    },
  );
} finally {
  await browser.close();
  await network.stop();
  unmountBelow(folder);
  rmSync(folder, { recursive: true, force: true });
}

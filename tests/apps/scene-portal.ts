/**
 * The life of an app as its owner sees it: found in the catalog, installed, used, backed up, uninstalled, brought back with
 * its data. In a real browser on a real device with real Podman. An argument is a folder for pictures.
 */
import assert from "node:assert/strict";
import { prepareApps } from "@piccolo/devnet";
import { devices } from "playwright-core";
import { playInPortal, slowly } from "./portal-scene.ts";

const pictures = process.argv[2];

await playInPortal({ devices: 1, apps: prepareApps, pictures }, async (scene) => {
  const { device, context, page, to, button, inDialog, photograph, addOne } = scene;
  await photograph("apps-empty");

  // The catalog says of each app whether it can be installed, and finds by words.
  await page.getByRole("link", { name: "Look at the catalog" }).click();
  await page.getByRole("heading", { name: "Nextcloud" }).waitFor(slowly);
  assert.equal(await button("Install Nextcloud").count(), 0);
  await page.getByText("Digest unverified: not offered yet").first().waitFor();
  await photograph("catalog");
  await page.getByLabel("Search the catalog").fill("count");
  await button("Install Counter").waitFor(slowly);
  await photograph("catalog-search");

  // A manifest that is refused is explained; nothing is installed.
  await button("Install from a manifest").click();
  await page
    .getByRole("textbox", { name: "Manifest" })
    .fill("services:\n  web:\n    image: nginx\n    ports: [80]\nx-piccolo: {}\n");
  await button("Check it").click();
  await page.getByText("No app takes a port of the device").waitFor(slowly);
  await photograph("manifest-refused");
  await button("Close").click();

  // Another system's definition is known for what it is, and what it does not say is asked for.
  await button("Install from a manifest").click();
  await page
    .getByRole("textbox", { name: "Manifest" })
    .fill("services:\n  web:\n    image: nginx:1.29\n    ports: ['8080:80']\n");
  await button("Check it").click();
  await page.getByRole("heading", { name: "A definition for Docker Compose" }).waitFor(slowly);
  await page.getByLabel("Short name").fill("pages");
  await page.getByLabel("Name", { exact: true }).fill("Pages");
  await page.getByLabel("Digest of nginx:1.29").fill(`sha256:${"0123456789abcdef".repeat(4)}`);
  await inDialog("Translate").click();
  await inDialog("Go on").click(slowly);
  await page.getByText("Nobody but you vouches for this manifest.").waitFor(slowly);
  await photograph("definition-translated");
  await inDialog("Cancel").click();

  // Install, with progress on the app's page.
  await button("Install Counter").click();
  await page.getByText("It asks for nothing").waitFor(slowly);
  await photograph("install");
  await button("Install").click();
  await page.getByRole("heading", { name: "Counter", level: 1 }).waitFor(slowly);
  await photograph("installing");
  await page.getByText("Running · version 1").waitFor(slowly);
  await photograph("app-running");

  // Used: the number grows on the app's own page.
  await addOne(1);

  // A backup, then the log.
  await button("Back up now").click();
  await page.getByText(/^Backup of .*version 1$/).waitFor(slowly);
  await page.getByText("Running · version 1").waitFor(slowly);
  await photograph("app-with-backup");

  // Stopped and started.
  await button("Stop").click();
  await page.getByText("Stopped · version 1").waitFor(slowly);
  await button("Start").click();
  await page.getByText("Running · version 1").waitFor(slowly);

  // Uninstalled, and brought back with its number.
  await button("Uninstall").click();
  await photograph("uninstall");
  await inDialog("Uninstall").click();
  await page.getByRole("heading", { name: "Apps", level: 1 }).waitFor(slowly);
  await to("app-trash");
  await button("Bring back Counter").waitFor(slowly);
  await photograph("uninstalled");
  await button("Bring back Counter").click();
  await page.getByText("Running · version 1").waitFor(slowly);
  await addOne(2);

  // On a phone, in the dark.
  if (pictures !== undefined) {
    const phone = await (context.browser() ?? assert.fail()).newContext({
      ...devices["Pixel 7"],
      colorScheme: "dark",
      storageState: await context.storageState(),
    });
    const small = await phone.newPage();
    for (const place of ["apps", "catalog", "app/counter", "app-trash"]) {
      await small.goto(`${device.origin}/#/${place}`);
      const later = button("Later", small);
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
      await photograph(`phone-${place.replace("/", "-")}`, small);
    }
    await small.goto(`${device.origin}/#/catalog`);
    await button("Install Hello", small).click(slowly);
    await small.getByText("It asks for nothing").waitFor(slowly);
    await photograph("phone-install", small);
  }
});

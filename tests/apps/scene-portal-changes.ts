/**
 * What an owner changes about an app, by clicks alone: a catalog is added, the app installed from it, configured, updated, updated
 * to a sick version, rolled back, backed up into the network, restored, erased, and brought back. In a real browser
 * on a real device with real Podman, in a network of four. An argument is a folder for pictures.
 */
import { once } from "node:events";
import { createServer } from "node:http";
import { join } from "node:path";
import { createCatalog } from "@piccolo/app-manifest";
import { toHex } from "@piccolo/bytes";
import { demoAppManifest } from "@piccolo/oci-image/demo-manifest";
import { ed25519FromSeed } from "@piccolo/envelope";
import { bundleDemo } from "./demo.ts";
import { playInPortal, slowly } from "./portal-scene.ts";

const key = ed25519FromSeed(new Uint8Array(32).fill(5));
const place = { port: 8790, address: "http://127.0.0.1:8790/apps" } as const;
const files = new Map<string, string | Uint8Array>();
const publisher = createServer((req, res) => {
  const content = files.get(req.url ?? "");
  if (content === undefined) res.writeHead(404).end();
  else res.end(content);
});

const digests = new Map<string, string>();

/** A number of the catalog that has the app in one version; a sick one writes to its data and never answers. */
function publish(sequence: number, version: string, isSick = false): void {
  const digest = digests.get(isSick ? "1" : version) ?? "";
  const says = "echo The title is $$TITLE.; exec /bin/busybox httpd -f -p 8080 -h /www";
  const command = isSick ? "echo 1000000 > /data/number; echo The shelf is full.; exec sleep 1000" : says;
  const manifest = demoAppManifest("counter", `localhost/piccolo-counter:${version}@${digest}`, version)
    .replace(
      "    init: true\n",
      `    init: true\n    environment: { TITLE: "\${TITLE}" }\n    command: [/bin/sh, -c, ${JSON.stringify(command)}]\n`,
    )
    .replace("health-path: /health", `health-path: /health${isSick ? ", start-time: 2s" : ""}`)
    .concat("  settings:\n    TITLE: { type: text, label: Title, default: Home }\n");
  const images = { [`localhost/piccolo-counter@${digest}`]: { verified: true, sizeBytes: 1 } };
  const nowMs = Date.now();
  const { index, signature } = createCatalog(
    {
      title: { en: "Village library" },
      sequence,
      issuedAtMs: nowMs,
      expiresAtMs: nowMs + 86_400_000,
      apps: [{ manifest, images }],
    },
    key,
  );
  files.set("/apps/index.json", index);
  files.set("/apps/index.sig", `${toHex(signature)}\n`);
}

function bundle(folder: string): readonly string[] {
  const images = join(folder, "images");
  for (const version of ["1", "2"]) digests.set(version, bundleDemo(images, "counter", version));
  publish(1, "1");
  return ["--bundled-images", images];
}

publisher.listen(place.port, "127.0.0.1");
await once(publisher, "listening");
try {
  await playInPortal({ devices: 4, apps: bundle, pictures: process.argv[2] }, async (scene) => {
    const { page, to, button, inDialog, photograph, addOne, settled } = scene;
    const runs = (version: string): Promise<void> => page.getByText(`Running · version ${version}`).waitFor(slowly);
    const toNewer = async (sequence: number): Promise<void> => {
      await to("catalogs");
      await button("Look for a newer Village library").click(slowly);
      await page.getByText(`1 app · number ${sequence} ·`).waitFor(slowly);
      await to("app/counter");
    };
    const update = async (version: string): Promise<void> => {
      await page.getByText(`Version ${version} is there.`).waitFor(slowly);
      await button("Update").click();
      await inDialog("Update").click();
      await inDialog("Update").waitFor({ ...slowly, state: "detached" });
      await settled();
    };

    // A catalog is added, by its address and the key that was compared.
    await to("catalogs");
    await page.getByText("No catalogs").waitFor(slowly);
    await button("Add a catalog").click();
    await page.getByLabel("Address").fill(place.address);
    await page.getByLabel("Publisher's key").fill(toHex(key.publicKey));
    await inDialog("Compare the key").click();
    await inDialog("It is, add the catalog").click();
    await page.getByText("1 app · number 1 · fetched just now").waitFor(slowly);
    await photograph("catalogs");

    // Installed from it with a setting, used, and set anew: the log shows what the app was told.
    await to("catalog");
    await button("Install Counter").click(slowly);
    await page.getByLabel("Title").fill("Family");
    await inDialog("Install").click();
    await runs("1");
    await addOne(1);
    await page.getByLabel("Title").fill("Friends");
    await button("Save and restart the app").click();
    await button("Show").last().click();
    await page.getByRole("log").getByText("The title is Friends.").waitFor(slowly);
    await settled();
    await photograph("configured");

    // Updated, then to a sick version: the device goes back by itself, with the data, and says why.
    await runs("1");
    publish(2, "2");
    await toNewer(2);
    await update("2");
    await runs("2");
    await addOne(2);
    publish(3, "3", true);
    await toNewer(3);
    await update("3");
    await page
      .getByText("The update to version 3 did not succeed, and everything is as it was before.")
      .waitFor(slowly);
    await runs("2");
    // Its container is gone; what it said last is not.
    await button("What it said").click();
    await page.getByRole("region", { name: "What it said last" }).getByText("The shelf is full.").waitFor(slowly);
    await photograph("sick-update");
    await addOne(3);

    // Back to the first version and its data.
    await button("Go back").click();
    await inDialog("Go back").click();
    await inDialog("Go back").waitFor({ ...slowly, state: "detached" });
    await settled();
    await runs("1");
    await addOne(2);

    // Into the network, and back from there.
    await button("Back up now").click();
    await page.getByText(/^in the network/i).waitFor(slowly);
    await settled();
    await addOne(3);
    await button("Restore").click();
    await photograph("restore");
    await inDialog("Restore").click();
    await inDialog("Restore").waitFor({ ...slowly, state: "detached" });
    await settled();
    await runs("1");
    await addOne(3);

    // Uninstalled and erased here, it comes back from the network, with what its catalog has for it.
    await button("Uninstall").click();
    await inDialog("Uninstall").click();
    await page.getByRole("heading", { name: "Apps", level: 1 }).waitFor(slowly);
    await to("app-trash");
    await button("Erase Counter now").click(slowly);
    await inDialog("Erase").click();
    await page.getByText("Nothing here").waitFor(slowly);
    await to("apps");
    await button("Bring back Counter").waitFor(slowly);
    await photograph("in-backups");
    await button("Bring back Counter").click();
    await page.getByRole("link", { name: "Counter", exact: true }).click(slowly);
    await runs("1");
    await page.getByText("Version 3 is there.").waitFor(slowly);
    await addOne(3);
    await photograph("brought-back");
  });
} finally {
  publisher.closeAllConnections();
  publisher.close();
}

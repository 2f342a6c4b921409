/** A browser on the portal of a real device with real Podman, and what its owner does there again and again. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { buildPortal, type Device, unmountBelow, unprotected } from "@piccolo/devnet";
import { type BrowserContext, chromium, type Page } from "playwright-core";
import { openAppNetwork } from "./app-network.ts";

export const slowly = { timeout: 90_000 };

export interface PortalScene {
  readonly device: Device;
  readonly context: BrowserContext;
  readonly page: Page;
  readonly to: (place: string) => Promise<unknown>;
  readonly button: (name: string, on?: Page) => ReturnType<Page["getByRole"]>;
  readonly inDialog: (name: string) => ReturnType<Page["getByRole"]>;
  readonly photograph: (name: string, of?: Page) => Promise<void>;
  /** Opens the counter by its link and adds one, which makes it `expected`. */
  readonly addOne: (expected: number) => Promise<void>;
  /** Nothing is under way for any app. */
  readonly settled: () => Promise<void>;
}

export interface PortalSceneOptions {
  readonly devices: number;
  /** What the first device is started with; the folder goes with the scene. */
  readonly apps: (folder: string) => readonly string[];
  readonly pictures: string | undefined;
}

/** Signed in on the first device; a failure is told with what the browser was refused and what the device says. */
export async function playInPortal(
  { devices, apps, pictures }: PortalSceneOptions,
  play: (scene: PortalScene) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "piccolo-portal-apps-"));
  await buildPortal(() => undefined);
  const appArgs = apps(join(folder, "apps"));
  const network = await openAppNetwork(folder, {
    devices,
    protection: (number) => (number === 1 ? { tpm: true, volume: true, cheapSlots: true } : unprotected),
    deviceArgs: (number) => (number === 1 ? appArgs : []),
  });
  const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
  const refusals: string[] = [];
  const photograph = async (name: string, of: Page | undefined): Promise<void> => {
    if (pictures === undefined || of === undefined) return;
    mkdirSync(pictures, { recursive: true });
    await of.screenshot({ path: join(pictures, `${name}.png`), fullPage: true });
  };
  let shown: Page | undefined;
  try {
    if (devices === 1) {
      await network.start();
      await network.claim(network.device(1));
    } else {
      await network.startWhole();
    }
    const device = network.device(1);
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
    const page = await context.newPage();
    shown = page;
    page.on("response", (answer) => {
      if (answer.status() >= 400) refusals.push(`${answer.request().method()} ${answer.url()} ${answer.status()}`);
    });
    const button: PortalScene["button"] = (name, on = page) => on.getByRole("button", { name, exact: true });
    const to = (place: string): Promise<unknown> => page.goto(`${device.origin}/#/${place}`);
    await to("apps");
    await page.getByLabel("Password", { exact: true }).fill(device.record.password ?? "");
    await button("Sign in").click();
    // An owner who has not yet checked the phrase is asked to.
    const heading = page.getByRole("heading", { name: "Apps", level: 1 });
    await button("Later").or(heading).first().waitFor(slowly);
    if (await button("Later").isVisible()) await button("Later").click();
    await to("apps");
    await page.getByText("No apps yet").waitFor(slowly);
    await play({
      device,
      context,
      page,
      to,
      button,
      inDialog: (name) => page.locator("[role=dialog], [role=alertdialog]").getByRole("button", { name, exact: true }),
      photograph: (name, of = page) => photograph(name, of),
      addOne: async (expected) => {
        const link = page.getByRole("link", { name: "Open Counter" });
        const [own] = await Promise.all([context.waitForEvent("page", slowly), link.click(slowly)]);
        await own.getByRole("button", { name: "Add one" }).click(slowly);
        await own.getByText(String(expected), { exact: true }).waitFor(slowly);
        await own.close();
      },
      settled: async () => {
        for (const endMs = Date.now() + slowly.timeout; Date.now() < endMs; await delay(50)) {
          const { tasks } = await device.session.call<{ tasks: { state: string }[] }>("GET", "/tasks");
          if (tasks.every(({ state }) => state !== "running")) return;
        }
        assert.fail("something is under way for ever");
      },
    });
  } catch (error) {
    await photograph("failed", shown);
    const seen = await network.device(1).session.call("GET", "/apps").catch(String);
    const said = readFileSync(join(folder, "net/logs/device1.log"), "utf8").split("\n").slice(-60).join("\n");
    const page = await shown?.locator("main").innerText().catch(String);
    throw new Error(
      `refused: ${refusals.join(", ")}\nthe page:\n${page}\nthe device shows ${JSON.stringify(seen)} and says:\n${said}`,
      { cause: error },
    );
  } finally {
    await browser.close();
    await network.stop();
    unmountBelow(folder);
    rmSync(folder, { recursive: true, force: true });
  }
}

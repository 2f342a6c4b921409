import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { routes, type Status } from "@piccolo/device-api";
import { claimCode, password, refusedWith, TestDevice } from "../../test-support/device.ts";
import type { SecureBootState } from "../adapters/firmware/secure-boot.ts";

/** A device of the image with an owner, whose chip is another one since, in a machine with this state of Secure Boot. */
class ImageDevice {
  secureBoot: SecureBootState = "on";
  readonly device: TestDevice;

  private constructor(device: TestDevice) {
    this.device = device;
  }

  static async start(context: TestContext, isInstalled: boolean, before?: SecureBootState): Promise<ImageDevice> {
    const folder = mkdtempSync(join(tmpdir(), "piccolo-image-"));
    context.after(() => rmSync(folder, { recursive: true }));
    const files = { release: join(folder, "release.json"), marker: join(folder, "first-boot") };
    writeFileSync(files.release, JSON.stringify({ version: "1", number: 1, minimum: 1, keys: {} }));
    if (isInstalled) writeFileSync(files.marker, "");
    const made: ImageDevice[] = [];
    const device = await TestDevice.start(context, {
      args: ["--first-boot", files.marker, "--release", files.release, "--signed-boots", join(folder, "signed-boots")],
      machine: { secureBoot: () => made[0]?.secureBoot ?? before ?? "on" },
    });
    const image = new ImageDevice(device);
    made.push(image);
    return image;
  }

  /** The owner is set up, and then the disk comes into a machine with another chip. */
  async move(to: SecureBootState): Promise<void> {
    const owner = await this.device.owner();
    assert.equal((await owner.call<Status>("GET", "/status")).phase, "ready");
    await this.device.stop();
    writeFileSync(join(this.device.folder, "state/insecure-chip-seed"), new Uint8Array(32));
    this.secureBoot = to;
    await this.device.start();
  }
}

const changes = Object.keys(routes)
  .map((name) => name.split(" ") as [method: string, path: string])
  .filter(([method]) => method !== "GET" && method !== "HEAD");

const status = (device: TestDevice): Promise<Status> => device.client().call<Status>("GET", "/status");

async function takesNothing(device: TestDevice): Promise<void> {
  const client = device.client();
  const secrets = { password, phrase: "word ".repeat(24).trim(), claimCode, newPassword: password, ownerName: "Eve" };
  assert.ok(changes.length > 30);
  for (const [method, path] of [...changes, ["POST", "/a-route-of-tomorrow"] as const]) {
    const concrete = path.replaceAll(/\{\w+\}/g, "x");
    for (const body of [{ ...secrets, confirmation: "device1" }, {}]) {
      const length = { "content-length": String(Buffer.byteLength(JSON.stringify(body))) };
      refusedWith(await client.send(method, concrete, body, length), 403, "start-not-trusted");
    }
  }
}

for (const [state, code] of [
  ["off", "secure-boot-off"],
  ["setup-mode", "secure-boot-off"],
  ["no-uefi", "no-uefi"],
] as const) {
  test(`with the firmware's answer ${state} a closed device of an owner takes no secret by any route`, async (context) => {
    const image = await ImageDevice.start(context, true);
    await image.move(state);
    const { phase, reasons, opensWith, resets } = await status(image.device);
    assert.deepEqual(
      [phase, reasons.map((reason) => reason.code), opensWith, resets],
      ["closed", ["tpm-other-chip", code], [], false],
    );
    await takesNothing(image.device);
  });
}

test("nor does a device that nobody has claimed, or that has no volume", async (context) => {
  for (const isInstalled of [true, false]) {
    const { device } = await ImageDevice.start(context, isInstalled, "off");
    const { phase, reasons, resets } = await status(device);
    const codes = isInstalled ? ["secure-boot-off"] : ["not-installed", "secure-boot-off"];
    assert.deepEqual([phase, reasons.map(({ code }) => code), resets], ["closed", codes, false]);
    await takesNothing(device);
  }
});

test("it is refused before anything of a body is read", async (context) => {
  const { device } = await ImageDevice.start(context, true, "off");
  const { origin } = device.client();
  const { port, host } = new URL(origin);
  const answered = await new Promise<number>((resolve, reject) => {
    const headers = { host, origin, "content-type": "application/json", "content-length": "100" };
    const sent = request({ host: "127.0.0.1", port, method: "POST", path: "/api/v1/open-volume", headers });
    sent.once("response", (reply) => {
      resolve(reply.statusCode ?? 0);
      sent.destroy();
    });
    sent.once("error", reject);
    sent.flushHeaders();
  });
  assert.equal(answered, 403);
});

test("the same device takes the phrase once Secure Boot is on", async (context) => {
  const image = await ImageDevice.start(context, true);
  await image.move("on");
  assert.deepEqual((await status(image.device)).opensWith, ["phrase"]);
  const wrong = { phrase: "word ".repeat(24).trim(), newPassword: password };
  refusedWith(await image.device.client().send("POST", "/open-volume", wrong), 400, "phrase-checksum");
});

test("an open device of a start that is not trusted takes no phrase in the place of its password", async (context) => {
  const image = await ImageDevice.start(context, true);
  await image.device.owner();
  image.secureBoot = "off";
  const given = { phrase: "word ".repeat(24).trim(), newPassword: password };
  refusedWith(await image.device.client().send("POST", "/reset-login", given), 403, "start-not-trusted");
  image.secureBoot = "on";
  refusedWith(await image.device.client().send("POST", "/reset-login", given), 400, "phrase-checksum");
});

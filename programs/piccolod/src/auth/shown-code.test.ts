import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { Status } from "@piccolo/device-api";
import { password, refusedWith, TestDevice } from "../../test-support/device.ts";

/** A device that shows its own claim code on a screen. */
async function shown(
  context: TestContext,
): Promise<{ readonly device: TestDevice; readonly screen: () => string; readonly clear: () => void }> {
  const folder = mkdtempSync(join(tmpdir(), "piccolo-shown-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const screen = join(folder, "tty");
  writeFileSync(screen, "");
  const args = ["--screen", screen, "--claim-code-file", join(folder, "no-code")];
  // A file is not cleared as a screen is, so that what was longer before shows through.
  const clear = (): void => writeFileSync(screen, "");
  return { device: await TestDevice.start(context, { args }), screen: () => readFileSync(screen, "utf8"), clear };
}

const codeOn = (text: string): string => /Claim code: ([0-9A-Z]{4}-[0-9A-Z]{4})/.exec(text)?.[1] ?? "";
const claim = (claimCode: string): object => ({ claimCode, ownerName: "Ada", password });

test("wrong codes leave the one on the screen as it is", async (context) => {
  const { device, screen } = await shown(context);
  const code = codeOn(screen());
  assert.notEqual(code, "");
  for (let time = 0; time < 5; time += 1) {
    refusedWith(await device.client().send("POST", "/claim", claim("0000-0000")), 403, "wrong-claim-code");
  }
  refusedWith(await device.client().send("POST", "/claim", claim("0000-0000")), 429, "too-many-attempts");
  assert.equal(codeOn(screen()), code);
});

test("five wrong codes cost a caller nothing, the sixth try waits, and the right code is taken after the pause", async (context) => {
  const { device, screen } = await shown(context);
  const code = codeOn(screen());
  const client = device.client();
  for (let time = 0; time < 5; time += 1) {
    refusedWith(await client.send("POST", "/claim", claim("0000-0000")), 403, "wrong-claim-code");
  }
  const sixth = await client.send("POST", "/claim", claim(code));
  refusedWith(sixth, 429, "too-many-attempts");
  assert.equal(sixth.headers["retry-after"], "1", "also the right one, which would tell itself otherwise");
  device.world.aheadMs += 1_000;
  refusedWith(await client.send("POST", "/claim", claim("0000-0000")), 403, "wrong-claim-code");
  device.world.aheadMs += 1_000;
  refusedWith(await client.send("POST", "/claim", claim(code)), 429, "too-many-attempts");
  device.world.aheadMs += 1_000;
  const reply = await client.send("POST", "/claim", claim(code));
  assert.equal(reply.status, 201, reply.text);
});

test("the code leaves the screen with the claim, stays away after a restart, and a reset brings another", async (context) => {
  const { device, screen, clear } = await shown(context);
  const code = codeOn(screen());
  clear();
  const reply = await device.client().send("POST", "/claim", claim(code));
  assert.equal(reply.status, 201, reply.text);
  assert.doesNotMatch(screen(), /Claim code/);
  assert.match(screen(), /Open http/);
  refusedWith(await device.client().send("POST", "/claim", claim(code)), 409, "already-claimed");
  await device.stop();
  clear();
  await device.start();
  assert.match(screen(), /Open http/);
  assert.doesNotMatch(screen(), /Claim code/);
  const owner = device.client();
  await owner.signIn();
  assert.equal((await owner.send("POST", "/factory-reset", { confirmation: "device1", password })).status, 204);
  const phase = async (): Promise<string> => (await device.client().call<Status>("GET", "/status")).phase;
  while ((await phase()) !== "unclaimed" || codeOn(screen()) === "") await new Promise((done) => setTimeout(done, 20));
  assert.notEqual(codeOn(screen()), code);
});

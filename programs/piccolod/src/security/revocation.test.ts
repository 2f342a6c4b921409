/** What an older record is still good for after a password, a setting or the keys were changed: nothing, but by the phrase. */
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { Status } from "@piccolo/device-api";
import { tpmFaults } from "@piccolo/tpm2";
import {
  type Client,
  claimCode,
  type DeviceParts,
  password,
  refusedWith,
  TestDevice,
} from "../../test-support/device.ts";
import { MemoryBoot } from "../../test-support/memory-boot.ts";
import { MemoryDeployments } from "../../test-support/memory-deployments.ts";
import { confirmation, claimed } from "../../test-support/phrases.ts";
import { MemoryChip } from "../adapters/tpm/memory-chip.ts";

const newPassword = "quite another password";

/** A claimed device with a copy of its disk as it was then; the chip's own memory is no part of the disk. */
async function copied(
  context: TestContext,
  parts: DeviceParts = {},
): Promise<{
  readonly device: TestDevice;
  readonly owner: Client;
  readonly phrase: string;
  /** Puts the older record outside back, or the whole older disk, while the device is off. */
  readonly putBack: (what: "record" | "disk") => void;
}> {
  const device = await TestDevice.start(context, parts);
  const { owner, phrase } = await claimed(device);
  await owner.send("POST", "/security/phrase/confirm", confirmation(phrase));
  await owner.call("POST", "/files/folders", { parent: "root", name: "kept" });
  await device.stop();
  const [state, copy] = [join(device.folder, "state"), join(device.folder, "copy")];
  cpSync(state, copy, { recursive: true });
  await device.start();
  Object.assign(owner, { origin: device.origin });
  await owner.signIn();
  return {
    device,
    owner,
    phrase: phrase.words.join(" "),
    putBack: (what) => {
      if (what === "record") {
        writeFileSync(join(state, "outside"), readFileSync(join(copy, "outside")));
        return;
      }
      const memory = readFileSync(join(state, "insecure-chip-memory"));
      rmSync(state, { recursive: true });
      cpSync(copy, state, { recursive: true });
      writeFileSync(join(state, "insecure-chip-memory"), memory);
    },
  };
}

async function closedBy(device: TestDevice): Promise<{ readonly client: Client; readonly status: Status }> {
  await device.start();
  const client = device.client();
  return { client, status: await client.call<Status>("GET", "/status") };
}

/** Each returns the phrase that is the newest then, where it is another one. */
const changes: Readonly<Record<string, (owner: Client) => Promise<string | undefined>>> = {
  "the password was changed": async (owner) => {
    const change = { oldPassword: password, newPassword };
    assert.equal((await owner.send("POST", "/session/password", change)).status, 204);
    return undefined;
  },
  "the device was told to ask at boot": async (owner) => {
    assert.equal((await owner.send("POST", "/security/ask-at-boot", { enabled: true, password })).status, 204);
    return undefined;
  },
  "the keys were replaced": async (owner) => {
    const { words } = await owner.call<{ words: readonly string[] }>("POST", "/security/phrase", { password });
    const begun = { password, confirmation: { phrase: words.join(" ") } };
    assert.equal((await owner.send("POST", "/security/rekey", begun)).status, 202);
    return words.join(" ");
  },
};

for (const [what, change] of Object.entries(changes)) {
  for (const part of ["record", "disk"] as const) {
    test(`after ${what}, the ${part} of before does not open by the chip, and says that the phrase does`, async (context) => {
      const { device, owner, phrase, putBack } = await copied(context);
      const newest = await change(owner);
      await device.stop();
      putBack(part);
      const { client, status } = await closedBy(device);
      assert.deepEqual([status.phase, status.opensWith], ["closed", ["phrase"]]);
      assert.equal(status.reasons[0]?.code, "tpm-superseded");
      assert.match(status.reasons[0]?.detail ?? "", /newest disk.*recovery phrase/);
      refusedWith(await client.send("POST", "/unlock", { password }), 409, "nothing-to-open");
      const open = (words: string) =>
        client.send("POST", "/open-volume", { phrase: words, newPassword: "a third password" });
      if (part === "record" && newest !== undefined) {
        // The older phrase opens the volume, on which the newest record lies: that one counts, and wants its own phrase.
        refusedWith(await open(phrase), 409, "record-was-older");
        assert.equal((await client.call<Status>("GET", "/status")).phase, "closed");
        refusedWith(await open(phrase), 403, "phrase-unknown");
      }
      const reply = await open((part === "record" ? newest : undefined) ?? phrase);
      assert.equal(reply.status, 201, reply.text);
      await device.stop();
      const { client: next, status: after } = await closedBy(device);
      const asks = after.phase === "closed" && after.reasons[0]?.code === "ask-at-boot";
      const path = asks ? "/unlock" : "/session";
      assert.equal((await next.send("POST", path, { password: "a third password" })).status, 201);
    });
  }
}

test("where the device asks at boot, the old record takes the old password no more", async (context) => {
  const device = await TestDevice.start(context);
  const owner = await device.owner();
  await owner.send("POST", "/security/ask-at-boot", { enabled: true, password });
  const record = readFileSync(join(device.folder, "state/outside"));
  const change = { oldPassword: password, newPassword };
  assert.equal((await owner.send("POST", "/session/password", change)).status, 204);
  await device.stop();
  writeFileSync(join(device.folder, "state/outside"), record);
  const { client } = await closedBy(device);
  refusedWith(await client.send("POST", "/unlock", { password }), 503, "tpm-superseded");
  refusedWith(await client.send("POST", "/unlock", { password: newPassword }), 503, "tpm-superseded");
});

test("after a reset the disk of before opens by the phrase alone", async (context) => {
  const { device, owner, phrase, putBack } = await copied(context);
  const ended = (): boolean => device.logLines.some((line) => line.includes('"plan":"create"'));
  device.logLines.length = 0;
  assert.equal((await owner.send("POST", "/factory-reset", { confirmation: "device1", password })).status, 204);
  while (!ended()) await new Promise((resolve) => setImmediate(resolve));
  await device.stop();
  putBack("disk");
  const { client, status } = await closedBy(device);
  assert.equal(status.reasons[0]?.code, "tpm-superseded");
  const reply = await client.send("POST", "/open-volume", { phrase, newPassword });
  assert.equal(reply.status, 201, reply.text);
});

test("also where the machine is switched off instead of being started again", async (context) => {
  const folder = mkdtempSync(join(tmpdir(), "piccolo-switched-off-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const [marker, facts] = [join(folder, "first-boot"), join(folder, "release.json")];
  writeFileSync(marker, "");
  writeFileSync(facts, JSON.stringify({ version: "1", number: 1, minimum: 1, keys: {} }));
  let toldToStart = (): void => undefined;
  const told = new Promise<void>((resolve) => (toldToStart = resolve));
  const releases = {
    boot: new MemoryBoot(),
    deployments: new MemoryDeployments(() => undefined),
    restart: async () => toldToStart(),
  };
  const args = ["--first-boot", marker, "--release", facts];
  const { device, owner, phrase, putBack } = await copied(context, { args, machine: { releases } });
  assert.equal((await owner.send("POST", "/factory-reset", { confirmation: "device1", password })).status, 204);
  await told;
  await device.stop();
  putBack("disk");
  const { client, status } = await closedBy(device);
  assert.deepEqual([status.phase, status.reasons[0]?.code], ["closed", "tpm-superseded"]);
  const reply = await client.send("POST", "/open-volume", { phrase, newPassword });
  assert.equal(reply.status, 201, reply.text);
});

test("a chip that does not answer keeps nobody from a reset", async (context) => {
  const { device, owner, putBack } = await copied(context);
  const { mock } = context.mock.method(MemoryChip.prototype, "seal");
  // The first time from here on: afterwards it answers again.
  mock.mockImplementationOnce(() => Promise.reject(tpmFaults.fault("tpm-failed", "it does not answer")), 0);
  device.logLines.length = 0;
  assert.equal((await owner.send("POST", "/factory-reset", { confirmation: "device1", password })).status, 204);
  const says = (text: string): boolean => device.logLines.some((line) => line.includes(text));
  while (!says('"plan":"create"')) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(says("older-seals-still-open"));
  await device.stop();
  putBack("disk");
  const { status } = await closedBy(device);
  assert.equal(status.reasons[0]?.code, "tpm-superseded", "the new volume shuts it out");
});

test("a claim of the device that follows a reset opens at the next start", async (context) => {
  const { device, owner } = await copied(context);
  device.logLines.length = 0;
  assert.equal((await owner.send("POST", "/factory-reset", { confirmation: "device1", password })).status, 204);
  while (!device.logLines.some((line) => line.includes('"plan":"create"'))) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  const next = device.client();
  let claim = await next.send("POST", "/claim", { claimCode, ownerName: "Eve", password });
  while (claim.status === 423) claim = await next.send("POST", "/claim", { claimCode, ownerName: "Eve", password });
  assert.equal(claim.status, 201, claim.text);
  await device.stop();
  await device.start();
  await device.client().signIn();
});

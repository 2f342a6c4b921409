import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { predictPcr15 } from "@piccolo/attest";
import type { BootView } from "@piccolo/device-api";
import { MemoryBoot } from "../../test-support/memory-boot.ts";
import { MemoryDeployments } from "../../test-support/memory-deployments.ts";
import { MemoryBootState } from "../../test-support/memory-boot-state.ts";
import { type Client, refusedWith, TestDevice } from "../../test-support/device.ts";
import { measureAgain, metadataKey, recordedBoot } from "../../test-support/recorded-boot.ts";
import { TpmMachine } from "../../test-support/tpm-machine.ts";
import { DurableFolder } from "../adapters/state-folder.ts";
import type { FoundBoot } from "./boot-state.ts";
import { type BootQuestion, decideBootView } from "./decide.ts";
import { ReleaseTrials } from "./release-trials.ts";

const recorded = recordedBoot("secure-boot");
const { version, number, signers } = recorded.prediction;
const ours = metadataKey(1);
const found: FoundBoot = {
  firmware: "uefi",
  secureBoot: true,
  setupMode: false,
  log: recorded.log,
  pcrKey: undefined,
};
const question: BootQuestion = {
  found,
  pcrs: recorded.pcrs,
  release: { version, number, keys: { metadata: ours.fingerprint } },
  predictions: [ours.sign(recorded.prediction)],
  trustedKeys: { db: new Set(signers), pcr: new Set() },
  volume: undefined,
};

test("a boot is not measured without firmware that measures, a log, a chip, or a system image in the log", () => {
  const nothing: FoundBoot = { ...found, log: undefined };
  const views = [
    decideBootView({ ...question, found: { ...nothing, firmware: "bios", secureBoot: undefined } }),
    decideBootView({ ...question, found: nothing }),
    decideBootView({ ...question, found: { ...found, log: new Uint8Array(0) } }),
    decideBootView({ ...question, pcrs: new Map() }),
  ];
  for (const { state, detail, keys, steps } of views) {
    assert.equal(state, "not-measured");
    assert.match(detail, /not measured/);
    assert.deepEqual([keys.trust, steps.length], ["unknown", 0]);
  }
  assert.deepEqual(
    views.map(({ secureBoot }) => secureBoot),
    ["off", "on", "on", "on"],
  );
});

test("a log that was changed is unreadable, and nothing in it is shown", () => {
  const log = new Uint8Array(recorded.log);
  log[200] = (log[200] ?? 0) ^ 1;
  const view = decideBootView({ ...question, found: { ...found, log } });
  assert.ok(view.state === "unreadable" || view.state === "differs");
  const cut = decideBootView({ ...question, found: { ...found, log: recorded.log.subarray(0, 5_000) } });
  assert.equal(cut.state, "unreadable");
  assert.deepEqual([cut.steps, cut.pcrs, cut.keys.measured], [[], [], []]);
});

test("a prediction counts only when it is of the running release and signed by its key", () => {
  const stateWith = (predictions: readonly Uint8Array[]): string => decideBootView({ ...question, predictions }).state;
  const good = ours.sign(recorded.prediction);
  assert.equal(stateWith([]), "not-predicted");
  assert.equal(stateWith([metadataKey(2).sign(recorded.prediction)]), "not-predicted");
  assert.equal(stateWith([ours.sign({ ...recorded.prediction, number: number + 1 })]), "not-predicted");
  assert.equal(stateWith([ours.sign({ ...recorded.prediction, version: "9.9.9" })]), "not-predicted");
  assert.equal(stateWith([new Uint8Array(3)]), "not-predicted");
  assert.equal(decideBootView({ ...question, release: undefined }).state, "not-predicted");
  assert.equal(stateWith([new Uint8Array(3), good]), "as-released");
  const other = { ...recorded.prediction, kernel: "00".repeat(32), programs: ["11".repeat(32), "22".repeat(32)] };
  assert.equal(stateWith([ours.sign(other)]), "differs");
});

test("keys are trusted by their measured fingerprints alone", () => {
  const trustOf = (changes: Partial<BootQuestion>): BootView["keys"] =>
    decideBootView({ ...question, ...changes }).keys;
  const measured = signers.map((fingerprint) => ({ role: "db" as const, fingerprint }));
  assert.deepEqual(trustOf({ trustedKeys: { db: new Set(), pcr: new Set(signers) } }), {
    trust: "development",
    measured,
  });
  // The key for PCR policies is a part of trust, and one nobody measured is none.
  assert.deepEqual(trustOf({}), { trust: "unknown", measured });
  assert.deepEqual(trustOf({ found: { ...found, pcrKey: new Uint8Array(40) } }), { trust: "unknown", measured });
  // What the chip does not confirm names no key.
  const pcrs = new Map([...recorded.pcrs, [7, new Uint8Array(32)] as const]);
  assert.deepEqual(trustOf({ pcrs }), { trust: "unknown", measured: [] });
});

test("Secure Boot is told as it was measured, whatever the firmware says later", () => {
  const off = recordedBoot("secure-boot-off");
  const lying = { ...question, found: { ...found, log: off.log }, pcrs: off.pcrs };
  const view = decideBootView(lying);
  assert.deepEqual([view.secureBoot, view.state], ["off", "differs"]);
  assert.equal(decideBootView({ ...lying, found: { ...lying.found, setupMode: true } }).secureBoot, "set-up");
});

async function device(context: TestContext, boot: MemoryBoot, ...args: readonly string[]): Promise<TestDevice> {
  const machine = await TpmMachine.start(context);
  await machine.raw((tpm) => measureAgain(tpm, recorded));
  await machine.chip().close();
  const tpm = ["--tpm", `swtpm:${machine.swtpm.socketPath}`];
  const protection = [...tpm, "--insecure-no-volume", "--insecure-cheap-slots"];
  const bootState = new MemoryBootState(found);
  const deployments = new MemoryDeployments(() => undefined);
  const releases = { boot, deployments, restart: () => Promise.reject(new Error("the machine was started again")) };
  return TestDevice.start(context, { protection, args, machine: { bootState, releases } });
}

test("a stranger is not told how the device was started", async (context) => {
  const client = (await device(context, new MemoryBoot())).client();
  refusedWith(await client.raw("GET", "/security/boot"), 401, "sign-in-required");
});

test("a device on a real chip tells its boot as measured, and as released once it knows its release", async (context) => {
  const boot = new MemoryBoot();
  await boot.install({
    id: "piccolo-1.efi",
    content: new Uint8Array(1),
    tries: 1,
    prediction: question.predictions[0],
  });
  const owner = await (await device(context, boot)).owner();
  const view = await owner.call<BootView>("GET", "/security/boot");
  assert.deepEqual([view.state, view.secureBoot, view.keys.trust], ["not-predicted", "on", "development"]);
  assert.ok(view.steps.length > 10 && view.pcrs.length === 16);

  const folder = mkdtempSync(join(tmpdir(), "release-"));
  context.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "release.json"), JSON.stringify({ ...question.release, minimum: 1 }));
  const later = await (await device(context, boot, "--release", join(folder, "release.json"))).owner();
  const released = await later.call<BootView>("GET", "/security/boot");
  assert.deepEqual([released.state, released.release], ["as-released", { version, number }]);
  assert.ok(released.steps.every(({ finding }) => finding !== "unexpected"));
  const window = released.pcrs.find(({ pcr }) => pcr === 15);
  assert.deepEqual([window?.finding, window?.measured], ["expected", window?.predicted], "PCR 15 tells of its volume");
});

test("a boot whose PCR 15 tells of another volume than the open one differs", () => {
  const [other] = predictPcr15(new Uint8Array(32).fill(2));
  const pcrs = new Map([...recorded.pcrs, [15, other ?? new Uint8Array(0)] as const]);
  const stateWith = (volume: number): string =>
    decideBootView({ ...question, pcrs, volume: new Uint8Array(32).fill(volume) }).state;
  assert.deepEqual([stateWith(1), stateWith(2)], ["differs", "as-released"]);
});

async function restarted(device: TestDevice): Promise<Client> {
  await device.stop();
  await device.start();
  const client = device.client();
  await client.signIn();
  return client;
}

test("the owner hears of a release that was tried, over restarts, until it was seen; nobody else does", async (context) => {
  const first = await TestDevice.start(context);
  const trials = new ReleaseTrials(new DurableFolder(join(first.folder, "state")));
  const entries = [
    { id: "piccolo-8.efi", state: "bad" as const, tries: undefined },
    { id: "piccolo-7.efi", state: "good" as const, tries: undefined },
  ];
  trials.look({
    choice: { entries, booted: "piccolo-7.efi", preferred: undefined, next: undefined },
    version: "0.7.0",
    nowMs: 5_000,
  });
  const told = { number: 8, foundAtMs: 5_000, why: "unknown" };
  const owner = await first.owner();
  assert.deepEqual((await owner.call<BootView>("GET", "/security/boot")).failedRelease, told);
  const path = "/security/boot/failed-release";
  refusedWith(await first.client().raw("DELETE", `${path}/8`), 401, "sign-in-required");
  for (const wrong of ["0", "-1", "8.5", "x", "99999999999"]) {
    refusedWith(await owner.raw("DELETE", `${path}/${wrong}`), 400, "invalid-request");
  }
  await owner.call("DELETE", `${path}/9`);
  const again = await restarted(first);
  assert.deepEqual((await again.call<BootView>("GET", "/security/boot")).failedRelease, told);
  await again.call("DELETE", `${path}/8`);
  await again.call("DELETE", `${path}/8`);
  assert.equal((await again.call<BootView>("GET", "/security/boot")).failedRelease, undefined);
  const later = await restarted(first);
  assert.equal((await later.call<BootView>("GET", "/security/boot")).failedRelease, undefined);
});

test("a device that was started by the release before the newest, whose tries are used up, tells of it by itself", async (context) => {
  const boot = new MemoryBoot();
  const content = new Uint8Array(1);
  await boot.install({ id: `piccolo-${number}.efi`, content, tries: 1, prediction: undefined });
  await boot.bless(`piccolo-${number}.efi`);
  await boot.install({ id: `piccolo-${number + 1}.efi`, content, tries: 1, prediction: undefined });
  for (const booted of [number + 1, number]) assert.equal(boot.start(), `piccolo-${booted}.efi`);
  const folder = mkdtempSync(join(tmpdir(), "release-"));
  context.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "release.json"), JSON.stringify({ ...question.release, minimum: 1 }));
  const owner = await (await device(context, boot, "--release", join(folder, "release.json"))).owner();
  const { failedRelease, release } = await owner.call<BootView>("GET", "/security/boot");
  assert.deepEqual([failedRelease?.number, failedRelease?.why], [number + 1, "unknown"]);
  assert.equal(release?.number, number);
});

test("a device without a chip says that nothing was measured", async (context) => {
  const owner = await (await TestDevice.start(context)).owner();
  assert.equal((await owner.call<BootView>("GET", "/security/boot")).state, "not-measured");
});

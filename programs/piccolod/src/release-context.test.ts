import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { deviceArgs } from "../test-support/device.ts";
import { MemoryBoot } from "../test-support/memory-boot.ts";
import { MemoryDeployments } from "../test-support/memory-deployments.ts";
import { carried, makePolicyKey, signRelease, startRelease } from "../test-support/release-key.ts";
import { TpmMachine } from "../test-support/tpm-machine.ts";
import type { SecureBootState } from "./adapters/firmware/secure-boot.ts";
import { createLog } from "./adapters/log.ts";
import { ownPortalAnswers } from "./adapters/own-portal.ts";
import { DurableFolder } from "./adapters/state-folder.ts";
import { readConfig } from "./config.ts";
import { MemoryChip } from "./adapters/tpm/memory-chip.ts";
import { OwnAddress } from "./http/own-address.ts";

import { GrubBoot } from "./adapters/boot/grub-boot.ts";
import { SystemdBoot } from "./adapters/boot/systemd-boot.ts";
import { bootImages, distrustOfStart, firstMinimum, keepRelease, keptReleases } from "./release-context.ts";
import type { OutsideRecord } from "./security/outside-record.ts";
import { bootControlFaults } from "./system/boot-control.ts";
import { nothingMeasured } from "./system/boot-state.ts";
import type { VolumeOutcome } from "./system/probation.ts";
import { ReleaseTrials } from "./system/release-trials.ts";
import { realWorld } from "@piccolo/world/real";

const secret = new Uint8Array(32).fill(3);
const key = makePolicyKey();
const releaseOf = (release: number) => ({ release, signed: carried(release, key, signRelease(release, [key])) });

/** Something that answers as the portal does, with this status. */
async function portal(context: TestContext, status: number): Promise<OwnAddress> {
  const server = createServer((_request, reply) => void reply.writeHead(status).end("{}"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  context.after(() => server.close());
  const address = new OwnAddress({ isSecure: false, names: ["device1.localhost"] });
  address.port = (server.address() as AddressInfo).port;
  return address;
}

test("a portal that answers with anything but its status is silent, and so is one that is not there", async (context) => {
  assert.equal(await ownPortalAnswers(await portal(context, 200), "0.0.0.0"), true);
  assert.equal(await ownPortalAnswers(await portal(context, 500), "127.0.0.1"), false);
  const nobody = new OwnAddress({ isSecure: false, names: ["device1.localhost"] });
  nobody.port = 1;
  assert.equal(await ownPortalAnswers(nobody, "::"), false);
  const insecure = await portal(context, 200);
  const secure = new OwnAddress({ isSecure: true, names: ["device1.localhost"] });
  secure.port = insecure.port;
  assert.equal(await ownPortalAnswers(secure, "::"), false);
});

for (const [what, volume, expected] of [
  ["once the release was found good with the volume open", { state: "open" }, "release-too-old"],
  ["not while the volume is closed", { state: "closed", codes: ["ask-at-boot"] }, undefined],
] as const) {
  test(`older releases are shut out by the chip, ${what}`, async (context) => {
    const machine = await TpmMachine.start(context);
    await startRelease(machine, releaseOf(1));
    const sealedVolumeKey = await machine.chip().seal(secret, "volume");
    await startRelease(machine, releaseOf(3));
    const folder = mkdtempSync(join(tmpdir(), "piccolo-release-"));
    context.after(() => rmSync(folder, { recursive: true }));
    const facts = join(folder, "release.json");
    writeFileSync(facts, JSON.stringify({ version: "3", number: 3, minimum: 2, keys: {} }));
    const boot = new MemoryBoot();
    for (const id of ["piccolo-2.efi", "piccolo-3.efi"]) {
      await boot.install({ id, content: secret, tries: 2, prediction: undefined });
      if (id === "piccolo-2.efi") await boot.bless(id);
    }
    boot.start();
    const commits = new Map(
      [2, 3].map((id) => [String(id).repeat(64), { version: String(id), signed: true }] as const),
    );
    const deployments = new MemoryDeployments(() => commits, "3");
    for (const id of ["2", "3"]) {
      await deployments.stage({ id, branch: "piccolo/x86_64/beta", commit: id.repeat(64) });
    }
    // Time goes on as fast as somebody waits for it.
    let nowMs = 0;
    let waits = 0;
    let idle = (): void => undefined;
    const isIdle = new Promise<void>((resolve) => (idle = resolve));
    const world = Object.assign(Object.create(realWorld) as typeof realWorld, {
      monotonicMs: () => nowMs,
      sleep: async (ms: number, signal?: AbortSignal): Promise<void> => {
        nowMs += ms;
        waits += 1;
        if (waits <= 100) return;
        idle();
        await realWorld.sleep(1_000_000, signal);
      },
    });
    const lines: string[] = [];
    const log = createLog(
      (line) => lines.push(line),
      () => 0,
    );
    const seen: VolumeOutcome = volume;
    const record = { sealedVolumeKey, sealedPepper: undefined } as OutsideRecord;
    const keeping = keepRelease(
      readConfig(deviceArgs(folder, "--release", facts)),
      { world, log, crashPoint: () => undefined, releases: { boot, deployments, restart: async () => undefined } },
      {
        state: new DurableFolder(join(folder, "state")),
        releaseTrials: new ReleaseTrials(new DurableFolder(join(folder, "state"))),
        chip: machine.chip(),
        address: await portal(context, 200),
        volume: () => seen,
        record: () => record,
      },
    );
    await Promise.race([keeping.done, isIdle]);
    await keeping.stop();
    assert.ok(
      lines.some((line) => line.includes("release-blessed")),
      lines.join(""),
    );
    assert.equal((await boot.choice()).entries[0]?.state, "good");
    await startRelease(machine, releaseOf(2));
    assert.deepEqual(await machine.chip().unseal(sealedVolumeKey), secret, "the release before still opens");
    await startRelease(machine, releaseOf(1));
    const opened = machine.chip().unseal(sealedVolumeKey);
    if (expected === undefined) assert.deepEqual(await opened, secret);
    else await assert.rejects(opened, { code: expected });
  });
}

test("a machine whose boots no release signs takes no secret with Secure Boot off; a development network has none", async () => {
  const chip = new MemoryChip({ world: realWorld, seed: new Uint8Array(32) });
  const settings = readConfig(["--config", join(import.meta.dirname, "../../../os/butane/piccolod.json")]);
  const log = createLog(
    () => undefined,
    () => 0,
  );
  const codeWith = async (secureBoot: SecureBootState, config = settings): Promise<string | undefined> => {
    const parts = { world: realWorld, log, crashPoint: () => undefined, secureBoot: () => secureBoot };
    const distrust = distrustOfStart(config, parts, { chip, bootState: nothingMeasured });
    return distrust === undefined ? "not-asked" : (await distrust())?.code;
  };
  assert.equal(await codeWith("off"), "secure-boot-off");
  assert.equal(await codeWith("setup-mode"), "secure-boot-off");
  assert.equal(await codeWith("no-uefi"), "no-uefi");
  assert.equal(await codeWith("on"), undefined);
  assert.equal(await codeWith("off", { ...settings, tpm: { kind: "swtpm", path: "/tmp/socket" } }), "not-asked");
  chip.measure(11);
  assert.equal(await codeWith("on"), "tpm-policy");
});

test("a chip without a minimum gets the one its release names, and none that shuts out the release before a release on probation", (context) => {
  const folder = mkdtempSync(join(tmpdir(), "piccolo-minimum-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const facts = join(folder, "release.json");
  writeFileSync(facts, JSON.stringify({ version: "3", number: 3, minimum: 3, keys: {} }));
  const released = readConfig(deviceArgs(folder, "--release", facts, "--boot-loader", "systemd-boot"));
  assert.equal(
    firstMinimum(released, () => false),
    3,
  );
  assert.equal(
    firstMinimum(released, () => true),
    1,
  );
  const unreadable = (): never => {
    throw bootControlFaults.fault("boot-partition-unreadable", "the firmware does not give it out");
  };
  assert.equal(firstMinimum(released, unreadable), 1, "where nobody knows, it is raised later");
  assert.equal(firstMinimum(readConfig(deviceArgs(folder, "--release", facts))), 3, "nobody counts its starts");
  assert.equal(firstMinimum(readConfig(deviceArgs(folder))), 1);
});

test("the settings say which boot loader chooses, and without them it is none of the device's business", (context) => {
  const folder = mkdtempSync(join(tmpdir(), "piccolo-loader-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const facts = join(folder, "release.json");
  writeFileSync(facts, JSON.stringify({ version: "3", number: 3, minimum: 2, keys: {} }));
  const parts = {
    world: realWorld,
    log: createLog(
      () => undefined,
      () => 0,
    ),
    crashPoint: () => undefined,
  };
  const bootOf = (...more: string[]): readonly unknown[] => {
    const config = readConfig(deviceArgs(folder, ...more));
    return [keptReleases(config, parts)?.boot, bootImages(config, parts)].map((each) => each?.constructor);
  };
  assert.deepEqual(bootOf("--release", facts, "--boot-loader", "systemd-boot"), [SystemdBoot, SystemdBoot]);
  assert.deepEqual(bootOf("--boot-loader", "grub"), [GrubBoot, undefined]);
  assert.deepEqual(bootOf(), [undefined, undefined]);
});

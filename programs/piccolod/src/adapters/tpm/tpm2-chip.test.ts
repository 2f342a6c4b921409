import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { suite, test } from "node:test";
import { ByteReader, concat } from "@piccolo/bytes";
import { isFault } from "@piccolo/fault";
import {
  clear,
  createPrimary,
  getHandles,
  getProperties,
  nvAttributes,
  nvDefineSpace,
  nvUndefineSpace,
  nvEntity,
  nvReadPublic,
  nvWrite,
  pcrExtend,
  properties,
  sha256,
  storageRootTemplate,
} from "@piccolo/tpm2";
import type { World } from "@piccolo/world";
import { realWorld as world } from "@piccolo/world/real";
import { number, owner } from "../../../test-support/tpm-fixture.ts";
import { TpmMachine } from "../../../test-support/tpm-machine.ts";
import { openSocketChannel } from "./socket-channel.ts";
import { decodeSealedBlob, encodeSealedBlob } from "./sealed-blob.ts";
import { Tpm2Chip } from "./tpm2-chip.ts";

const secret = sha256(Uint8Array.of(1));
const minimumHandle = 0x0180_9c01;

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = bytes.slice();
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return copy;
}

suite("sealed across what happens to a machine", () => {
  test("twenty power cuts with use in between count as no wrong try and lock nothing", async (context) => {
    const machine = await TpmMachine.start(context);
    const blob = await machine.chip().seal(secret, "volume");
    for (let cut = 1; cut <= 20; cut++) {
      assert.deepEqual(await machine.chip().unseal(blob), secret);
      await machine.chip().closeWindow(undefined);
      await machine.reboot();
    }
    assert.equal((await machine.chip().describe()).lockout, false);
    await machine.raw(async (tpm) => {
      const { values } = await tpm.execute(getProperties(properties.lockoutCounter, 1));
      assert.equal(values.get(properties.lockoutCounter), 0);
    });
    assert.deepEqual(await machine.chip().unseal(blob), secret);
  });

  test("another TPM refuses what was sealed even when it is told that it is its own", async (context) => {
    const machine = await TpmMachine.start(context);
    const blob = await machine.chip().seal(secret, "pepper");
    const other = await TpmMachine.start(context);
    const own = decodeSealedBlob(await other.chip().seal(secret, "pepper"));
    const renamed = encodeSealedBlob({ ...decodeSealedBlob(blob), parentName: own.parentName });
    await assert.rejects(other.chip().unseal(renamed), { code: "tpm-other-chip" });
  });

  test("the memory of the minimum release removed from a TPM keeps it shut, also when somebody makes it anew", async (context) => {
    const machine = await TpmMachine.start(context);
    const blob = await machine.chip().seal(secret, "pepper");
    const weak = {
      handle: minimumHandle,
      attributes: nvAttributes.authRead | nvAttributes.authWrite | nvAttributes.noDa,
      authPolicy: new Uint8Array(0),
      sizeBytes: 8,
    };
    await machine.raw(async (tpm) => {
      const index = await tpm.execute(nvReadPublic(minimumHandle));
      await tpm.execute(nvUndefineSpace(nvEntity(index)));
    });
    await assert.rejects(machine.chip().unseal(blob), { code: "tpm-nv-missing" });
    await machine.raw((tpm) => tpm.execute(nvDefineSpace(weak)));
    await assert.rejects(machine.chip().unseal(blob), { name: "Fault" });
    await assert.rejects(machine.chip().seal(secret, "pepper"), { code: "tpm-nv-defined" });
  });

  test("a command line or extensions of its own keep the volume shut and are not sealed to", async (context) => {
    for (const pcr of [12, 13]) {
      const machine = await TpmMachine.start(context);
      const blob = await machine.chip().seal(secret, "volume");
      await machine.raw((tpm) => tpm.execute(pcrExtend(pcr, secret)));
      await assert.rejects(machine.chip().unseal(blob), { code: "tpm-policy" });
      await assert.rejects(machine.chip().seal(secret, "volume"), { code: "tpm-policy" });
    }
  });

  test("a raised minimum shuts out what older releases sealed and older releases, and never comes down", async (context) => {
    const machine = await TpmMachine.start(context);
    const first = await machine.chip().seal(secret, "volume");
    await machine.reboot(2);
    assert.deepEqual(await machine.chip().unseal(first), secret, "a newer release opens it");
    const second = await machine.chip().seal(secret, "volume");
    await assert.rejects(machine.chip().raiseMinimumRelease(2, [second, first]), { code: "tpm-policy" });
    assert.deepEqual(await machine.chip().unseal(first), secret, "what is still needed keeps the minimum down");
    await machine.chip().raiseMinimumRelease(2, [second]);
    await machine.chip().raiseMinimumRelease(2, [second]);
    await assert.rejects(machine.chip().unseal(first), { code: "tpm-policy", message: /release 1 sealed/ });
    assert.deepEqual(await machine.chip().unseal(second), secret);
    await machine.chip().raiseMinimumRelease(1, []);
    await machine.reboot(1);
    await assert.rejects(machine.chip().unseal(second), { code: "release-too-old" });
    await assert.rejects(machine.chip().seal(secret, "volume"), { code: "release-too-old" });
    await assert.rejects(machine.chip().checkStart(), { code: "release-too-old" });
    await machine.chip().raiseMinimumRelease(1, []);
    await assert.rejects(machine.chip().unseal(first), { code: "release-too-old" });
    const forged = encodeSealedBlob({ ...decodeSealedBlob(first), release: 2 });
    await machine.reboot(2);
    await assert.rejects(machine.chip().unseal(forged), { code: "tpm-policy" });
  });

  test("a TPM without a minimum gets the one that the release names, not its own number", async (context) => {
    const machine = await TpmMachine.start(context);
    machine.firstMinimum = 3;
    await machine.reboot(5);
    await machine.chip().seal(secret, "pepper");
    await machine.reboot(3);
    await machine.chip().checkStart();
    assert.deepEqual(await machine.chip().unseal(await machine.chip().seal(secret, "pepper")), secret);
    await machine.reboot(2);
    await assert.rejects(machine.chip().checkStart(), { code: "release-too-old" });
  });

  for (const [what, written] of [
    ["above every release", Number.MAX_SAFE_INTEGER],
    ["that no release can have", 2 ** 53],
    ["of all ones", 2n ** 64n - 1n],
  ] as const) {
    test(`a minimum ${what}, written by other software, opens nothing until the TPM is cleared`, async (context) => {
      const machine = await TpmMachine.start(context);
      const blob = await machine.chip().seal(secret, "volume");
      await machine.raw(async (tpm) => {
        const index = nvEntity(await tpm.execute(nvReadPublic(minimumHandle)));
        await tpm.execute(nvWrite(owner, index, 0, number(written)));
      });
      for (const refused of [
        machine.chip().unseal(blob),
        machine.chip().seal(secret, "volume"),
        machine.chip().checkStart(),
      ]) {
        await assert.rejects(refused, { code: "release-too-old", message: /clear the TPM/ });
      }
      await machine.chip().raiseMinimumRelease(1, []);
      await assert.rejects(machine.chip().checkStart(), { code: "release-too-old" }, "never downwards");
      await machine.raw((tpm) => tpm.execute(clear()));
      await machine.chip().checkStart();
      await assert.rejects(machine.chip().unseal(blob), { code: "tpm-other-chip" }, "so that the phrase is asked for");
      assert.deepEqual(await machine.chip().unseal(await machine.chip().seal(secret, "volume")), secret);
    });
  }

  test("a power cut between making and writing the memory of the minimum release is caught up", async (context) => {
    const machine = await TpmMachine.start(context);
    machine.tap((command, transmit) => {
      const isWrite = new DataView(command.buffer, command.byteOffset).getUint32(6) === 0x137;
      return isWrite ? Promise.reject(new Error("the power is gone")) : transmit(command);
    });
    await assert.rejects(machine.chip().seal(secret, "pepper"), /power/);
    machine.tap((command, transmit) => transmit(command));
    await machine.reboot();
    const blob = await machine.chip().seal(secret, "pepper");
    assert.deepEqual(await machine.chip().unseal(blob), secret);
  });

  test("a cleared TPM refuses, and serves anew", async (context) => {
    const machine = await TpmMachine.start(context);
    const blob = await machine.chip().seal(secret, "volume");
    await machine.raw((tpm) => tpm.execute(clear()));
    await assert.rejects(machine.chip().unseal(blob), { code: "tpm-other-chip" });
    assert.deepEqual(await machine.chip().unseal(await machine.chip().seal(secret, "volume")), secret);
  });

  test("what a crash left in all slots is removed by the next start", async (context) => {
    const machine = await TpmMachine.start(context);
    const blob = await machine.chip().seal(secret, "pepper");
    await machine.raw(async (tpm) => {
      for (let slot = 0; slot < 3; slot++) await tpm.execute(createPrimary("null", { template: storageRootTemplate }));
    });
    assert.deepEqual(await machine.chip().unseal(blob), secret);
    await machine.raw(async (tpm) => {
      for (const range of ["transient", "loadedSession", "savedSession"] as const) {
        assert.deepEqual((await tpm.execute(getHandles(range))).values, [], range);
      }
    });
  });

  test("faults leave nothing behind: a hundred refusals fill no slot", async (context) => {
    const machine = await TpmMachine.start(context);
    const blob = await machine.chip().seal(secret, "volume");
    await machine.measure(11);
    for (let tries = 0; tries < 100; tries++) await assert.rejects(machine.chip().unseal(blob), { code: "tpm-policy" });
  });

  test("a TPM whose process was started again is found again by the same chip", async (context) => {
    const machine = await TpmMachine.start(context);
    const blob = await machine.chip().seal(secret, "pepper");
    await machine.swtpm.cutPower();
    await assert.rejects(machine.chip().unseal(blob), { name: "Fault" });
    await assert.rejects(machine.chip().unseal(blob), { code: "tpm-missing" });
    await machine.swtpm.switchOn();
    assert.deepEqual(await machine.chip().unseal(blob), secret);
  });
});

/** Answers as they were recorded; a command nobody recorded names something the TPM does not know. */
function replay(
  exchanges: readonly (readonly [Uint8Array, Uint8Array])[],
  change: (at: number, answer: Uint8Array) => Uint8Array,
): (command: Uint8Array) => Promise<Uint8Array> {
  const unknown = Uint8Array.of(0x80, 0x01, 0, 0, 0, 10, 0, 0, 0x01, 0x8b);
  let next = 0;
  return async (command) => {
    const exchange = exchanges[next];
    if (exchange === undefined || Buffer.compare(command, exchange[0]) !== 0) return unknown;
    return change(next++, exchange[1].slice());
  };
}

/** Repeats itself, so that a recorded conversation can be had again without the TPM. */
function repeatingWorld(): World {
  let counter = 0;
  const randomBytes = (length: number): Uint8Array<ArrayBuffer> => {
    const block = createHash("shake256", { outputLength: length }).update(String(counter++));
    return new Uint8Array(block.digest());
  };
  return { ...world, randomBytes, sleep: async () => undefined };
}

suite("somebody between the TPM and the processor", () => {
  test("sees neither what is sealed nor what is unsealed", async (context) => {
    const machine = await TpmMachine.start(context);
    const seen: Uint8Array[] = [];
    machine.tap(async (command, transmit) => {
      seen.push(command.slice());
      const answer = await transmit(command);
      seen.push(answer.slice());
      return answer;
    });
    const blob = await machine.chip().seal(secret, "volume");
    assert.deepEqual(await machine.chip().unseal(blob), secret);
    const bus = Buffer.from(concat(...seen));
    const { publicArea, wrapped } = decodeSealedBlob(blob);
    assert.ok(bus.includes(publicArea.authPolicy) && bus.includes(wrapped), "the recording sees what is public");
    for (let from = 0; from + 8 <= secret.length; from++) assert.ok(!bus.includes(secret.subarray(from, from + 8)));
  });

  test("changes any bit of any answer: a fault or the true secret, and of a proven answer always a fault", async (context) => {
    const machine = await TpmMachine.start(context);
    const blob = await machine.chip().seal(secret, "volume");
    const exchanges: (readonly [Uint8Array, Uint8Array])[] = [];
    await machine.chip().close();
    const channel = await openSocketChannel(machine.swtpm.socketPath, { world });
    const recording = new Tpm2Chip({
      connect: async () => ({
        exclusive: true,
        usable: true,
        transmit: async (command) => {
          const asked = command.slice();
          const answer = await channel.transmit(command);
          exchanges.push([asked, answer.slice()]);
          return answer;
        },
        close: () => channel.close(),
      }),
      world: repeatingWorld(),
      releaseNumber: 1,
      firstMinimum: 1,
    });
    assert.deepEqual(await recording.unseal(blob), secret);
    await recording.close();

    const unsealWith = (change: (at: number, answer: Uint8Array) => Uint8Array): Promise<Uint8Array> => {
      const transmit = replay(exchanges, change);
      const connect = async () => ({ exclusive: true, usable: true, transmit, close: async () => undefined });
      return new Tpm2Chip({ connect, world: repeatingWorld(), releaseNumber: 1, firstMinimum: 1 }).unseal(blob);
    };
    assert.deepEqual(await unsealWith((_at, answer) => answer), secret, "the recording replays");

    let refused = 0;
    let harmless = 0;
    for (const [place, [command, answer]] of exchanges.entries()) {
      const isUnseal = new ByteReader(command.subarray(6)).u32() === 0x15e;
      // Every bit of the answer that carries the secret, one bit of every byte of the others.
      const step = isUnseal ? 1 : 8;
      for (let bit = isUnseal ? 0 : place & 7; bit < answer.length * 8; bit += step) {
        const attempt = unsealWith((at, bytes) => (at === place ? flipped(bytes, bit) : bytes));
        const outcome = await attempt.catch((error: unknown) => error);
        if (isFault(outcome)) refused++;
        else {
          assert.deepEqual(outcome, secret, `bit ${bit} of answer ${place}`);
          assert.ok(!isUnseal, `bit ${bit} of the secret's own answer`);
          harmless++;
        }
      }
    }
    assert.ok(refused > 1_500, `${refused} refused, ${harmless} harmless`);
  });

  test("changes bits while a secret is sealed and unsealed by a real TPM: no wrong secret ever", async (context) => {
    const machine = await TpmMachine.start(context);
    const blob = await machine.chip().seal(secret, "pepper");
    let place = -1;
    let seen = 0;
    machine.tap(async (command, transmit) => {
      const answer = await transmit(command);
      return seen++ === place ? flipped(answer, (place * 37 + 83) % (answer.length * 8)) : answer;
    });
    let refused = 0;
    for (place = 0; place < 24; place++) {
      seen = 0;
      const opened = await machine
        .chip()
        .unseal(blob)
        .catch((error: unknown) => error);
      if (isFault(opened)) refused++;
      else assert.deepEqual(opened, secret);
      seen = 0;
      const sealed = await machine
        .chip()
        .seal(secret, "pepper")
        .catch((error: unknown) => error);
      seen = Number.MIN_SAFE_INTEGER;
      if (isFault(sealed)) refused++;
      else assert.deepEqual(await machine.chip().unseal(sealed as Uint8Array), secret);
    }
    assert.ok(refused > 10, String(refused));
    assert.deepEqual(await machine.chip().unseal(blob), secret, "and nothing is left behind");
  });

  test("who changes a command is noticed by the TPM", async (context) => {
    const machine = await TpmMachine.start(context);
    const blob = await machine.chip().seal(secret, "pepper");
    machine.tap((command, transmit) => {
      const isUnseal = new ByteReader(command.subarray(6)).u32() === 0x15e;
      return transmit(isUnseal ? flipped(command, command.length * 8 - 1) : command);
    });
    await assert.rejects(machine.chip().unseal(blob), { code: "tpm-auth" });
  });
});

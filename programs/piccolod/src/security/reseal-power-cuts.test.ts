/** A change of password with a real software TPM, whose state is carried forward, cut off at every command and write. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { ed25519FromSeed, type OpenedRoot } from "@piccolo/envelope";
import { isFault } from "@piccolo/fault";
import { realWorld as world } from "@piccolo/world/real";
import { cheapArgon2, least } from "../../test-support/owner.ts";
import { TpmMachine } from "../../test-support/tpm-machine.ts";
import { createLog } from "../adapters/log.ts";
import { DurableFolder } from "../adapters/state-folder.ts";
import { PlainFolderVolume } from "../adapters/volume/plain-folder.ts";
import { Boot } from "./boot.ts";
import { Keyring } from "./keyring.ts";
import { OwnerSecurity } from "./owner-security.ts";

const noPower = (): Error => new Error("the power is gone");

/** Counts what the device does to its TPM and its disk, and cuts the power before or after one of these steps. */
class Cuts {
  #armed: { left: number; readonly isDone: boolean } | undefined;
  readonly #cutTpm: () => Promise<void>;

  constructor(cutTpm: () => Promise<void>) {
    this.#cutTpm = cutTpm;
  }

  arm(at: number, isDone: boolean): void {
    this.#armed = { left: at, isDone };
  }

  disarm(): void {
    this.#armed = undefined;
  }

  async command(transmit: () => Promise<Uint8Array>): Promise<Uint8Array> {
    const cut = this.#next();
    if (cut === undefined) return transmit();
    if (cut.isDone) await transmit();
    await this.#cutTpm();
    throw noPower();
  }

  write(write: () => void): void {
    const cut = this.#next();
    if (cut?.isDone !== false) write();
    if (cut !== undefined) throw noPower();
  }

  #next(): { readonly isDone: boolean } | undefined {
    const armed = this.#armed;
    return armed !== undefined && armed.left-- === 0 ? armed : undefined;
  }
}

class CutFolder extends DurableFolder {
  cuts: Cuts | undefined;

  restore(): void {
    mkdirSync(this.path, { mode: 0o700 });
  }

  override write(name: string, content: Uint8Array): void {
    if (this.cuts === undefined) super.write(name, content);
    else this.cuts.write(() => super.write(name, content));
  }
}

class Machine {
  readonly tpm: TpmMachine;
  readonly state: CutFolder;
  readonly cuts: Cuts;

  static async start(context: TestContext): Promise<Machine> {
    const path = mkdtempSync(join(tmpdir(), "piccolod-cuts-"));
    context.after(() => rmSync(path, { recursive: true }));
    return new Machine(await TpmMachine.start(context), new CutFolder(path));
  }

  private constructor(tpm: TpmMachine, state: CutFolder) {
    this.tpm = tpm;
    this.state = state;
    this.cuts = new Cuts(() => tpm.swtpm.cutPower());
    state.cuts = this.cuts;
    tpm.tap((command, transmit) => this.cuts.command(() => transmit(command)));
  }

  get record(): Buffer {
    return readFileSync(this.state.file("outside"));
  }

  async start(): Promise<{
    readonly boot: Boot;
    readonly keyring: Keyring;
    readonly security: OwnerSecurity;
  }> {
    const chip = this.tpm.chip();
    const volume = new PlainFolderVolume(new DurableFolder(this.state.file("volume")).path);
    const log = createLog(
      () => undefined,
      () => 0,
    );
    const boot = new Boot({ state: this.state, volume, chip, world, log, argon2: cheapArgon2, floor: least });
    const opened = await boot.start();
    assert.ok(opened !== undefined, `closed: ${boot.closed?.reasons[0]?.code}`);
    const keyring = new Keyring({ outside: opened.outside, chip, argon2: cheapArgon2, floor: least });
    const parts = { ...opened, keyring, chip, argon2: cheapArgon2, world, cost: least, floor: least };
    const deviceKey = ed25519FromSeed(new Uint8Array(32).fill(3));
    const nothing = (): undefined => undefined;
    const security = new OwnerSecurity({
      ...parts,
      deviceKey,
      details: () => [],
      crashPoint: nothing,
      report: nothing,
      slotChanged: nothing,
    });
    return { boot, keyring, security };
  }

  /** Why the device stays closed with this record. */
  async refusal(record: Uint8Array): Promise<string | undefined> {
    const newest = this.record;
    writeFileSync(this.state.file("outside"), record);
    await this.tpm.reboot();
    const volume = new PlainFolderVolume(join(this.state.path, "volume"));
    const log = createLog(
      () => undefined,
      () => 0,
    );
    const boot = new Boot({
      state: this.state,
      volume,
      chip: this.tpm.chip(),
      world,
      log,
      argon2: cheapArgon2,
      floor: least,
    });
    await boot.start();
    writeFileSync(this.state.file("outside"), newest);
    return boot.closed?.reasons[0]?.code;
  }
}

const opens = async (keyring: Keyring, password: string): Promise<boolean> => {
  let root: OpenedRoot;
  try {
    root = await keyring.openRoot(password);
  } catch (error) {
    assert.ok(isFault(error, "wrong-password"), String(error));
    return false;
  }
  root.erase();
  return true;
};

test("the power goes anywhere in a change of the password: one of the two passwords opens, and the older record never again", async (context) => {
  const machine = await Machine.start(context);
  const { cuts } = machine;
  let present = "password 0";
  await (await machine.start()).security.claim("Ada", present);
  let changed = 0;
  let ended = false;
  for (let at = 0; !ended; at++) {
    for (const isDone of [false, true]) {
      await machine.tpm.reboot();
      const { keyring, security } = await machine.start();
      const before = machine.record;
      const next = `password ${at + 1}${isDone ? " done" : ""}`;
      const root = await keyring.openRoot(present);
      cuts.arm(at, isDone);
      try {
        await security.changePassword(root, next);
        ended = true;
      } catch (error) {
        assert.equal((error as Error).message, noPower().message);
      }
      cuts.disarm();
      await machine.tpm.reboot();
      const after = await machine.start();
      const isNext = await opens(after.keyring, next);
      assert.equal(await opens(after.keyring, present), !isNext, `step ${at}`);
      if (!isNext) continue;
      changed++;
      present = next;
      assert.equal(await machine.refusal(before), "tpm-superseded", `step ${at}`);
    }
  }
  assert.ok(changed > 5, String(changed));
  await machine.tpm.reboot();
  assert.equal((await machine.tpm.chip().describe()).lockout, false);
});

test("the power goes anywhere in a first start: the next one makes a device that can be claimed", async (context) => {
  const machine = await Machine.start(context);
  let cut = true;
  for (let at = 0; cut; at++) {
    for (const isDone of [false, true]) {
      rmSync(machine.state.path, { recursive: true });
      machine.state.restore();
      await machine.tpm.reboot();
      machine.cuts.arm(at, isDone);
      cut = await machine.start().then(
        () => false,
        () => true,
      );
      machine.cuts.disarm();
      await machine.tpm.reboot();
      const { security, keyring } = await machine.start();
      assert.equal(keyring.hasOwner, false);
      await security.claim("Ada", "a password");
    }
  }
});

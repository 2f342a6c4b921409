import assert from "node:assert/strict";
import {
  type Argon2id,
  decodeSlotList,
  type OpenedRoot,
  openPhraseSlot,
  type OwnerKeys,
  parsePhrase,
  type PasswordCost,
  type SlotList,
  unwrapVolumeKey,
} from "@piccolo/envelope";
import { catalogue, type Fault, isFault } from "@piccolo/fault";
import type { World } from "@piccolo/world";
import type { Log } from "../adapters/log.ts";
import { DurableFolder } from "../adapters/state-folder.ts";
import { type ClosedCode, decideBoot, isLostWithoutOwner, opensAfterChip } from "./decide.ts";
import { faultOfStart } from "./disk-failure.ts";
import { openRootByPassword } from "./keyring.ts";
import { type FoundOutside, type OutsideRecord, outsideFaults, recordKey, volumeIdentity } from "./outside-record.ts";
import type { FirstBoot } from "./first-boot.ts";
import { findOutside, isNewer, OutsideStore, restoreOutside, writeFirstOutside } from "./outside-store.ts";
import { supersedeAll, supersedeOlder } from "./resealing.ts";
import type { SecurityChip } from "./security-chip.ts";
import type { FirmwareKeys } from "../system/firmware-keys.ts";
import { saysNothingCode } from "../system/probation.ts";
import { type Volume, volumeFaults, volumeKeyBytes, type VolumeState } from "./volume.ts";

export const bootFaults = catalogue({
  closed: {
    retry: "never",
    meaning: "The sealed volume is closed; open it by what the status names, or reset the device.",
  },
  "volume-backend": {
    retry: "never",
    meaning: "The volume is of another kind than this start was told to use; start it as before.",
  },
  "ask-at-boot": {
    retry: "never",
    meaning: "This device asks for its password at every start; enter it.",
  },
  "record-was-older": {
    retry: "later",
    meaning:
      "The record outside the volume was an older one and was put right; enter the newest phrase, or start again.",
  },
  "not-installed": {
    retry: "never",
    meaning:
      "The device has no volume, and no installer asked for one: put its disk back, or install the system from a USB stick again.",
  },
  "no-owner-yet": {
    retry: "never",
    meaning:
      "Nobody made this device theirs, as far as it knows, and the chip opens its volume no more: install the system again from a USB stick, with an empty file named erase-the-disk on it.",
  },
  "start-not-trusted": {
    retry: "never",
    meaning: "The device did not start as its release says, so nobody should type a password or phrase into it.",
  },
  "nothing-to-open": {
    retry: "never",
    meaning: "The closed device cannot be opened this way; its status names what opens it.",
  },
});

export interface Reason {
  readonly code: string;
  readonly detail: string;
}

const noOwnerYet: Reason = { code: "no-owner-yet", detail: bootFaults.entries["no-owner-yet"].meaning };

export interface Closed {
  /** The first says what keeps it closed, the others what keeps it from being opened. */
  readonly reasons: readonly Reason[];
  readonly opensWith: readonly ("password" | "phrase")[];
  /** Why nobody should type a secret into the device in this start; it takes none then. */
  readonly distrusted: Reason | undefined;
}

/** The open volume. */
export interface Opened {
  readonly outside: OutsideStore;
  readonly content: DurableFolder;
  /** The volume's public identity, as it was measured. */
  readonly identity: Uint8Array;
}

export interface Renewal {
  /** Whether the running release is not on probation. Throws a fault where nobody knows. */
  readonly hasItsPlace: () => boolean;
  readonly firmwareKeys: FirmwareKeys;
}

/** What a daemon said in this start of the machine, for one that is started again in it. */
export interface FirstReason {
  read(): Reason | undefined;
  keep(reason: Reason): void;
  forget(): void;
}

/** Which volume a daemon has made in this start of the machine, for one that is started again in it. */
export interface MadeVolume {
  is(identity: Uint8Array): boolean;
  keep(identity: Uint8Array): void;
  forget(): void;
}

export interface BootOptions {
  readonly state: DurableFolder;
  readonly volume: Volume;
  readonly chip: SecurityChip;
  readonly world: World;
  readonly log: Log;
  readonly argon2: Argon2id;
  readonly floor: PasswordCost;
  /** Says whether a volume may be made; undefined = on every device that has none and never had one. */
  readonly firstBoot?: FirstBoot | undefined;
  /** Why nobody should type a secret into this device now; resolves to undefined where nothing speaks against it. */
  readonly distrust?: (() => Promise<Reason | undefined>) | undefined;
  /** Why nothing beside the volume can be relied on: it stays closed then, and nothing opens it. */
  readonly unusable?: Reason | undefined;
  /** Undefined = what was sealed is renewed whenever it is outdated, and the firmware's keys are nobody's business. */
  readonly renewal?: Renewal | undefined;
  /** Nobody is there to read a log: whatever is wrong, the device goes on and says it. */
  readonly staysUp?: boolean;
  readonly firstReason?: FirstReason | undefined;
  /** docs/spec/device-state.md, D10. Undefined = a volume without an owner that a daemon before this one has left open gives way to a new one. */
  readonly madeVolume?: MadeVolume | undefined;
}

/** On the volume: authenticates the record outside when the volume was left open by a process before this one. */
const recordKeyName = "record-key";
/** On the volume until there is an owner, whose slot then holds it. */
const unclaimedKeyName = "unclaimed-volume-key";

/** Brings the volume from whatever was found to open, or says what keeps it closed. */
export class Boot {
  readonly #options: BootOptions;
  #closed: Closed | undefined;
  #keeping: Promise<void> = Promise.resolve();

  constructor(options: BootOptions) {
    this.#options = options;
  }

  /** Present once a start did not open the volume. */
  get closed(): Closed | undefined {
    return this.#closed;
  }

  /** Undefined where the device stays closed. Throws where the machine cannot have such a volume at all, unless it stays up. */
  async start(): Promise<Opened | undefined> {
    this.#closed = undefined;
    const { unusable } = this.#options;
    if (unusable !== undefined) return this.#stayClosed(unusable.code, unusable.detail, []);
    try {
      return await this.#start();
    } catch (error) {
      const fault = faultOfStart(error, this.#options.volume.path);
      if (this.#options.staysUp !== true || fault === undefined) throw error;
      return this.#stayClosed(fault.code, fault.message, []);
    }
  }

  async #start(): Promise<Opened | undefined> {
    const { volume, firstBoot, log } = this.#options;
    const state = await volume.state();
    const found = await this.#find(state);
    const record = typeof found === "object" ? found.record : found;
    const mayCreate = firstBoot?.isAsked() ?? true;
    const plan = decideBoot({ record, volume: state, backend: volume.backend, mayCreate });
    log.info("boot", { plan: plan.do });
    if (plan.do === "create") return this.#create();
    if (plan.do === "adopt") return (await this.#opened(undefined)) ?? this.#create();
    if (plan.do === "stay-closed") return this.#stayClosed(plan.code, meaningOf(plan.code), plan.opensWith);
    let volumeKey: Uint8Array;
    try {
      volumeKey = await this.#options.chip.unseal(plan.sealedVolumeKey);
    } catch (error) {
      if (!isFault(error) || typeof record !== "object") throw error;
      const further = isLostWithoutOwner(record, this.#firstCode(error.code)) ? [noOwnerYet] : [];
      return this.#stayClosed(error.code, error.message, opensAfterChip(record), further);
    }
    try {
      const opened = await this.#openWith(volumeKey);
      if (opened === undefined) return await this.#create();
      await this.#renewSeals(opened, volumeKey);
      return opened;
    } catch (error) {
      // A machine that cannot mount now is no reason to give the volume up.
      if (!isFault(error) || error.code === "volume-unavailable") throw error;
      return await this.#stayClosed(error.code, error.message, []);
    } finally {
      volumeKey.fill(0);
    }
  }

  /**
   * The record outside, or what the volume kept of it where that is newer, as it is where the partition beside the volume was once
   * away. Neither is proven before the volume is open. Where a volume was to be removed, what it kept says nothing more, whatever its number.
   */
  async #find(volumeState: VolumeState): Promise<FoundOutside> {
    const { state, volume, log } = this.#options;
    const found = findOutside(state);
    if (volumeState !== "closed" || (typeof found === "object" && found.record.state === "creating")) return found;
    const kept = await volume.keptRecord?.();
    if (kept === undefined || !isNewer(kept, found)) return found;
    log.warn("outside-record-from-volume", {
      was: typeof found === "object" ? `number ${found.record.number}` : found,
    });
    return restoreOutside(state, kept);
  }

  async #stayClosed(
    code: string,
    detail: string,
    opensWith: Closed["opensWith"],
    last: readonly Reason[] = [],
  ): Promise<undefined> {
    const { chip, log } = this.#options;
    log.warn("volume-closed", { code });
    try {
      // What keeps it closed may be no hindrance to who gets at the chip later in this boot.
      await chip.closeWindow(undefined);
    } catch (error) {
      if (!isFault(error)) throw error;
      log.warn("window-not-closed", { code: error.code });
    }
    // Asked also where nothing would open it: a start that is not trusted is often the cause, and says what to change.
    const distrusted = await this.#options.distrust?.();
    const own = this.#firstAnd({ code, detail });
    const further = distrusted === undefined || own.some((one) => one.code === distrusted.code) ? [] : [distrusted];
    const reasons = [...own, ...further, ...last];
    this.#closed = { reasons, opensWith: distrusted === undefined ? opensWith : [], distrusted };
    return undefined;
  }

  /** What it was in the beginning, where a daemon before this one has said it. */
  #firstCode(code: string): string {
    return code === saysNothingCode ? (this.#options.firstReason?.read()?.code ?? code) : code;
  }

  /** That the chip's window was closed says nothing of why; the daemon before this one, which closed it, has said it. */
  #firstAnd(reason: Reason): readonly Reason[] {
    const { firstReason } = this.#options;
    if (reason.code !== saysNothingCode) {
      firstReason?.keep(reason);
      return [reason];
    }
    const first = firstReason?.read();
    return first === undefined ? [reason] : [first, reason];
  }

  /** The volume is open, and what is in it cannot be used. It stays as it is: one who is started again finds the same. */
  giveUp({ code, message }: Fault): void {
    this.#options.log.error("device-not-opened", { code, detail: message });
    this.#closed = { reasons: [{ code, detail: message }], opensWith: [], distrusted: undefined };
  }

  /**
   * Seals anew what a later start would not open, or what more starts open than should: after a change of the release's keys, and before
   * and after one of the firmware's, which is made only once it is sealed for. `volumeKey` is undefined where the chip does not keep it.
   * A release on probation changes nothing: the release before opens by what that one sealed. Nor does one of which nobody knows whether it is.
   */
  async #renewSeals({ outside }: Opened, volumeKey: Uint8Array | undefined): Promise<void> {
    const { chip, log, renewal } = this.#options;
    try {
      if (renewal?.hasItsPlace() === false) return;
      const change = await renewal?.firmwareKeys.pending();
      const expected = change?.expected ?? [];
      const { sealedVolumeKey, sealedPepper } = outside.record;
      const sealed = [sealedVolumeKey, sealedPepper].filter((blob) => blob !== undefined);
      const outdated = await Promise.all(sealed.map((blob) => chip.isOutdated(blob, expected)));
      if (outdated.includes(true)) {
        const renewed = { sealedVolumeKey, sealedPepper };
        if (sealedVolumeKey !== undefined && volumeKey !== undefined) {
          renewed.sealedVolumeKey = await chip.seal(volumeKey, "volume", "next", expected);
        }
        if (sealedPepper !== undefined) {
          const pepper = await chip.unseal(sealedPepper);
          renewed.sealedPepper = await chip.seal(pepper, "pepper", "next", expected);
          pepper.fill(0);
        }
        outside.change(renewed);
        await supersedeOlder(chip, renewed, (event, facts) => log.warn(event, facts));
        log.info("seals-renewed", { expected: expected.length });
      }
      if (change === undefined) return;
      await change.apply();
      log.info("firmware-keys-changed", {});
    } catch (error) {
      // What was sealed before opened this time, and does so the next.
      if (!isFault(error)) throw error;
      log.warn("seals-not-renewed", { code: error.code, detail: error.message });
    }
  }

  async #create(): Promise<Opened | undefined> {
    const { state, volume, chip, world, firstBoot, madeVolume } = this.#options;
    const distrusted = await this.#options.distrust?.();
    // A volume that is made now would be sealed to a start that anybody can imitate.
    if (distrusted !== undefined) return this.#stayClosed(distrusted.code, distrusted.detail, []);
    // What a first start that was cut short left: nothing in it was ever promised to anyone.
    await volume.destroy();
    const volumeKey = world.randomBytes(volumeKeyBytes);
    try {
      const sealedVolumeKey = await chip.seal(volumeKey, "volume", "next");
      const record: OutsideRecord = {
        number: 1,
        state: "creating",
        backend: volume.backend,
        sealedVolumeKey,
        sealedPepper: undefined,
        slots: undefined,
      };
      const key = recordKey(volumeKey);
      writeFirstOutside(state, record, key);
      await volume.create(volumeKey);
      const content = new DurableFolder(volume.path);
      // Whatever was sealed for who had the device before opens no more.
      await chip.supersede(sealedVolumeKey);
      content.write(recordKeyName, key);
      content.write(unclaimedKeyName, volumeKey);
      writeFirstOutside(state, { ...record, number: 2, state: "made" }, key);
      firstBoot?.done();
      // Before the chip measures it: a daemon that is started again here takes this volume, and measures no other beside it.
      madeVolume?.keep(volumeIdentity(key));
      return await this.#opened(key, { isNew: true });
    } finally {
      volumeKey.fill(0);
    }
  }

  /** `epoch` is that of the root that gave the key. */
  async #openWith(volumeKey: Uint8Array, epoch?: number): Promise<Opened | undefined> {
    await this.#options.volume.open(volumeKey);
    return this.#opened(recordKey(volumeKey), { epoch });
  }

  /**
   * The volume is open. Closes the chip's window: what opens only once a boot has been used. Undefined where it is a volume without an
   * owner that this start of the machine has not made: anybody can have made it, and knows its keys then. A new one takes its place.
   */
  async #opened(
    key: Uint8Array | undefined,
    { epoch, isNew = false }: { readonly epoch?: number | undefined; readonly isNew?: boolean } = {},
  ): Promise<Opened | undefined> {
    const { state, volume, chip, log, madeVolume } = this.#options;
    const content = new DurableFolder(volume.path);
    const stored = content.read(recordKeyName);
    if (stored === undefined && key === undefined) {
      throw volumeFaults.fault("volume-damaged", "the volume lacks its record's key: it is damaged");
    }
    const outside = new OutsideStore(state, content, key ?? stored ?? new Uint8Array(0));
    if (outside.restored) log.warn("outside-record-restored", {});
    const { slots } = outside.record;
    const identity = volumeIdentity(key ?? stored ?? new Uint8Array(0));
    // The chip gives the key of one that was closed to anybody's start: only one that is still open since it was made here counts.
    const isMadeHere = isNew || (key === undefined && madeVolume?.is(identity) === true);
    if (epoch === undefined && slots === undefined && !isMadeHere) {
      log.warn("volume-of-nobody", {});
      this.#markCreating();
      await volume.close();
      return undefined;
    }
    if (epoch !== undefined && (slots === undefined || decodeSlotList(slots).epoch !== epoch)) {
      // A root from before a re-key is not the owner's any more, although its volume key still fits.
      await volume.close();
      const message =
        "this is the phrase of before the keys were replaced: enter the newest one, or start the device again";
      throw bootFaults.fault("record-was-older", message);
    }
    // A change that was cut off before the chip shut out what was sealed earlier.
    await supersedeOlder(chip, outside.record, (event, facts) => log.warn(event, facts));
    await chip.closeWindow(identity);
    this.#closed = undefined;
    this.#options.firstReason?.forget();
    // A claim that was cut off may have left what the owner's slots hold by now.
    if (slots !== undefined && content.read(unclaimedKeyName) !== undefined) forgetUnclaimedKey(content);
    this.#keepRecord(outside);
    outside.onChange(() => {
      // An older state of a volume that has an owner is nobody's first one.
      if (outside.record.slots !== undefined) madeVolume?.forget();
      this.#keepRecord(outside);
    });
    return { outside, content, identity };
  }

  /** From now on every start makes a new volume, wherever this one is cut off. Nobody checks the tag of such a record. */
  #markCreating(): void {
    const { state, volume } = this.#options;
    const nothing = { sealedVolumeKey: undefined, sealedPepper: undefined, slots: undefined };
    writeFirstOutside(state, { number: 1, state: "creating", backend: volume.backend, ...nothing }, new Uint8Array(32));
  }

  /** One after the other, in the background: the record itself is durable already, this is a copy beside the volume. */
  #keepRecord(outside: OutsideStore): void {
    const { volume, log } = this.#options;
    this.#keeping = this.#keeping
      .then(() => volume.keepRecord?.(outside.content))
      .catch((error: unknown) => log.warn("record-not-kept", { error: isFault(error) ? error.code : String(error) }));
  }

  /** Resolves once nothing goes on in the background. */
  async settle(): Promise<void> {
    await this.#keeping;
  }

  /** Before a secret is taken. Throws `start-not-trusted`. */
  async refuseDistrusted(): Promise<void> {
    const reason = await this.#options.distrust?.();
    if (reason !== undefined) throw bootFaults.fault("start-not-trusted", reason.detail);
  }

  /** Opens a device that asks for its password at boot. Throws `nothing-to-open`, `wrong-password`. */
  async openByPassword(password: string): Promise<Opened & { readonly root: OpenedRoot }> {
    const { record, slots } = this.#slots("password");
    await this.refuseDistrusted();
    const { chip, argon2, floor } = this.#options;
    const root = await openRootByPassword({ chip, argon2, floor, sealedPepper: record.sealedPepper }, slots, password);
    const opened = await this.#openByRoot(slots, root);
    await this.#renewSeals(opened, undefined);
    return opened;
  }

  /** Throws `nothing-to-open`, and what speaks against the phrase. */
  async openByPhrase(text: string): Promise<Opened & { readonly root: OpenedRoot }> {
    const { slots } = this.#slots("phrase");
    await this.refuseDistrusted();
    const phrase = parsePhrase(text);
    try {
      if (slots.phraseSlot === undefined) throw nothingToOpen();
      return await this.#openByRoot(slots, openPhraseSlot(slots.phraseSlot, phrase, slots.account).opened);
    } finally {
      phrase.erase();
    }
  }

  #slots(by: "password" | "phrase"): { readonly record: OutsideRecord; readonly slots: SlotList } {
    const found = findOutside(this.#options.state);
    if (typeof found !== "object" || found.record.slots === undefined) throw nothingToOpen();
    if (this.#closed?.opensWith.includes(by) !== true) throw nothingToOpen();
    return { record: found.record, slots: decodeSlotList(found.record.slots) };
  }

  async #openByRoot(slots: SlotList, root: OpenedRoot): Promise<Opened & { readonly root: OpenedRoot }> {
    let keys: OwnerKeys | undefined;
    let volumeKey: Uint8Array | undefined;
    try {
      keys = root.deriveKeys();
      if (slots.volumeSlot === undefined) throw nothingToOpen();
      volumeKey = unwrapVolumeKey(keys, slots.volumeSlot);
      const opened = await this.#openWith(volumeKey, root.epoch);
      assert.ok(opened !== undefined, "a volume that an owner's root opens has an owner, or is refused");
      return { ...opened, root };
    } catch (error) {
      root.erase();
      throw faultOfStart(error, this.#options.volume.path) ?? error;
    } finally {
      volumeKey?.fill(0);
      keys?.erase();
    }
  }

  /** Removes everything, for ever; the next start is a new device's. */
  async reset(): Promise<void> {
    const { state, volume, chip, world, firstBoot, log } = this.#options;
    await this.settle();
    // Before anything is gone: from here on, a reset that is cut off is finished by the next start.
    this.#markCreating();
    firstBoot?.ask();
    // Now, and not when there is a new volume: nobody knows when this machine is started again, and what disk is in it then.
    await supersedeAll(chip, world, (event, facts) => log.warn(event, facts));
    // The record goes last: without it a volume that is still there would be taken for one whose record was stolen.
    await volume.destroy();
    state.remove("outside");
    this.#closed = undefined;
  }
}

/** The volume key of a device without an owner, for the owner's first slot; the caller's to erase. */
export function takeUnclaimedKey(content: DurableFolder): Uint8Array {
  const key = content.read(unclaimedKeyName);
  if (key?.length !== volumeKeyBytes) {
    throw volumeFaults.fault("volume-damaged", "the volume lacks the key of its first owner: reset the device");
  }
  return key;
}

export function forgetUnclaimedKey(content: DurableFolder): void {
  content.remove(unclaimedKeyName);
}

function nothingToOpen(): Fault {
  return bootFaults.fault("nothing-to-open", "this does not open the device; look at what its status names");
}

function meaningOf(code: ClosedCode): string {
  const entries: Readonly<Record<string, { readonly meaning: string }>> = {
    ...outsideFaults.entries,
    ...volumeFaults.entries,
    ...bootFaults.entries,
  };
  return entries[code]?.meaning ?? code;
}

import assert from "node:assert/strict";
import { tellsOfVolume, volumeMeasurement } from "@piccolo/attest";
import { equalConstantTime, toHex } from "@piccolo/bytes";
import { isFault } from "@piccolo/fault";
import {
  create,
  createPrimary,
  digestBytes,
  flushContext,
  getHandles,
  getProperties,
  inLockoutBit,
  isSignedPolicy,
  keyFingerprint,
  load,
  type LoadedObject,
  pcrExtend,
  pcrRead,
  type PcrValues,
  policiesFor,
  policyKeyArea,
  properties,
  publicName,
  type ReleasePolicies,
  sealedTemplate,
  type Session,
  type SignedPolicy,
  startup,
  storageRootTemplate,
  Tpm,
  tpmFaults,
  unseal,
} from "@piccolo/tpm2";
import type { World } from "@piccolo/world";
import {
  type ChipDescription,
  type ChipIdentity,
  sealedSecretBytesMax,
  type SealedUse,
  type SealedWhen,
  type SecurityChip,
  securityChipFaults,
  superseded,
} from "../../security/security-chip.ts";
import type { TpmChannel } from "./channel.ts";
import { readChipIdentity } from "./chip-identity.ts";
import {
  ensureMinimumRelease,
  knownMinimumRelease,
  raiseMinimumRelease,
  readMinimumRelease,
  refuseOlderRelease,
} from "./minimum-release.ts";
import { ensureSealGeneration, sealGeneration } from "./seal-generation.ts";
import { decodeSealedBlob, encodeSealedBlob, type SealedBlob } from "./sealed-blob.ts";
import {
  bootPcr,
  firmwareStatesMax,
  satisfySealingPolicy,
  sealedPcrs,
  sealingPolicy,
  systemPcr,
  unusedPcrs,
  windowPcr,
} from "./sealing-policy.ts";

const zeros = new Uint8Array(digestBytes);
const isZero = (value: Uint8Array | undefined): boolean => value !== undefined && equalConstantTime(value, zeros);

/** What firmware and system measure into; one answer of the chip has eight. */
const measuredPcrs = [
  [0, 1, 2, 3, 4, 5, 6, 7],
  [8, 9, 10, 11, 12, 13, 14, 15],
] as const;

/** After these, what the TPM holds may not be what we believe: the next use begins with a TPM emptied of our things. */
const leavesRests: ReadonlySet<string> = new Set(["tpm-full", "tpm-malformed", "tpm-tampered"]);

export interface Tpm2ChipOptions {
  /** Opens a way to the TPM: at the first use, and again after one broke. */
  readonly connect: () => Promise<TpmChannel>;
  readonly world: World;
  /** Number of the running release. */
  readonly releaseNumber: number;
  /** The minimum release of a TPM that has none yet, once something is sealed in it. */
  readonly firstMinimum: number;
  /** What the release signed of its boots; undefined = it is sealed to the boot as it is. */
  readonly signedBoots?: SignedBoots | undefined;
}

export interface SignedBoots {
  /** Fingerprint of the key that is sealed to; it comes from where nobody but the release writes. */
  readonly trustedKey: string;
  /** What the system image carries, unverified; undefined where it carries nothing, as one that was not measured does. */
  readonly policies: ReleasePolicies | undefined;
}

/** A TPM 2.0 as the security chip. Operations run one after the other: a TPM without resource manager has three slots. */
export class Tpm2Chip implements SecurityChip {
  readonly #options: Tpm2ChipOptions;
  #channel: TpmChannel | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;
  /** Of the chip behind the channel. */
  #identity: ChipIdentity | undefined;

  constructor(options: Tpm2ChipOptions) {
    this.#options = options;
  }

  seal(
    secret: Uint8Array,
    use: SealedUse,
    when: SealedWhen = "now",
    expected: readonly Uint8Array[] = [],
  ): Promise<Uint8Array> {
    assert.ok(secret.length >= 1 && secret.length <= sealedSecretBytesMax, "1 to 128 bytes are sealed");
    return this.#withRoot(async (tpm, root, session) => {
      const { values } = await tpm.execute(pcrRead(sealedPcrs), { extra: [{ session }] });
      refuseOwnMeasurements(values);
      const { releaseNumber, firstMinimum } = this.#options;
      const signer = this.#signerOf(values);
      refuseOlderRelease(releaseNumber, await ensureMinimumRelease(tpm, session, firstMinimum));
      const present = await ensureSealGeneration(tpm, session);
      const generation = when === "now" ? present : present + 1;
      const firmware = signer === undefined ? [] : firmwareStates(values, expected);
      const sealing = { use, release: releaseNumber, generation, signer, firmware };
      const policy = sealingPolicy(sealing, values);
      const sealed = await tpm.execute(create(root, { template: sealedTemplate(policy), data: secret }), {
        authorize: [{ session, encryptsCommand: true }],
      });
      assert.ok(sealed.publicArea.type === "sealed");
      const { publicArea, wrapped } = sealed;
      return encodeSealedBlob({ ...sealing, parentName: root.name, publicArea, wrapped });
    });
  }

  async unseal(bytes: Uint8Array): Promise<Uint8Array> {
    const blob = decodeSealedBlob(bytes);
    return this.#withRoot(async (tpm, root, session) => {
      refuseOtherChip(root, blob);
      // The policy would refuse these as well, without saying which of its parts it was.
      if (blob.use === "volume") await this.#refuseClosedWindow(tpm, session);
      const minimum = await readMinimumRelease(tpm, session);
      refuseOlderRelease(this.#options.releaseNumber, minimum);
      // A signature tells of each release by itself whether it opens; without one, the release that sealed it counts, too.
      if (blob.signer === undefined && blob.release < minimum) throw sealedByOlder(blob.release, minimum);
      if ((await sealGeneration.read(tpm, session)) > blob.generation) throw superseded();
      return this.#open(tpm, session, root, blob);
    });
  }

  async #open(tpm: Tpm, session: Session, root: LoadedObject, blob: SealedBlob): Promise<Uint8Array> {
    const approval = blob.signer === undefined ? undefined : await this.#approvalOf(tpm, session, blob, blob.signer);
    return tpm.withObject(load(root, blob), (sealed) =>
      tpm.withSession({ type: "policy", saltKey: root }, async (policy) => {
        const sealing = approval === undefined ? blob : { ...blob, release: this.#options.releaseNumber };
        await satisfySealingPolicy(tpm, policy, sealing, approval);
        return tpm.execute(unseal(sealed), { authorize: [{ session: policy, encryptsResponse: true }] });
      }),
    );
  }

  /** What the release signed for this use of this boot, by the key the blob was sealed to. */
  async #approvalOf(
    tpm: Tpm,
    session: Session,
    { use, firmware }: SealedBlob,
    signer: Uint8Array,
  ): Promise<SignedPolicy> {
    const { values } = await tpm.execute(pcrRead(sealedPcrs), { extra: [{ session }] });
    refuseOwnMeasurements(values);
    const [present = zeros] = firmwareStates(values, []);
    if (!firmware.some((state) => equalConstantTime(state, present)))
      throw tpmFaults.fault("tpm-policy", otherFirmware);
    const approvals = this.#policiesNow(values).filter((policy) => policy.use === use);
    const found = approvals.find(({ key }) => equalConstantTime(publicName(policyKeyArea(key)), signer));
    if (found !== undefined) return found;
    throw approvals.length === 0 ? notAsSigned() : tpmFaults.fault("tpm-policy", signedByOthers);
  }

  #policiesNow(values: PcrValues["values"]): readonly SignedPolicy[] {
    const policies = this.#options.signedBoots?.policies;
    if (policies?.release !== this.#options.releaseNumber) return [];
    return policiesFor(policies, values.get(systemPcr) ?? zeros).filter((policy) => isSignedPolicy(policy));
  }

  /** The key that is sealed to. Refuses a boot it did not sign, since what is sealed in it would never open. */
  #signerOf(values: PcrValues["values"]): Uint8Array | undefined {
    const { signedBoots } = this.#options;
    if (signedBoots === undefined) return undefined;
    const approval = this.#policiesNow(values).find(({ key }) => keyFingerprint(key) === signedBoots.trustedKey);
    if (approval === undefined) throw notAsSigned();
    return publicName(policyKeyArea(approval.key));
  }

  checkStart(): Promise<void> {
    return this.#withRoot(async (tpm, _root, session) => {
      const { values } = await tpm.execute(pcrRead(sealedPcrs), { extra: [{ session }] });
      refuseOwnMeasurements(values);
      this.#signerOf(values);
      refuseOlderRelease(this.#options.releaseNumber, await knownMinimumRelease(tpm, session));
    });
  }

  async isOutdated(bytes: Uint8Array, expected: readonly Uint8Array[] = []): Promise<boolean> {
    const { signer, firmware } = decodeSealedBlob(bytes);
    const { signedBoots } = this.#options;
    if (signedBoots === undefined || signer === undefined)
      return (signedBoots === undefined) !== (signer === undefined);
    const keys = (signedBoots.policies?.policies ?? []).map(({ key }) => key);
    const trusted = keys.find((key) => keyFingerprint(key) === signedBoots.trustedKey);
    if (trusted === undefined) return false;
    if (!equalConstantTime(publicName(policyKeyArea(trusted)), signer)) return true;
    return this.#withRoot(async (tpm, _root, session) => {
      const { values } = await tpm.execute(pcrRead(sealedPcrs), { extra: [{ session }] });
      const wanted = firmwareStates(values, expected).map(toHex).toSorted();
      return wanted.join() !== firmware.map(toHex).toSorted().join();
    });
  }

  async #refuseClosedWindow(tpm: Tpm, session: Session): Promise<void> {
    const { values } = await tpm.execute(pcrRead([windowPcr]), { extra: [{ session }] });
    if (isZero(values.get(windowPcr))) return;
    const message = "the volume key was used in this boot already; restart the device to use it again";
    throw securityChipFaults.fault("tpm-window-closed", message);
  }

  closeWindow(identity: Uint8Array | undefined): Promise<void> {
    return this.#withRoot(async (tpm, _root, session) => {
      const { values } = await tpm.execute(pcrRead([windowPcr]), { extra: [{ session }] });
      if (tellsOfVolume(values.get(windowPcr) ?? zeros, identity)) return;
      await tpm.execute(pcrExtend(windowPcr, volumeMeasurement(identity)), { authorize: [{ session }] });
    });
  }

  async supersede(bytes: Uint8Array): Promise<void> {
    const blob = decodeSealedBlob(bytes);
    return this.#withRoot(async (tpm, root, session) => {
      refuseOtherChip(root, blob);
      const present = await sealGeneration.read(tpm, session);
      // What is sealed for later is of the next generation; a blob that says another one was not sealed here.
      if (blob.generation > present + 1) throw tpmFaults.fault("tpm-other-chip", damaged);
      if (blob.generation === present + 1) await sealGeneration.increment(tpm, session, false);
    });
  }

  /** What was sealed to a boot as it was, and not for signed ones, opens while the minimum is not above the release that sealed it. */
  async raiseMinimumRelease(to: number, stillToOpen: readonly Uint8Array[]): Promise<void> {
    assert.ok(to <= this.#options.releaseNumber, "a release does not shut itself out");
    const wouldClose = stillToOpen
      .map((bytes) => decodeSealedBlob(bytes))
      .find((blob) => blob.signer === undefined && blob.release < to);
    if (wouldClose !== undefined) {
      const message = `what release ${wouldClose.release} sealed would open no more; it is sealed anew first`;
      throw tpmFaults.fault("tpm-policy", message);
    }
    return this.#withRoot((tpm, _root, session) => raiseMinimumRelease(tpm, session, to));
  }

  pcrs(): Promise<ReadonlyMap<number, Uint8Array>> {
    return this.#exclusively(async (tpm) => {
      const values = new Map<number, Uint8Array>();
      for (const half of measuredPcrs) {
        for (const [pcr, value] of (await tpm.execute(pcrRead(half))).values) values.set(pcr, value);
      }
      return values;
    });
  }

  describe(): Promise<ChipDescription> {
    return this.#exclusively(async (tpm) => {
      const fixed = (await tpm.execute(getProperties(properties.manufacturer, 8))).values;
      const { values } = await tpm.execute(getProperties(properties.permanent, 1));
      const [high = 0, low = 0] = [fixed.get(properties.firmwareVersion1), fixed.get(properties.firmwareVersion2)];
      return {
        manufacturer: text(fixed.get(properties.manufacturer)),
        firmware: [high >>> 16, high & 0xffff, low >>> 16, low & 0xffff].join("."),
        lockout: ((values.get(properties.permanent) ?? 0) & inLockoutBit) !== 0,
        // libtpms, which swtpm and virtual machines use, names itself "SW   TPM".
        simulated: text(fixed.get(properties.vendorString)) === "SW",
      };
    });
  }

  identity(): Promise<ChipIdentity> {
    return this.#exclusively(async (tpm) => (this.#identity ??= await readChipIdentity(tpm)));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#last;
    await this.#detach();
  }

  async #detach(): Promise<void> {
    const channel = this.#channel;
    this.#channel = undefined;
    await channel?.close();
  }

  #withRoot<Result>(use: (tpm: Tpm, root: LoadedObject, session: Session) => Promise<Result>): Promise<Result> {
    return this.#exclusively((tpm) =>
      tpm.withObject(createPrimary("owner", { template: storageRootTemplate }), (root) =>
        tpm.withSession({ type: "hmac", saltKey: root }, (session) => use(tpm, root, session)),
      ),
    );
  }

  #exclusively<Result>(use: (tpm: Tpm) => Promise<Result>): Promise<Result> {
    const turn = this.#last.then(async () => {
      try {
        return await use(await this.#attach());
      } catch (error) {
        if (isFault(error) && leavesRests.has(error.code)) await this.#detach();
        throw error;
      }
    });
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #attach(): Promise<Tpm> {
    if (this.#closed) throw securityChipFaults.fault("tpm-missing", "the TPM was closed; restart the device");
    if (this.#channel !== undefined && !this.#channel.usable) this.#channel = undefined;
    const known = this.#channel;
    const channel = known ?? (await this.#options.connect());
    const tpm = new Tpm((command) => channel.transmit(command), this.#options.world);
    if (known !== undefined) return tpm;
    this.#identity = undefined;
    try {
      if (channel.exclusive) await takeOver(tpm);
    } catch (error) {
      await channel.close();
      throw error;
    }
    this.#channel = channel;
    return tpm;
  }
}

const signedByOthers =
  "this release is not signed by the key the volume was sealed to; start the release before, or enter the recovery phrase";

const otherFirmware =
  "the firmware starts with other keys or settings than when this was sealed; set it up as before, or enter the recovery phrase";

function sealedByOlder(release: number, minimum: number): Error {
  const message = `what release ${release} sealed opens no more, since the minimum release is ${minimum}; enter the recovery phrase`;
  return tpmFaults.fault("tpm-policy", message);
}

/** The value of PCR 7 now, and those it is expected to have. */
function firmwareStates(values: PcrValues["values"], expected: readonly Uint8Array[]): readonly Uint8Array[] {
  const states = new Map([values.get(bootPcr) ?? zeros, ...expected].map((state) => [toHex(state), state]));
  assert.ok(states.size <= firmwareStatesMax, "PCR 7 has few values to come");
  return [...states.values()];
}

function notAsSigned(): Error {
  return tpmFaults.fault(
    "tpm-policy",
    "what was started is not what the release signed; start the unchanged system, or install it anew",
  );
}

function refuseOwnMeasurements(values: PcrValues["values"]): void {
  if (unusedPcrs.every((pcr) => isZero(values.get(pcr)))) return;
  const message = "this start measured a command line or extensions of its own; start the unchanged system";
  throw tpmFaults.fault("tpm-policy", message);
}

const damaged = "what the TPM sealed is damaged; enter the recovery phrase to seal it anew";

function refuseOtherChip(root: LoadedObject, blob: SealedBlob): void {
  if (equalConstantTime(root.name, blob.parentName)) return;
  const message = "this was sealed in another TPM, or this one was cleared since; enter the recovery phrase";
  throw tpmFaults.fault("tpm-other-chip", message);
}

/** Starts a TPM no firmware started, and removes what a crash left in its few slots. */
async function takeOver(tpm: Tpm): Promise<void> {
  try {
    await tpm.execute(startup("clear"));
  } catch (error) {
    // A TPM that was started answers INITIALIZE to another start (Part 3, 9.3).
    if (!isFault(error, "tpm-not-started")) throw error;
  }
  for (const range of ["transient", "loadedSession", "savedSession"] as const) {
    const { values } = await tpm.execute(getHandles(range));
    for (const handle of values) await tpm.execute(flushContext(handle));
  }
}

/** Four characters packed into a number, without the padding (Part 2, 6.13, TPM_PT_MANUFACTURER). */
function text(value = 0): string {
  const letters = [value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
  return String.fromCharCode(...letters.filter((letter) => letter > 0x20 && letter < 0x7f));
}

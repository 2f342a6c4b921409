/** When a TPM opens what it sealed (docs/spec/sealed-blob.md, section 2). */
import {
  approvalOf,
  digestBytes,
  emptyPolicy,
  type Entity,
  loadExternal,
  nvEntity,
  pcrDigest,
  policyAuthorize,
  policyAuthorizeCommand,
  policyKeyArea,
  policyNv,
  policyNvCommand,
  policyOr,
  policyOrCommand,
  policyPcr,
  policyPcrCommand,
  policySignature,
  releasePcrs,
  type Session,
  sha256,
  type SignedPolicy,
  type Tpm,
  useReference,
  verifySignature,
} from "@piccolo/tpm2";
import type { SealedUse } from "../../security/security-chip.ts";
import { minimumRelease } from "./minimum-release.ts";
import { notAbove } from "./number-index.ts";
import { sealGeneration } from "./seal-generation.ts";

/** Who may start (7) and what was started (11): sealed to as they are. */
export const systemPcr = 11;
export const bootPcr = 7;
const measuredPcrs: readonly number[] = [bootPcr, systemPcr];
/** Command line and credentials (12) and system extensions (13): a clean start measures nothing there. */
export const unusedPcrs: readonly number[] = [12, 13];
/** Extended once the volume is open. */
export const windowPcr = 15;

/** What the policy of every use reads when it is made. */
export const sealedPcrs: readonly number[] = [...measuredPcrs, ...unusedPcrs];

const pcrsOf: Readonly<Record<SealedUse, readonly number[]>> = {
  volume: [...sealedPcrs, windowPcr],
  pepper: sealedPcrs,
};

const zeros = new Uint8Array(digestBytes);
const releaseIndex: Entity = nvEntity(minimumRelease.written);
const generationIndex: Entity = nvEntity(sealGeneration.written);

/** Of these, what no release signs: how this machine starts, and that nothing of this boot used the volume's key yet. */
const ownPcrsOf: Readonly<Record<SealedUse, readonly number[]>> = {
  volume: [bootPcr, windowPcr],
  pepper: [bootPcr],
};

/** What a policy allows: this use, by this release and later ones, until a later generation is sealed. */
export interface Sealing {
  readonly use: SealedUse;
  readonly release: number;
  readonly generation: number;
  /**
   * Name of the key whose signature says which boots open it; undefined = the boots of just the system it was sealed in,
   * of this release and later ones.
   */
  readonly signer: Uint8Array | undefined;
  /**
   * With a signer: the values of PCR 7 it opens with, one to `firmwareStatesMax`, none twice: how this machine starts now, and how it will
   * after a change of the firmware's keys that is under way.
   */
  readonly firmware: readonly Uint8Array[];
}

export const firmwareStatesMax = 4;

/** One policy for each state of the firmware, after that of the signer. */
function branchesOf(
  use: SealedUse,
  signer: Uint8Array,
  firmware: readonly Uint8Array[],
): readonly Uint8Array<ArrayBuffer>[] {
  return firmware.map((state) => {
    const own = new Map(ownPcrsOf[use].map((pcr) => [pcr, pcr === bootPcr ? state : zeros]));
    return policyPcr(policyAuthorize(signer, useReference(use)), ownPcrsOf[use], pcrDigest(own));
  });
}

/**
 * The policy digest; without a signer for PCRs 7 and 11 with the values that are measured now. The other PCRs are zero when
 * it opens.
 */
export function sealingPolicy(
  { use, release, generation, signer, firmware }: Sealing,
  measured: ReadonlyMap<number, Uint8Array>,
): Uint8Array<ArrayBuffer> {
  if (signer !== undefined) {
    const branches = branchesOf(use, signer, firmware);
    const [only = emptyPolicy] = branches;
    const here = branches.length === 1 ? only : policyOr(branches);
    return policyNv(here, generationIndex.name, notAbove(generation));
  }
  const wanted = new Map(
    pcrsOf[use].map((pcr) => [pcr, measuredPcrs.includes(pcr) ? (measured.get(pcr) ?? zeros) : zeros]),
  );
  const started = policyPcr(emptyPolicy, pcrsOf[use], pcrDigest(wanted));
  const released = policyNv(started, releaseIndex.name, notAbove(release));
  return policyNv(released, generationIndex.name, notAbove(generation));
}

/** Has the TPM collect the same policy from what its PCRs and indexes hold now. `approval` is the signer's for this boot. */
export async function satisfySealingPolicy(
  tpm: Tpm,
  session: Session,
  sealing: Sealing,
  approval: SignedPolicy | undefined,
): Promise<void> {
  const { use, release, generation, signer, firmware } = sealing;
  if (signer === undefined) {
    await tpm.execute(policyPcrCommand(session, pcrsOf[use]));
    await tpm.execute(policyNvCommand(session, releaseIndex, releaseIndex, notAbove(release)));
  } else if (approval !== undefined) {
    await tpm.execute(policyPcrCommand(session, releasePcrs));
    await tpm.execute(policyNvCommand(session, releaseIndex, releaseIndex, notAbove(release)));
    const { policy } = approval;
    const policyRef = useReference(use);
    const ticket = await tpm.withObject(loadExternal(policyKeyArea(approval.key)), (key) =>
      tpm.execute(verifySignature(key, sha256(approvalOf(policy, policyRef)), policySignature(approval))),
    );
    await tpm.execute(policyAuthorizeCommand(session, { policy, policyRef, keyName: signer }, ticket));
    await tpm.execute(policyPcrCommand(session, ownPcrsOf[use]));
    if (firmware.length > 1) await tpm.execute(policyOrCommand(session, branchesOf(use, signer, firmware)));
  }
  await tpm.execute(policyNvCommand(session, generationIndex, generationIndex, notAbove(generation)));
}

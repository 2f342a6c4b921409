/** When a TPM opens what it sealed (docs/spec/sealed-blob.md, section 2). */
import {
  digestBytes,
  emptyPolicy,
  type Entity,
  nvEntity,
  pcrDigest,
  policyNv,
  policyNvCommand,
  policyPcr,
  policyPcrCommand,
  type Session,
  type Tpm,
} from "@piccolo/tpm2";
import type { SealedUse } from "../../security/security-chip.ts";
import { minimumRelease } from "./minimum-release.ts";
import { notAbove } from "./number-index.ts";
import { sealGeneration } from "./seal-generation.ts";

/** Who may start (7) and what was started (11): sealed to as they are. */
const measuredPcrs: readonly number[] = [7, 11];
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

/** What a policy allows: this use, by this release and later ones, until a later generation is sealed. */
export interface Sealing {
  readonly use: SealedUse;
  readonly release: number;
  readonly generation: number;
}

/** The policy digest for PCRs 7 and 11 with these values; the other PCRs are zero when it opens. */
export function sealingPolicy(
  { use, release, generation }: Sealing,
  measured: ReadonlyMap<number, Uint8Array>,
): Uint8Array<ArrayBuffer> {
  const wanted = new Map(
    pcrsOf[use].map((pcr) => [pcr, measuredPcrs.includes(pcr) ? (measured.get(pcr) ?? zeros) : zeros]),
  );
  const started = policyPcr(emptyPolicy, pcrsOf[use], pcrDigest(wanted));
  const released = policyNv(started, releaseIndex.name, notAbove(release));
  return policyNv(released, generationIndex.name, notAbove(generation));
}

/** Has the TPM collect the same policy from what its PCRs and indexes hold now. */
export async function satisfySealingPolicy(tpm: Tpm, session: Session, sealing: Sealing): Promise<void> {
  const { use, release, generation } = sealing;
  await tpm.execute(policyPcrCommand(session, pcrsOf[use]));
  await tpm.execute(policyNvCommand(session, releaseIndex, releaseIndex, notAbove(release)));
  await tpm.execute(policyNvCommand(session, generationIndex, generationIndex, notAbove(generation)));
}

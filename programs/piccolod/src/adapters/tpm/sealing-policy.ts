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
import { minimumReleaseIndex, notAbove } from "./minimum-release.ts";

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
const index: Entity = nvEntity(minimumReleaseIndex);

/** The policy digest of a use for PCRs 7 and 11 with these values; the other PCRs are zero when it opens. */
export function sealingPolicy(
  use: SealedUse,
  release: number,
  measured: ReadonlyMap<number, Uint8Array>,
): Uint8Array<ArrayBuffer> {
  const wanted = new Map(
    pcrsOf[use].map((pcr) => [pcr, measuredPcrs.includes(pcr) ? (measured.get(pcr) ?? zeros) : zeros]),
  );
  return policyNv(policyPcr(emptyPolicy, pcrsOf[use], pcrDigest(wanted)), index.name, notAbove(release));
}

/** Has the TPM collect the same policy from what its PCRs and its index hold now. */
export async function satisfySealingPolicy(tpm: Tpm, session: Session, use: SealedUse, release: number): Promise<void> {
  await tpm.execute(policyPcrCommand(session, pcrsOf[use]));
  await tpm.execute(policyNvCommand(session, index, index, notAbove(release)));
}

/** What tells one TPM from another: the key that its maker's seed gives, and may have certified. */
import assert from "node:assert/strict";
import {
  createPrimary,
  emptyPolicy,
  endorsementCertificates,
  endorsementKeyEccTemplate,
  getHandles,
  handleName,
  keyFingerprint,
  permanentHandles,
  policySecret,
  spkiOf,
  type Tpm,
} from "@piccolo/tpm2";
import type { CertifiedKey, ChipIdentity } from "../../security/security-chip.ts";

/** PolicySecret(endorsement), which the profile's templates have. */
const policy = policySecret(emptyPolicy, handleName(permanentHandles.endorsement));
const certified: readonly CertifiedKey[] = ["rsa-2048", "ecc-p256"];

/**
 * Of the templates that every maker has, P-256 is the quick one: an RSA key takes a chip up to a minute. The key is made anew from the
 * seed, used for nothing and flushed. No command here is one that a chip counts as a wrong try, or writes down.
 */
export async function readChipIdentity(tpm: Tpm): Promise<ChipIdentity> {
  const template = endorsementKeyEccTemplate(policy);
  const endorsementKey = await tpm.withObject(createPrimary("endorsement", { template }), async ({ publicArea }) => {
    assert.ok(publicArea.type === "ecc", "the chip makes what the template asks for");
    return keyFingerprint(spkiOf(publicArea.point));
  });
  const { values } = await tpm.execute(getHandles("tcgIndex"));
  return { endorsementKey, certificates: certified.filter((name) => values.includes(endorsementCertificates[name])) };
}

/** TPM 2.0 in TypeScript: commands, structures, sessions and policies, and the verifier's side of attestation. */
export { decodeQuote, decodeSignature, type Quote, verifyQuote } from "./attest.ts";
export { type Authorizations, type Command, type Entity, entity } from "./command.ts";
export { activateCredential, quoteCommand, type Quoted } from "./commands/attestation.ts";
export {
  decodeNvPublic,
  encodeNvPublic,
  nvDefineSpace,
  nvEntity,
  nvIncrement,
  nvName,
  type NvPublic,
  nvRead,
  nvReadPublic,
  nvUndefineSpace,
  nvWrite,
} from "./commands/nv.ts";
export {
  create,
  createPrimary,
  flushContext,
  load,
  type LoadedObject,
  loadExternal,
  nameBytesMax,
  privateBytesMax,
  readPublicOf,
  unseal,
  type WrappedObject,
} from "./commands/objects.ts";
export {
  policyAuthorizeCommand,
  policyAuthValueCommand,
  policyCommandCodeCommand,
  policyGetDigest,
  policyNvCommand,
  policyOrCommand,
  policyPcrCommand,
  policySecretCommand,
  type VerifiedTicket,
  verifySignature,
} from "./commands/policies.ts";
export {
  clear,
  dictionaryAttackLockReset,
  dictionaryAttackParameters,
  getHandles,
  getProperties,
  getRandom,
  hash,
  pcrExtend,
  pcrRead,
  type PcrValues,
  shutdown,
  startup,
} from "./commands/state.ts";
export {
  commandCodes,
  type Comparison,
  comparisons,
  digestBytes,
  endorsementCertificates,
  frameBytesMax,
  inLockoutBit,
  nvAttributes,
  objectAttributes,
  permanentHandles,
  properties,
} from "./constants.ts";
export { type Credential, makeCredential } from "./credential.ts";
export { handleName, nameOf, sha256 } from "./digests.ts";
export { tpmFaults } from "./faults.ts";
export { type EccPoint, pointOf, spkiOf } from "./p256.ts";
export { decodePcrSelection, encodePcrSelection, extended, pcrCount, pcrDigest } from "./pcr.ts";
export {
  approvalOf,
  emptyPolicy,
  type NvComparison,
  policyAuthorize,
  policyAuthValue,
  policyCommandCode,
  policyNv,
  policyOr,
  policyPcr,
  policySecret,
} from "./policy.ts";
export {
  attestationKeyTemplate,
  decodePublic,
  type EccPublic,
  encodePublic,
  endorsementKeyEccTemplate,
  endorsementKeyRsaTemplate,
  type PublicArea,
  publicBytesMax,
  publicName,
  type RsaPublic,
  rsaVerificationKey,
  sealedTemplate,
  storageRootTemplate,
  type SealedPublic,
  verificationKey,
} from "./public-area.ts";
export { TpmReader } from "./reader.ts";
export {
  isSignedPolicy,
  keyFingerprint,
  minimumReleaseIndex,
  notAboveRelease,
  parseReleasePolicies,
  phasePaths,
  policiesFor,
  policiesToSign,
  policyKeyArea,
  policySignature,
  type PolicyToSign,
  type ReleaseBoot,
  type ReleasePhase,
  releasePcrs,
  releasePhases,
  type ReleasePolicies,
  releasePolicy,
  type ReleaseUse,
  releaseUses,
  type SignedPolicy,
  useReference,
  writeReleasePolicies,
} from "./release-policy.ts";
export { parseResponseCode, responseFault, type ResponseCode } from "./response-code.ts";
export { type Authorization, type PasswordUse, Session, type SessionUse } from "./session.ts";
export { ecdsaSignature, encodeSignature, isSignedBy, type TpmSignature } from "./signature.ts";
export { Tpm, type Transmit } from "./tpm.ts";

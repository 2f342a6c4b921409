/** Keys of an owner, wrapped file keys, sealed content and signed statements. Normative text: docs/spec/envelope.md. */
export { accountBytes, accountId } from "./account.ts";
export { certifyDevice, type DeviceCertificate, verifyDeviceCertificate } from "./device-certificate.ts";
export {
  type Ed25519Key,
  ed25519FromSeed,
  ed25519KeyBytes,
  ed25519SignatureBytes,
  isAcceptablePublicKey,
  verifyEd25519,
} from "./ed25519.ts";
export {
  chunkCount,
  chunkPlainBytes,
  chunkSealedBytes,
  chunkTagBytes,
  createExtentOpener,
  createExtentSealer,
  type ExtentContext,
  type ExtentOpener,
  extentSaltBytes,
  type ExtentSealer,
  openExtent,
  sealedLength,
  sealExtent,
} from "./extent.ts";
export { envelopeFaults } from "./faults.ts";
export { versionIdBytes, wrappedFekBytes } from "./fek.ts";
export { createKeyRing, type KeyRing } from "./key-ring.ts";
export { newFek, newRootSecret, secretBytes } from "./key-tree.ts";
export { lockedFekBytes, lockedFekFormat, sealToFileKey } from "./locked-fek.ts";
export {
  type MetadataContext,
  metadataHashBytes,
  metadataHead,
  metadataPlainBytesMax,
  openMetadata,
  sealedMetadataBytes,
  sealedMetadataBytesMax,
  sealMetadata,
} from "./metadata-seal.ts";
export type { OpenedRoot } from "./opened-root.ts";
export { deriveOwnerKeys, firstEpoch, type OwnerKeys, wrappedFekEpoch } from "./owner-keys.ts";
export {
  certifyRotation,
  extendsOwnerChain,
  type OwnerChain,
  type OwnerRotation,
  readOwnerChain,
  rotationsMax,
  verifyRotation,
  verifyRotationChain,
  writeOwnerChain,
} from "./owner-rotation.ts";
export {
  type Argon2id,
  openPasswordSlot,
  type PasswordCost,
  passwordCostFloor,
  passwordSlotBytes,
  passwordSlotCost,
  type PasswordSlotKey,
  pepperBytes,
  productCost,
  sealPasswordSlot,
} from "./password-slot.ts";
export {
  locatorBytes,
  locatorOf,
  type MisspeltWord,
  misspeltWords,
  newPhrase,
  parsePhrase,
  type Phrase,
  phraseWords,
} from "./phrase.ts";
export {
  type OpenedPhraseSlot,
  openPhraseSlot,
  openSlotDetails,
  resealDetails,
  type SealedSlot,
  sealedSlotBytesMax,
  sealPhraseSlot,
  type SlotRenewal,
  verifySealedSlot,
} from "./phrase-slot.ts";
export {
  type LocatorProof,
  proveAccount,
  proveLocator,
  type RecoveryAudience,
  recoveryChallengeBytes,
  verifyAccountProof,
  verifyLocatorProof,
} from "./recovery-proof.ts";
export {
  openPreviousKeys,
  previousRootEpochs,
  previousRootsMax,
  unwrapPreviousRoot,
  unwrapVolumeKey,
  wrappedPreviousRootBytes,
  wrappedVolumeKeyBytes,
  wrapPreviousRoot,
  wrapVolumeKey,
} from "./root-wraps.ts";
export {
  decodeSlotDetails,
  encodeSlotDetails,
  fitSlotDetails,
  slotAddressesMax,
  type SlotDetails,
  slotDetailsBytesMax,
  type SlotMember,
  slotMembersMax,
  type SlotNetwork,
  slotNetworksMax,
  slotTextBytesMax,
} from "./slot-details.ts";
export { decideSlot, keptSlotsMax, type SlotDecision } from "./slot-keeping.ts";
export {
  hashClaimCode,
  isEasyClaimCode,
  isHashedClaimCode,
  matchesHash,
  newClaimCode,
  plainClaimCode,
} from "./claim-code.ts";
export { decodeSlotList, encodeSlotList, type SlotList, slotListBytesMax } from "./slot-list.ts";
export {
  definePurpose,
  encodeStatement,
  networkIdBytes,
  type Purpose,
  signStatement,
  type Statement,
  statementBodyBytesMax,
  verifyStatement,
} from "./statement.ts";

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
export { versionIdBytes, wrappedFekBytes, wrappedFekEpoch } from "./fek.ts";
export { newFek, newRootSecret, secretBytes } from "./key-tree.ts";
export { deriveOwnerKeys, firstEpoch, type OwnerKeys } from "./owner-keys.ts";
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
  definePurpose,
  encodeStatement,
  networkIdBytes,
  type Purpose,
  signStatement,
  type Statement,
  statementBodyBytesMax,
  verifyStatement,
} from "./statement.ts";

/** The contract of central's HTTP interface, signed calls, and the typed client. */
export {
  Account,
  decodeChain,
  encodeChain,
  NetworkList,
  OwnerKey,
  OwnerKeyChain,
  OwnerKeyUpdate,
  Registration,
} from "./accounts.ts";
export {
  addressLifetimeMsMax,
  AddressLease,
  AddressList,
  AddressUpdate,
  CentralTime,
  Multiaddr,
  PeerAddresses,
  RelayList,
} from "./addresses.ts";
export type { CallSigner, CallTransport, CentralClientOptions } from "./call.ts";
export {
  type CentralCallOptions,
  type CentralClient,
  createCentralClient,
  type Head,
  type HeldInvitation,
  type PeerAddressesView,
  type ProposalView,
} from "./client.ts";
export { centralFaults } from "./faults.ts";
export { EntrySubmission, InvitedRead, logEntriesMax, LogHead, LogPage } from "./networks.ts";
export { Problem } from "./problem.ts";
export { Proposal, type ProposalKind, proposalKinds, ProposalList, ProposalSubmission } from "./proposals.ts";
export {
  BlobId,
  decodeVaultEntries,
  decodeVaultPage,
  encodeVaultEntries,
  encodeVaultPage,
  vaultBodyBytesMax,
  type VaultEntry,
  type VaultPage,
  vaultPageBytesMax,
  vaultPageEntriesMax,
  type VaultState,
} from "./vault.ts";
export {
  type BlobView,
  findSlot,
  recoveryVerifier,
  type VaultCalls,
  vaultEntriesAtOnce,
  type VaultStateView,
} from "./vault-client.ts";
export { type RouteName, type Routes, routes, signedCallScheme } from "./routes.ts";
export {
  type CallCredentials,
  callNonceBytes,
  type CallParts,
  callStatement,
  callToleranceMs,
  decodeCredentials,
  encodeCredentials,
  proveInvitation,
  verifyCall,
  verifyInvitationProof,
} from "./signed-call.ts";

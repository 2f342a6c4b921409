/** The network's member-signed log and its invitations. Normative text: docs/spec/membership.md. */
export {
  acceptInvitation,
  cosignRemoval,
  createNetwork,
  leaveNetwork,
  removeMember,
  replaceDevice,
  rotateOwnerKey,
} from "./authoring.ts";
export { checkDraft, type Draft, type DraftKind, joinDrafts } from "./draft.ts";
export { decodeEntry, type Entry, type EntryBody, entryBytesMax, type EntryPosition } from "./entry-codec.ts";
export { membershipFaults } from "./faults.ts";
export {
  cosignInvitation,
  createInvitation,
  decodeInvitation,
  encodeInvitation,
  Invitation,
  invitationPrefix,
  invitationTextCharactersMax,
} from "./invitation.ts";
export {
  decodeSignedInvitation,
  encodeSignedInvitation,
  type InvitationStatement,
  type SignedInvitation,
} from "./invitation-codec.ts";
export { nameCharactersMax, parseName } from "./name.ts";
export {
  applyEntries,
  applyEntry,
  checkInvitation,
  checkTimely,
  entriesUntil,
  entryToleranceMs,
  logEntriesMax,
  replay,
} from "./rules.ts";
export type { MemberSignature } from "./signer.ts";
export {
  type DeviceRecord,
  type Member,
  type NetworkState,
  type OwnerKeyRecord,
  signersSuffice,
  twoSignersFrom,
} from "./state.ts";

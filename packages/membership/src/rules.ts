import assert from "node:assert/strict";
import { fromHex, toHex } from "@piccolo/bytes";
import { isAcceptablePublicKey, type Statement, verifyDeviceCertificate, verifyStatement } from "@piccolo/envelope";
import { decodeEntry, type Entry, type EntryBody, entryStatement, invitationUseStatement } from "./entry-codec.ts";
import { membershipFaults } from "./faults.ts";
import { invitationStatement, type SignedInvitation } from "./invitation-codec.ts";
import { checkJoiningKeys, checkNewerKeys } from "./owner-key-rules.ts";
import { type Change, GrowingState } from "./growing-state.ts";
import { compareBytes, type MemberSignature } from "./signer.ts";
import {
  type DeviceRecord,
  type Member,
  type NetworkState,
  type OwnChanges,
  signersSuffice,
  twoSignersFrom,
} from "./state.ts";

type Body<Kind extends EntryBody["kind"]> = Extract<EntryBody, { kind: Kind }>;

/** Entries of a log. Reaching it takes members who speak for the network: each alone is held to the two below. */
export const logEntriesMax = 8_192;
/**
 * What one member alone may enter between joining and leaving. Nobody else has to sign these entries, so without a
 * bound a single member could make a log that no device can read. A device replaced and a phrase changed every month for
 * twenty years stays below.
 */
export const ownDevicesMax = 256;
export const ownRotationsMax = 256;
/** Of all who joined together: each rotation costs a reader two checks, and one entry brings many. */
export const joinedRotationsMax = 1_024;
const unchanged: OwnChanges = { devices: 0, rotations: 0 };

interface Owner {
  readonly account: Uint8Array;
  readonly ownerPublicKey: Uint8Array;
}

function refuseSignature(what: string): Error {
  return membershipFaults.fault("membership-signature", `${what} does not fit: the entry was changed or forged`);
}

/**
 * A signature that does not fit a member's owner key. One by an older key of theirs was right once, so it is told apart:
 * nobody changed anything, it only has to be made again.
 */
function refuseMemberSignature(
  state: NetworkState,
  { account, name }: Owner & { readonly name: string },
  statement: Statement,
  signature: Uint8Array,
): Error {
  const owner = toHex(account);
  for (const [key, keyOwner] of state.usedOwnerKeys) {
    if (keyOwner === owner && verifyStatement(fromHex(key), statement, signature)) {
      return membershipFaults.fault("owner-key-rotated", `${name} has a newer owner key and has to sign again with it`);
    }
  }
  return refuseSignature(`the signature of ${name}`);
}

/** Members' signatures, each by a member of the state. `statementOf` gives what each of them signed. */
function checkMemberSignatures(
  state: NetworkState,
  signatures: readonly MemberSignature[],
  statementOf: (account: Uint8Array) => Statement,
): void {
  for (const { account, signature } of signatures) {
    const member = state.memberByAccount(account);
    if (member === undefined) {
      throw membershipFaults.fault("not-a-member", "one who signed is not a member of this network");
    }
    const statement = statementOf(account);
    if (!verifyStatement(member.ownerPublicKey, statement, signature)) {
      throw refuseMemberSignature(state, member, statement, signature);
    }
  }
}

function checkEnough(state: NetworkState, signatures: readonly MemberSignature[]): void {
  if (
    signersSuffice(
      state,
      signatures.map(({ account }) => account),
    )
  )
    return;
  throw membershipFaults.fault(
    "too-few-signers",
    state.members.size < twoSignersFrom
      ? `the founder (${state.founder.name}) has to sign`
      : "two different members have to sign",
  );
}

/** An entry that concerns its author alone carries exactly one signature, theirs. */
function checkOwnSignature(
  state: NetworkState | undefined,
  entry: Entry,
  owner: Owner & { readonly name: string },
): void {
  const [own, ...others] = entry.signatures;
  assert.ok(own !== undefined);
  const statement = entryStatement(entry.body.kind, state?.networkId, owner.account, entry.core);
  if (others.length > 0 || compareBytes(own.account, owner.account) !== 0) {
    throw refuseSignature("the owner's signature");
  }
  if (verifyStatement(owner.ownerPublicKey, statement, own.signature)) return;
  if (state === undefined) throw refuseSignature("the owner's signature");
  throw refuseMemberSignature(state, owner, statement, own.signature);
}

function checkCertificate(owner: Owner, device: DeviceRecord & { readonly deviceCertificate: Uint8Array }): void {
  const { deviceKey, deviceEpoch, deviceCertificate: signature } = device;
  if (!isAcceptablePublicKey(deviceKey) || !verifyDeviceCertificate(owner, { deviceKey, deviceEpoch, signature })) {
    throw refuseSignature("the device certificate");
  }
}

/** A device key serves one owner for one device epoch, ever; only a member who comes back may bring the same device. */
function checkDeviceIsNew(
  state: NetworkState | undefined,
  owner: Owner,
  device: DeviceRecord,
  mayReturn: boolean,
): void {
  const last = state?.devices.get(toHex(owner.account));
  const same = last !== undefined && compareBytes(last.deviceKey, device.deviceKey) === 0;
  if (mayReturn && same && last.deviceEpoch === device.deviceEpoch) return;
  if (device.deviceEpoch <= (last?.deviceEpoch ?? 0)) {
    throw membershipFaults.fault("device-fenced", `device epoch ${device.deviceEpoch} was reached before`);
  }
  if (state?.usedDeviceKeys.has(toHex(device.deviceKey)) === true) {
    throw membershipFaults.fault("device-key-in-use", "the device key was used in this network before");
  }
}

/**
 * Whether an invitation may be used at `timeMs`, on a log in this state. Signatures that are too few are found last, so
 * that `too-few-signers` means: else it is good. Throws the faults of `membershipFaults`.
 */
export function checkInvitation(
  state: NetworkState,
  { statement, signatures }: SignedInvitation,
  timeMs: number,
): void {
  if (compareBytes(statement.networkId, state.networkId) !== 0) {
    throw membershipFaults.fault("invitation-foreign", "the invitation is for another network");
  }
  if (state.usedInvitations.has(toHex(statement.invitationKey))) {
    throw membershipFaults.fault("invitation-used", "the invitation has been used: ask a member for a new one");
  }
  if (timeMs > statement.expiresAtMs) {
    throw membershipFaults.fault("invitation-expired", "the invitation has expired: ask a member for a new one");
  }
  const anchor = state.entryHashes[statement.ordinal];
  if (anchor === undefined || compareBytes(anchor, statement.anchorHash) !== 0) {
    throw membershipFaults.fault("membership-forked", "the invitation was made on another branch of the log");
  }
  checkMemberSignatures(state, signatures, (account) => invitationStatement(statement, account));
  checkEnough(state, signatures);
}

function checkChain(state: NetworkState, { position, hash }: Entry): void {
  const known = state.entryHashes[position.sequence];
  if (known !== undefined) {
    if (compareBytes(known, hash) === 0) {
      throw membershipFaults.fault("membership-duplicate", `entry ${position.sequence} is in the log already`);
    }
    throw membershipFaults.fault("membership-forked", `another entry ${position.sequence} is in the log`);
  }
  if (position.sequence >= logEntriesMax) {
    throw membershipFaults.fault("membership-full", `the log has room for ${logEntriesMax} entries`);
  }
  if (position.sequence > state.length) {
    throw membershipFaults.fault("membership-gap", `entries ${state.length} to ${position.sequence - 1} are missing`);
  }
  if (compareBytes(position.previous, state.headHash) !== 0) {
    throw membershipFaults.fault("membership-forked", `entry ${position.sequence} does not follow the newest entry`);
  }
  if (position.timeMs < state.headTimeMs) {
    throw membershipFaults.fault("membership-time", `entry ${position.sequence} is older than the one before it`);
  }
}

const headOf = ({ hash, position }: Entry): { readonly hash: Uint8Array; readonly timeMs: number } => ({
  hash,
  timeMs: position.timeMs,
});

/** What the member has changed alone by then. */
function checkOwnChanges(state: NetworkState, { account, name }: Member, more: OwnChanges): OwnChanges {
  const before = state.ownChanges.get(toHex(account)) ?? unchanged;
  const devices = before.devices + more.devices;
  const rotations = before.rotations + more.rotations;
  if (devices > ownDevicesMax || rotations > ownRotationsMax) {
    throw membershipFaults.fault("too-many-changes", `${name} has changed device or key as often as a member may`);
  }
  return { devices, rotations };
}

function memberOf(record: Body<"create" | "add">["member"], keyEpoch: number, joinedAtMs: number): Member {
  const { account, ownerPublicKey, deviceKey, deviceEpoch, name } = record;
  return { account, ownerPublicKey, keyEpoch, deviceKey, deviceEpoch, name, joinedAtMs };
}

function create(entry: Entry, { member, networkName }: Body<"create">): GrowingState {
  const owner = checkJoiningKeys(undefined, member);
  checkDeviceIsNew(undefined, member, member, false);
  checkCertificate(member, member);
  checkOwnSignature(undefined, entry, member);
  return GrowingState.founded(networkName, headOf(entry), {
    account: member.account,
    member: memberOf(member, owner.newest.keyEpoch, entry.position.timeMs),
    device: member,
    owner,
    ownChanges: unchanged,
  });
}

function add(state: NetworkState, entry: Entry, { member, invitation }: Body<"add">): Change {
  if (state.memberByAccount(member.account) !== undefined) {
    throw membershipFaults.fault("already-a-member", `${member.name} is a member already`);
  }
  const rotations = member.lineage?.rotations.length ?? 0;
  if (state.joinedRotations + rotations > joinedRotationsMax) {
    throw membershipFaults.fault("membership-full", `those who joined bring more than ${joinedRotationsMax} rotations`);
  }
  const owner = checkJoiningKeys(state, member);
  checkInvitation(state, invitation, entry.position.timeMs);
  checkDeviceIsNew(state, member, member, true);
  checkCertificate(member, member);
  const { invitationKey } = invitation.statement;
  const use = invitationUseStatement(state.networkId, member.account, entry.core);
  assert.ok(entry.invitationSignature !== undefined);
  if (!verifyStatement(invitationKey, use, entry.invitationSignature)) {
    throw refuseSignature("the invitation's signature");
  }
  checkOwnSignature(state, entry, member);
  const joined = memberOf(member, owner.newest.keyEpoch, entry.position.timeMs);
  return {
    account: member.account,
    member: joined,
    device: member,
    owner,
    invitationKey,
    joinedRotations: rotations,
    ownChanges: unchanged,
  };
}

function remove(state: NetworkState, entry: Entry, { account }: Body<"remove">): Change {
  const member = state.memberByAccount(account);
  if (member === undefined) {
    throw membershipFaults.fault("not-a-member", "whom the entry removes is not a member");
  }
  if (state.members.size === 1) {
    throw membershipFaults.fault("last-member", "the last member of a network cannot leave it");
  }
  if (entry.signatures.some((signature) => compareBytes(signature.account, account) === 0)) {
    checkOwnSignature(state, entry, member);
  } else {
    checkMemberSignatures(state, entry.signatures, (signer) =>
      entryStatement("remove", state.networkId, signer, entry.core),
    );
    checkEnough(state, entry.signatures);
  }
  return { account, member: undefined };
}

function replaceDevice(state: NetworkState, entry: Entry, body: Body<"device">): Change {
  const member = state.memberByAccount(body.account);
  if (member === undefined) {
    throw membershipFaults.fault("not-a-member", "whose device the entry replaces is not a member");
  }
  const ownChanges = checkOwnChanges(state, member, { devices: 1, rotations: 0 });
  checkDeviceIsNew(state, member, body, false);
  checkCertificate(member, body);
  checkOwnSignature(state, entry, member);
  const { account, deviceKey, deviceEpoch } = body;
  return { account, member: { ...member, deviceKey, deviceEpoch }, device: body, ownChanges };
}

function rotateKey(state: NetworkState, entry: Entry, { account, rotations }: Body<"key">): Change {
  const member = state.memberByAccount(account);
  if (member === undefined) {
    throw membershipFaults.fault("not-a-member", "whose owner key the entry rotates is not a member");
  }
  const ownChanges = checkOwnChanges(state, member, { devices: 0, rotations: rotations.length });
  const owner = checkNewerKeys(state, member, rotations);
  const renewed = { ...member, ...owner.newest };
  checkOwnSignature(state, entry, renewed);
  return { account, member: renewed, owner, ownChanges };
}

/** What an entry changes. Throws the faults of `membershipFaults`. */
function changeBy(state: NetworkState, entry: Entry): Change {
  const { body } = entry;
  checkChain(state, entry);
  if (body.kind === "add") return add(state, entry, body);
  if (body.kind === "remove") return remove(state, entry, body);
  if (body.kind === "key") return rotateKey(state, entry, body);
  assert.ok(body.kind === "device", "a second first entry never passes the chain check");
  return replaceDevice(state, entry, body);
}

/**
 * The state after some more entries; without a state, the first entry makes a network. The state given stays as it is.
 * Throws `malformed` and the faults of `membershipFaults`; `wrong-network` where the id is not the expected one.
 */
export function applyEntries(
  state: NetworkState | undefined,
  entries: readonly Uint8Array[],
  expectedNetworkId?: Uint8Array,
): NetworkState {
  let growing: GrowingState | undefined;
  for (const bytes of entries) {
    const entry = decodeEntry(bytes);
    const before = growing ?? state;
    if (before === undefined) {
      const { body } = entry;
      if (body.kind !== "create") {
        throw membershipFaults.fault("membership-gap", "the log does not begin with its first entry");
      }
      growing = create(entry, body);
    } else {
      const change = changeBy(before, entry);
      growing ??= GrowingState.after(before);
      growing.take(headOf(entry), change);
    }
    if (expectedNetworkId !== undefined && compareBytes(growing.networkId, expectedNetworkId) !== 0) {
      throw membershipFaults.fault("wrong-network", "the log is another network's");
    }
  }
  const after = growing ?? state;
  if (after === undefined) throw membershipFaults.fault("membership-gap", "the log is empty");
  return after;
}

/** The state after one more entry, as `applyEntries` gives it. */
export function applyEntry(state: NetworkState | undefined, entryBytes: Uint8Array): NetworkState {
  return applyEntries(state, [entryBytes]);
}

/** The state of a whole log. Throws what `applyEntries` throws. */
export function replay(entries: readonly Uint8Array[], expectedNetworkId?: Uint8Array): NetworkState {
  return applyEntries(undefined, entries, expectedNetworkId);
}

/** How far the time of a fresh entry may be from the clock of whoever takes it in. */
export const entryToleranceMs = 600_000;

/**
 * For whoever reads entries that others have taken: those before the first one whose time lies after `latestMs`. That one
 * would keep every later entry out, since nobody takes a fresh one with its time; it is read once its time has come.
 * Throws `malformed`.
 */
export function entriesUntil(latestMs: number, entries: readonly Uint8Array[]): readonly Uint8Array[] {
  const at = entries.findIndex((entry) => decodeEntry(entry).position.timeMs > latestMs);
  return at < 0 ? entries : entries.slice(0, at);
}

/**
 * For whoever takes a fresh entry into the log, beside `applyEntry`: its time may not lie in the future, where it would
 * keep every later entry out, and a joining owner's not in the past, where it would revive an expired invitation. Throws
 * `malformed` and `entry-untimely`.
 */
export function checkTimely(entryBytes: Uint8Array, nowMs: number): void {
  const { position, body } = decodeEntry(entryBytes);
  const aheadMs = position.timeMs - nowMs;
  if (aheadMs > entryToleranceMs || (body.kind === "add" && aheadMs < -entryToleranceMs)) {
    throw membershipFaults.fault(
      "entry-untimely",
      `the entry's time is ${Math.round(Math.abs(aheadMs) / 60_000)} minutes off: correct the device's clock`,
      { details: { aheadMs } },
    );
  }
}

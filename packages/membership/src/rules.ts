import assert from "node:assert/strict";
import { fromHex, toHex } from "@piccolo/bytes";
import { isAcceptablePublicKey, type Statement, verifyDeviceCertificate, verifyStatement } from "@piccolo/envelope";
import { decodeEntry, type Entry, type EntryBody, entryStatement, invitationUseStatement } from "./entry-codec.ts";
import { membershipFaults } from "./faults.ts";
import { invitationStatement, type SignedInvitation } from "./invitation-codec.ts";
import { checkJoiningKeys, checkNewerKeys, type OwnerKeys } from "./owner-key-rules.ts";
import { compareBytes, type MemberSignature } from "./signer.ts";
import {
  type DeviceRecord,
  makeState,
  type Member,
  type NetworkState,
  signersSuffice,
  twoSignersFrom,
} from "./state.ts";

type Body<Kind extends EntryBody["kind"]> = Extract<EntryBody, { kind: Kind }>;

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

function memberOf(record: Body<"create" | "add">["member"], keyEpoch: number, joinedAtMs: number): Member {
  const { account, ownerPublicKey, deviceKey, deviceEpoch, name } = record;
  return { account, ownerPublicKey, keyEpoch, deviceKey, deviceEpoch, name, joinedAtMs };
}

const named = (keys: readonly Uint8Array[], account: string): readonly (readonly [string, string])[] =>
  keys.map((key) => [toHex(key), account]);

function create(entry: Entry, { member, networkName }: Body<"create">): NetworkState {
  const { newest, keys } = checkJoiningKeys(undefined, member);
  checkDeviceIsNew(undefined, member, member, false);
  checkCertificate(member, member);
  checkOwnSignature(undefined, entry, member);
  const founder = memberOf(member, newest.keyEpoch, entry.position.timeMs);
  const key = toHex(member.account);
  return makeState(
    {
      networkId: entry.hash,
      name: networkName,
      entryHashes: [entry.hash],
      headHash: entry.hash,
      headTimeMs: entry.position.timeMs,
      members: new Map([[key, founder]]),
      usedInvitations: new Set(),
      devices: new Map([[key, founder]]),
      usedDeviceKeys: new Set([toHex(member.deviceKey)]),
      owners: new Map([[key, newest]]),
      usedOwnerKeys: new Map(named(keys, key)),
    },
    founder,
  );
}

/** The state after an entry whose rules were checked. */
function next(
  state: NetworkState,
  entry: Entry,
  members: ReadonlyMap<string, Member>,
  news: {
    readonly account: Uint8Array;
    readonly device?: DeviceRecord;
    readonly owner?: OwnerKeys;
    readonly invitationKey?: Uint8Array;
  },
): NetworkState {
  const { device, owner, invitationKey } = news;
  const account = toHex(news.account);
  const [founder] = members.values();
  assert.ok(founder !== undefined);
  const devices = new Map(state.devices);
  const usedDeviceKeys = new Set(state.usedDeviceKeys);
  if (device !== undefined) {
    const { deviceKey, deviceEpoch } = device;
    devices.set(account, { deviceKey, deviceEpoch });
    usedDeviceKeys.add(toHex(deviceKey));
  }
  const usedInvitations = new Set(state.usedInvitations);
  if (invitationKey !== undefined) usedInvitations.add(toHex(invitationKey));
  return makeState(
    {
      networkId: state.networkId,
      name: state.name,
      entryHashes: [...state.entryHashes, entry.hash],
      headHash: entry.hash,
      headTimeMs: entry.position.timeMs,
      members,
      usedInvitations,
      devices,
      usedDeviceKeys,
      owners: owner === undefined ? state.owners : new Map(state.owners).set(account, owner.newest),
      usedOwnerKeys:
        owner === undefined ? state.usedOwnerKeys : new Map([...state.usedOwnerKeys, ...named(owner.keys, account)]),
    },
    founder,
  );
}

function add(state: NetworkState, entry: Entry, { member, invitation }: Body<"add">): NetworkState {
  if (state.memberByAccount(member.account) !== undefined) {
    throw membershipFaults.fault("already-a-member", `${member.name} is a member already`);
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
  const members = new Map(state.members).set(toHex(member.account), joined);
  return next(state, entry, members, { account: member.account, device: member, owner, invitationKey });
}

function remove(state: NetworkState, entry: Entry, { account }: Body<"remove">): NetworkState {
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
  const members = new Map(state.members);
  members.delete(toHex(account));
  return next(state, entry, members, { account });
}

function replaceDevice(state: NetworkState, entry: Entry, body: Body<"device">): NetworkState {
  const member = state.memberByAccount(body.account);
  if (member === undefined) {
    throw membershipFaults.fault("not-a-member", "whose device the entry replaces is not a member");
  }
  checkDeviceIsNew(state, member, body, false);
  checkCertificate(member, body);
  checkOwnSignature(state, entry, member);
  const { deviceKey, deviceEpoch } = body;
  const members = new Map(state.members).set(toHex(body.account), { ...member, deviceKey, deviceEpoch });
  return next(state, entry, members, { account: body.account, device: body });
}

function rotateKey(state: NetworkState, entry: Entry, { account, rotations }: Body<"key">): NetworkState {
  const member = state.memberByAccount(account);
  if (member === undefined) {
    throw membershipFaults.fault("not-a-member", "whose owner key the entry rotates is not a member");
  }
  const owner = checkNewerKeys(state, member, rotations);
  const renewed = { ...member, ...owner.newest };
  checkOwnSignature(state, entry, renewed);
  return next(state, entry, new Map(state.members).set(toHex(account), renewed), { account, owner });
}

/**
 * The state after one more entry; without a state, the first entry makes a network. The state given stays as it is.
 * Throws `malformed` and the faults of `membershipFaults`.
 */
export function applyEntry(state: NetworkState | undefined, entryBytes: Uint8Array): NetworkState {
  const entry = decodeEntry(entryBytes);
  const { body } = entry;
  if (state === undefined) {
    if (body.kind === "create") return create(entry, body);
    throw membershipFaults.fault("membership-gap", "the log does not begin with its first entry");
  }
  checkChain(state, entry);
  if (body.kind === "add") return add(state, entry, body);
  if (body.kind === "remove") return remove(state, entry, body);
  if (body.kind === "key") return rotateKey(state, entry, body);
  assert.ok(body.kind === "device", "a second first entry never passes the chain check");
  return replaceDevice(state, entry, body);
}

/** The state of a whole log. Throws what `applyEntry` throws, and `wrong-network` where its id is not the expected one. */
export function replay(entries: readonly Uint8Array[], expectedNetworkId?: Uint8Array): NetworkState {
  let state: NetworkState | undefined;
  for (const entry of entries) {
    state = applyEntry(state, entry);
    if (expectedNetworkId !== undefined && compareBytes(state.networkId, expectedNetworkId) !== 0) {
      throw membershipFaults.fault("wrong-network", "the log is another network's");
    }
  }
  if (state === undefined) throw membershipFaults.fault("membership-gap", "the log is empty");
  return state;
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

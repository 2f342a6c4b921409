import assert from "node:assert/strict";
import {
  type DeviceCertificate,
  firstEpoch,
  type OwnerChain,
  type OwnerKeys,
  type OwnerRotation,
  signStatement,
} from "@piccolo/envelope";
import { isFault } from "@piccolo/fault";
import type { World } from "@piccolo/world";
import {
  decodeEntry,
  encodeCore,
  encodeEntry,
  type EntryBody,
  type EntryPosition,
  entryStatement,
  invitationUseStatement,
  type MemberRecord,
} from "./entry-codec.ts";
import { membershipFaults } from "./faults.ts";
import type { Invitation } from "./invitation.ts";
import { parseName } from "./name.ts";
import { applyEntry } from "./rules.ts";
import { withSignature } from "./signer.ts";
import type { NetworkState } from "./state.ts";

function memberRecord(p: {
  readonly ownerKeys: OwnerKeys;
  readonly device: DeviceCertificate;
  readonly name: string;
  readonly lineage?: OwnerChain | undefined;
}): MemberRecord {
  const { ownerKeys, device, name } = p;
  const lineage = p.lineage?.rotations.length === 0 ? undefined : p.lineage;
  assert.equal((lineage?.rotations.length ?? 0) + firstEpoch, ownerKeys.epoch);
  return {
    account: ownerKeys.account,
    ownerPublicKey: ownerKeys.ownerPublicKey,
    deviceKey: device.deviceKey,
    deviceEpoch: device.deviceEpoch,
    deviceCertificate: device.signature,
    name: parseName(name),
    ...(lineage === undefined ? {} : { lineage }),
  };
}

/** The place after the newest entry; a clock behind the log's is no reason to wait. */
function following(state: NetworkState, world: World): EntryPosition {
  return {
    sequence: state.length,
    previous: state.headHash,
    timeMs: Math.max(world.nowMs(), state.headTimeMs),
  };
}

function signedBy(
  ownerKeys: OwnerKeys,
  networkId: Uint8Array | undefined,
  kind: EntryBody["kind"],
  core: Uint8Array,
): { readonly account: Uint8Array; readonly signature: Uint8Array } {
  const { account } = ownerKeys;
  return { account, signature: ownerKeys.sign(entryStatement(kind, networkId, account, core)) };
}

/**
 * The first entry of a new network, whose hash is the network's id. `device` is certified by the owner's keys. Throws
 * `name-refused`, `locked`.
 */
export function createNetwork(p: {
  readonly ownerKeys: OwnerKeys;
  readonly device: DeviceCertificate;
  /** The founder's name. */
  readonly name: string;
  readonly networkName: string;
  /** How the owner's keys came from those of the first epoch; needed where they are not those. */
  readonly lineage?: OwnerChain | undefined;
  readonly world: World;
}): Uint8Array {
  const member = memberRecord(p);
  const networkName = parseName(p.networkName);
  // The salt tells apart two networks that one owner makes in the same millisecond.
  const body: EntryBody = { kind: "create", salt: p.world.randomBytes(16), networkName, member };
  const core = encodeCore({ sequence: 0, previous: new Uint8Array(32), timeMs: p.world.nowMs() }, body);
  const entry = encodeEntry(core, undefined, [signedBy(p.ownerKeys, undefined, "create", core)]);
  applyEntry(undefined, entry);
  return entry;
}

/**
 * The entry by which an invited owner joins; it holds only on the state given, so it is made anew when another entry
 * came first. Throws `name-refused`, `locked` and whatever `applyEntry` says against it.
 */
export function acceptInvitation(p: {
  readonly state: NetworkState;
  readonly invitation: Invitation;
  readonly ownerKeys: OwnerKeys;
  readonly device: DeviceCertificate;
  readonly name: string;
  /** As for `createNetwork`. */
  readonly lineage?: OwnerChain | undefined;
  readonly world: World;
}): Uint8Array {
  const member = memberRecord(p);
  const core = encodeCore(following(p.state, p.world), { kind: "add", member, invitation: p.invitation.signed });
  const { networkId } = p.state;
  const use = signStatement(p.invitation.key(), invitationUseStatement(networkId, member.account, core));
  const entry = encodeEntry(core, use, [signedBy(p.ownerKeys, networkId, "add", core)]);
  applyEntry(p.state, entry);
  return entry;
}

/**
 * The entry that removes a member, signed by another one; from four members on a second adds theirs by `cosignRemoval`
 * before `applyEntry` takes it. Throws `locked` and whatever `applyEntry` says against it but `too-few-signers`.
 */
export function removeMember(p: {
  readonly state: NetworkState;
  readonly ownerKeys: OwnerKeys;
  readonly account: Uint8Array;
  readonly world: World;
}): Uint8Array {
  const core = encodeCore(following(p.state, p.world), { kind: "remove", account: p.account });
  return checkedDraft(
    p.state,
    encodeEntry(core, undefined, [signedBy(p.ownerKeys, p.state.networkId, "remove", core)]),
  );
}

/** Adds a member's signature to a removal. Throws like `removeMember`, and `malformed`. */
export function cosignRemoval(p: {
  readonly state: NetworkState;
  readonly ownerKeys: OwnerKeys;
  readonly entry: Uint8Array;
}): Uint8Array {
  const { body, core, signatures } = decodeEntry(p.entry);
  if (body.kind !== "remove") {
    throw membershipFaults.fault("membership-signature", "only removals are signed by several members");
  }
  const added = signedBy(p.ownerKeys, p.state.networkId, "remove", core);
  return checkedDraft(p.state, encodeEntry(core, undefined, withSignature(signatures, added)));
}

/** A draft may still lack signatures; whatever else is wrong with it is said now. */
function checkedDraft(state: NetworkState, entry: Uint8Array): Uint8Array {
  try {
    applyEntry(state, entry);
  } catch (error) {
    if (!isFault(error, "too-few-signers")) throw error;
  }
  return entry;
}

/** The entry by which a member leaves. Throws `not-a-member`, `last-member`, `locked`. */
export function leaveNetwork(p: {
  readonly state: NetworkState;
  readonly ownerKeys: OwnerKeys;
  readonly world: World;
}): Uint8Array {
  return removeMember({ ...p, account: p.ownerKeys.account });
}

/**
 * The entry by which a member's new device takes over; `device` has a higher device epoch than the member's last. Throws
 * `not-a-member`, `device-fenced`, `device-key-in-use`, `locked`.
 */
export function replaceDevice(p: {
  readonly state: NetworkState;
  readonly ownerKeys: OwnerKeys;
  readonly device: DeviceCertificate;
  readonly world: World;
}): Uint8Array {
  const { deviceKey, deviceEpoch, signature: deviceCertificate } = p.device;
  const { account } = p.ownerKeys;
  const core = encodeCore(following(p.state, p.world), {
    kind: "device",
    account,
    deviceKey,
    deviceEpoch,
    deviceCertificate,
  });
  const entry = encodeEntry(core, undefined, [signedBy(p.ownerKeys, p.state.networkId, "device", core)]);
  applyEntry(p.state, entry);
  return entry;
}

/**
 * The entry by which a member's owner key moves on. `rotations` lead to `ownerKeys` from any epoch at or before the one
 * that the log knows. Throws `not-a-member`, `owner-key-rotated`, `owner-key-gap`,
 * `owner-key-in-use`, `locked`.
 */
export function rotateOwnerKey(p: {
  readonly state: NetworkState;
  readonly ownerKeys: OwnerKeys;
  readonly rotations: readonly OwnerRotation[];
  readonly world: World;
}): Uint8Array {
  const { account } = p.ownerKeys;
  const known = p.state.memberByAccount(account)?.keyEpoch ?? 0;
  const newer = p.rotations.filter(({ epoch }) => epoch > known && epoch <= p.ownerKeys.epoch);
  if (newer.length === 0) {
    throw membershipFaults.fault("owner-key-rotated", "the log knows an owner key that is as new");
  }
  const core = encodeCore(following(p.state, p.world), { kind: "key", account, rotations: newer });
  const entry = encodeEntry(core, undefined, [signedBy(p.ownerKeys, p.state.networkId, "key", core)]);
  applyEntry(p.state, entry);
  return entry;
}

import assert from "node:assert/strict";
import { toHex } from "@piccolo/bytes";
import type { OwnerKeys } from "./owner-key-rules.ts";
import type { DeviceRecord, Member, NetworkState, OwnChanges, OwnerKeyRecord } from "./state.ts";

/** What an entry whose rules were checked changes. */
export interface Change {
  readonly account: Uint8Array;
  /** As they are from now on; undefined where they are no member any more. */
  readonly member: Member | undefined;
  readonly device?: DeviceRecord;
  readonly owner?: OwnerKeys;
  readonly invitationKey?: Uint8Array;
  /** In the lineage of who joins. */
  readonly joinedRotations?: number;
  /** Of a member, what they have changed alone by now. */
  readonly ownChanges?: OwnChanges;
}

interface Head {
  readonly hash: Uint8Array;
  readonly timeMs: number;
}

/**
 * A state that entries are added to in place, so that a log of many costs what its entries cost and not their number
 * squared. Whoever grows one is its only holder until it is done; from then on it is as immutable as it looks.
 */
export class GrowingState implements NetworkState {
  readonly networkId: Uint8Array;
  readonly name: string;
  readonly entryHashes: Uint8Array[];
  readonly members: Map<string, Member>;
  readonly usedInvitations: Set<string>;
  readonly devices: Map<string, DeviceRecord>;
  readonly usedDeviceKeys: Set<string>;
  readonly owners: Map<string, OwnerKeyRecord>;
  readonly usedOwnerKeys: Map<string, string>;
  readonly ownChanges: Map<string, OwnChanges>;
  readonly #byDeviceKey: Map<string, Member>;
  joinedRotations: number;
  #head: Head;

  private constructor(before: Omit<NetworkState, "founder" | "length" | "memberByAccount" | "memberByDeviceKey">) {
    this.networkId = before.networkId;
    this.name = before.name;
    this.entryHashes = [...before.entryHashes];
    this.members = new Map(before.members);
    this.usedInvitations = new Set(before.usedInvitations);
    this.devices = new Map(before.devices);
    this.usedDeviceKeys = new Set(before.usedDeviceKeys);
    this.owners = new Map(before.owners);
    this.usedOwnerKeys = new Map(before.usedOwnerKeys);
    this.ownChanges = new Map(before.ownChanges);
    this.#byDeviceKey = new Map(Array.from(before.members.values(), (member) => [toHex(member.deviceKey), member]));
    this.joinedRotations = before.joinedRotations;
    this.#head = { hash: before.headHash, timeMs: before.headTimeMs };
  }

  static after(state: NetworkState): GrowingState {
    return new GrowingState(state);
  }

  /** The network that its first entry makes. */
  static founded(name: string, head: Head, change: Change): GrowingState {
    const state = new GrowingState({
      networkId: head.hash,
      name,
      entryHashes: [],
      headHash: head.hash,
      headTimeMs: head.timeMs,
      members: new Map(),
      usedInvitations: new Set(),
      devices: new Map(),
      usedDeviceKeys: new Set(),
      owners: new Map(),
      usedOwnerKeys: new Map(),
      ownChanges: new Map(),
      joinedRotations: 0,
    });
    state.take(head, change);
    return state;
  }

  take(head: Head, { joinedRotations = 0, ...change }: Change): void {
    const { account: id, member, device, owner, invitationKey, ownChanges } = change;
    const account = toHex(id);
    this.#head = head;
    this.joinedRotations += joinedRotations;
    this.entryHashes.push(head.hash);
    this.#put(account, member);
    if (ownChanges === undefined) this.ownChanges.delete(account);
    else this.ownChanges.set(account, ownChanges);
    if (device !== undefined) {
      const { deviceKey, deviceEpoch } = device;
      this.devices.set(account, { deviceKey, deviceEpoch });
      this.usedDeviceKeys.add(toHex(deviceKey));
    }
    if (invitationKey !== undefined) this.usedInvitations.add(toHex(invitationKey));
    if (owner === undefined) return;
    this.owners.set(account, owner.newest);
    for (const key of owner.keys) this.usedOwnerKeys.set(toHex(key), account);
  }

  #put(account: string, member: Member | undefined): void {
    const before = this.members.get(account);
    if (before !== undefined) this.#byDeviceKey.delete(toHex(before.deviceKey));
    if (member === undefined) {
      this.members.delete(account);
      return;
    }
    this.members.set(account, member);
    this.#byDeviceKey.set(toHex(member.deviceKey), member);
  }

  get headHash(): Uint8Array {
    return this.#head.hash;
  }

  get headTimeMs(): number {
    return this.#head.timeMs;
  }

  get length(): number {
    return this.entryHashes.length;
  }

  get founder(): Member {
    const [first] = this.members.values();
    assert.ok(first !== undefined, "the last member never leaves");
    return first;
  }

  memberByAccount(account: Uint8Array): Member | undefined {
    return this.members.get(toHex(account));
  }

  memberByDeviceKey(deviceKey: Uint8Array): Member | undefined {
    return this.#byDeviceKey.get(toHex(deviceKey));
  }
}

import assert from "node:assert/strict";
import { test } from "node:test";
import { toHex } from "@piccolo/bytes";
import { certifyDevice, certifyRotation, deriveOwnerKeys, ed25519FromSeed, type OwnerKeys } from "@piccolo/envelope";
import {
  applyEntry,
  createNetwork,
  type Member,
  type NetworkState,
  replaceDevice,
  rotateOwnerKey,
} from "@piccolo/membership";
import type { RecoveryDecision } from "@piccolo/storage/log";
import type { FoundMembership } from "@piccolo/storage/recover";
import { SeededWorld } from "@piccolo/world";
import {
  betterRound,
  decideDevice,
  judgePlace,
  keysByLog,
  longestMembership,
  newestSlot,
  slotFault,
  stalenessOf,
} from "./decide.ts";

const world = new SeededWorld("recovery decisions");
const keys = deriveOwnerKeys(new Uint8Array(32).fill(1), 1);
const others = deriveOwnerKeys(new Uint8Array(32).fill(2), 1);
const later = deriveOwnerKeys(new Uint8Array(32).fill(3), 2, keys.account);
const device = (number: number): Uint8Array => ed25519FromSeed(new Uint8Array(32).fill(number)).publicKey;

function network(ownerKeys: OwnerKeys, deviceNumber: number): FoundMembership {
  const certificate = certifyDevice(ownerKeys, device(deviceNumber), 1);
  const entry = createNetwork({ ownerKeys, device: certificate, name: "Ada", networkName: "home", world });
  return { entries: [entry], state: applyEntry(undefined, entry) };
}

function replaced({ entries, state }: FoundMembership, deviceNumber: number, deviceEpoch: number): FoundMembership {
  const certificate = certifyDevice(keys, device(deviceNumber), deviceEpoch);
  const entry = replaceDevice({ state, ownerKeys: keys, device: certificate, world });
  return { entries: [...entries, entry], state: applyEntry(state, entry) };
}

const idOf = ({ state }: { readonly state: NetworkState }): string => toHex(state.networkId);

test("of slots the one with the highest number counts, whoever gave it and whenever", () => {
  const slot = (number: number) => ({ bytes: new Uint8Array([number]), number });
  assert.equal(newestSlot([]), undefined);
  assert.deepEqual(newestSlot([slot(3), slot(7), slot(5)]), slot(7));
  assert.deepEqual(newestSlot([slot(7), slot(3)]), slot(7));
});

test("who finds no slot hears whether anybody was there to look", () => {
  assert.equal(slotFault(0), "no-members-reachable");
  assert.equal(slotFault(1), "phrase-unknown");
});

test("a network of others, one that the slot does not name, and a shorter log count for nothing", () => {
  const [home, elsewhere, strangers] = [network(keys, 1), network(keys, 4), network(others, 2)];
  const newer = replaced(home, 5, 2);
  assert.equal(longestMembership([], [keys], []), undefined);
  assert.equal(longestMembership([strangers], [keys], []), undefined);
  assert.equal(longestMembership([strangers], [keys], [idOf(strangers)]), undefined);
  assert.equal(longestMembership([elsewhere], [keys], [idOf(home)]), undefined);
  assert.equal(longestMembership([home, newer, elsewhere, home], [keys], [idOf(home)]), newer);
  assert.equal(longestMembership([elsewhere], [keys], []), elsewhere);
});

test("a log from before the newest key of the owner is outdone by a shorter one that knows it", () => {
  const home = network(keys, 1);
  const entry = rotateOwnerKey({
    state: home.state,
    ownerKeys: later,
    rotations: [certifyRotation(keys, later)],
    world,
  });
  const rotated = { entries: [...home.entries, entry], state: applyEntry(home.state, entry) };
  const longer = replaced(replaced(home, 5, 2), 6, 3);
  assert.equal(longestMembership([longer, rotated], [later], [idOf(home)]), rotated);
  assert.equal(longestMembership([longer], [later], [idOf(home)]), longer, "there is none, and the keys say why");
});

test("a device takes the next epoch once, keeps it when it begins again, and never comes back", () => {
  const home = network(keys, 1);
  assert.deepEqual(decideDevice(home.state, keys.account, device(5)), { do: "replace", deviceEpoch: 2 });
  const taken = replaced(home, 5, 2);
  assert.deepEqual(decideDevice(taken.state, keys.account, device(5)), { do: "keep", deviceEpoch: 2 });
  const again = replaced(taken, 6, 3);
  assert.deepEqual(decideDevice(again.state, keys.account, device(5)), { do: "refuse" });
  assert.deepEqual(decideDevice(again.state, keys.account, device(7)), { do: "replace", deviceEpoch: 4 });
});

test("the keys are those that the log knows, also in the middle of a re-key, and never older ones", () => {
  const { state } = network(keys, 1);
  assert.equal(keysByLog(state, keys.account, [later, keys]), keys);
  assert.equal(keysByLog(state, keys.account, [later]), undefined);
  assert.equal(keysByLog(state, others.account, [others]), undefined);
  const entry = rotateOwnerKey({ state, ownerKeys: later, rotations: [certifyRotation(keys, later)], world });
  const rotated = applyEntry(state, entry);
  assert.equal(keysByLog(rotated, keys.account, [later, keys]), later);
  assert.equal(keysByLog(rotated, keys.account, [keys]), "newer-key");
});

const round = (missing: number): RecoveryDecision => ({
  candidates: [],
  forked: false,
  mayBeStale: missing > 0,
  missing,
});

test("a round in which more answered is not forgotten for one in which fewer did", () => {
  const [one, two] = [round(1), round(2)];
  assert.equal(betterRound(undefined, two), two);
  assert.equal(betterRound(one, two), one);
  assert.equal(betterRound(two, one), one);
  const again = round(1);
  assert.equal(betterRound(one, again), again);
});

test("what may be stale says how many have answered, and what is settled says nothing", () => {
  assert.equal(stalenessOf(round(0), 3), undefined);
  assert.deepEqual(stalenessOf(round(2), 3), { answered: 1, needed: 3, newestAtMs: null });
  assert.deepEqual(stalenessOf(round(5), 3), { answered: 0, needed: 5, newestAtMs: null });
});

test("an entry is taken by a quorum, or by more than refuse it where those may lie, and by witnesses only", () => {
  const { state } = network(keys, 1);
  const members = Array.from({ length: 5 }, (_, at): [string, Member] => {
    const account = new Uint8Array(32).fill(50 + at);
    return [toHex(account), { ...state.founder, account, deviceKey: device(50 + at) }];
  });
  const four = { ...network(keys, 1).state, members: new Map(members.slice(0, 4)) } as NetworkState;
  const five = { ...four, members: new Map(members) } as NetworkState;
  const name = (at: number): string => toHex(device(50 + at));
  const verdict = (
    of: NetworkState,
    took: readonly number[],
    refused: readonly number[],
    undecided: readonly number[] = [],
  ): boolean =>
    judgePlace(of, keys.account, {
      took: took.map(name),
      refused: refused.map(name),
      undecided: undecided.map(name),
    }).isTaken;
  assert.ok(verdict(five, [0], []) && verdict(five, [0, 1], [2]) && verdict(five, [0, 1, 2, 3], [4]));
  assert.ok(!verdict(five, [], []) && !verdict(five, [0], [1]) && !verdict(five, [0, 1, 2], [3, 4]));
  assert.ok(verdict(four, [0, 1, 2], [3]) && !verdict(four, [0, 1], [2, 3]));
  assert.ok(!verdict(four, [4], []), "who is no member has no voice");
  assert.ok(!verdict(five, [0], [], [1]) && !verdict(five, [0], [], [1, 2, 3]) && verdict(five, [0, 1], [], [2]));
  assert.ok(verdict(five, [0, 1, 2, 3], [], [4]), "a quorum needs nobody else");
});

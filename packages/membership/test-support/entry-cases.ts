/** Entries that the rules take or refuse. */
import { concat, toHex } from "@piccolo/bytes";
import { certifyDevice } from "@piccolo/envelope";
import { encodeCore, encodeEntry, type EntryBody, type EntryPosition } from "../src/entry-codec.ts";
import { cosignRemoval, leaveNetwork, removeMember, replaceDevice, replay } from "../src/index.ts";
import type { NetworkState } from "../src/state.ts";
import {
  ada,
  bela,
  bytesOf,
  chiara,
  deniz,
  emil,
  entryOf,
  firstEntry,
  FixedWorld,
  invitationBy,
  joining,
  logOf,
  Person,
  positionAfter,
  startMs,
  stateOf,
} from "./cast.ts";
import { keyCases } from "./key-cases.ts";
import { oftenCases } from "./often-cases.ts";
import type { StateView, VectorSet } from "./vector.ts";

type Length = 1 | 2 | 3 | 4;

export function shownState(state: NetworkState): StateView {
  return {
    networkId: toHex(state.networkId),
    length: state.length,
    headHash: toHex(state.headHash),
    founder: toHex(state.founder.account),
    members: [...state.members.values()].map(
      ({ account, ownerPublicKey, keyEpoch, deviceKey, deviceEpoch, name, joinedAtMs }) => ({
        account: toHex(account),
        deviceKey: toHex(deviceKey),
        deviceEpoch,
        name,
        joinedAtMs,
        ...(keyEpoch === 1 ? {} : { keyEpoch, ownerPublicKey: toHex(ownerPublicKey) }),
      }),
    ),
  };
}

/** Only the log's beginning: an entry on it gives the state, or a fault. */
export class Cases {
  readonly vectors: VectorSet = {};

  takes(
    rule: string,
    name: string,
    about: string,
    length: 0 | Length,
    entry: Uint8Array,
    more: readonly Uint8Array[] = [],
  ): void {
    const entries = length === 0 ? [] : logOf(length);
    this.#add(rule, name, about, length, entry, more, { state: shownState(replay([...entries, ...more, entry])) });
  }

  refuses(
    rule: string,
    name: string,
    fault: string,
    about: string,
    length: 0 | Length,
    entry: Uint8Array,
    more: readonly Uint8Array[] = [],
  ): void {
    this.#add(rule, `refuse-${name}`, about, length, entry, more, { fault });
  }

  #add(
    rule: string,
    name: string,
    about: string,
    entries: number,
    entry: Uint8Array,
    more: readonly Uint8Array[],
    expect: { readonly fault: string } | { readonly state: StateView },
  ): void {
    const input = { log: { of: "log" as const, entries }, more: more.map(toHex), entry: toHex(entry) };
    this.vectors[name] = { spec: "membership/1", rule, about, operation: "apply-entry", input, expect };
  }
}

const flipped = (bytes: Uint8Array, at: number): Uint8Array => {
  const out = new Uint8Array(bytes);
  const index = at < 0 ? out.length + at : at;
  out[index] = (out[index] ?? 0) ^ 1;
  return out;
};

const firstPosition: EntryPosition = { sequence: 0, previous: new Uint8Array(32), timeMs: startMs };
const salt = bytesOf("salt").subarray(0, 16);

function formCases(cases: Cases): void {
  const malformed = (name: string, about: string, entry: Uint8Array, length: 0 | Length = 0): void =>
    cases.refuses("M3", name, "malformed", about, length, entry);
  const good = firstEntry();
  malformed("empty", "No bytes.", new Uint8Array(0));
  malformed("format-2", "Another format.", concat(Uint8Array.of(2), good.subarray(1)));
  malformed("kind-0", "A kind that does not exist.", concat(Uint8Array.of(1, 0), good.subarray(2)));
  malformed("kind-8", "A kind that does not exist.", concat(Uint8Array.of(1, 8), good.subarray(2)));
  malformed("cut", "The last byte is missing.", good.subarray(0, -1));
  malformed("longer", "A byte is left over.", concat(good, Uint8Array.of(0)));
  malformed("too-large", "Larger than an entry may be.", concat(good, new Uint8Array(16_385 - good.length)));
  const create: EntryBody = { kind: "create", salt, networkName: "Lindenstrasse", member: ada.record() };
  const after = { ...firstPosition, previous: bytesOf("something before") };
  malformed(
    "create-after-something",
    "A first entry with another one before it.",
    entryOf(undefined, after, create, [ada]),
  );
  const late = { ...firstPosition, sequence: 1 };
  malformed("create-at-1", "A first entry that is not the first.", entryOf(undefined, late, create, [ada]));
  const remove: EntryBody = { kind: "remove", account: ada.account };
  malformed("remove-at-0", "A removal as first entry.", entryOf(bytesOf("network"), firstPosition, remove, [ada]));
  const named = (name: string): Uint8Array =>
    entryOf(
      undefined,
      firstPosition,
      { kind: "create", salt, networkName: "Lindenstrasse", member: ada.record({ name }) },
      [ada],
    );
  malformed("name-empty", "No display name.", named(""));
  const called = (networkName: string): Uint8Array =>
    entryOf(undefined, firstPosition, { kind: "create", salt, networkName, member: ada.record() }, [ada]);
  malformed("network-name-empty", "A network without a name.", called(""));
  malformed("network-name-space", "A network's name with a space at its end.", called("Lindenstrasse "));
  malformed("name-control", "A display name with a control character.", named("A\u0007da"));
  malformed("name-long", "A display name of 65 characters.", named("a".repeat(65)));
  const core = encodeCore(firstPosition, create);
  const { account, signature } = ada.signature("create", undefined, core);
  const hand = (...parts: readonly (number | Uint8Array)[]): Uint8Array =>
    concat(core, ...parts.map((part) => (typeof part === "number" ? Uint8Array.of(part) : part)));
  malformed("unsigned", "No signature.", hand(0));
  malformed("signed-twice", "The same signature twice.", hand(2, account, signature, account, signature));
  const pairs = [ada, bela].map((person) => person.signature("create", undefined, core));
  const descending = pairs
    .sort((a, b) => Buffer.compare(b.account, a.account))
    .flatMap((s) => [s.account, s.signature]);
  malformed("signatures-descending", "Accounts in the wrong order.", hand(2, ...descending));
  const nine = Array.from({ length: 9 }, (_, i) => [new Uint8Array(32).fill(i), signature]).flat();
  malformed("nine-signatures", "More signatures than any rule asks for.", hand(9, ...nine));
  const at = Buffer.from(good).indexOf(Buffer.from(ada.name));
  malformed(
    "name-not-utf8",
    "A display name that is not UTF-8.",
    concat(good.subarray(0, at), Uint8Array.of(0xff), good.subarray(at + 1)),
  );
}

function chainCases(cases: Cases): void {
  const state = stateOf(4);
  const leave: EntryBody = { kind: "remove", account: bela.account };
  const placed = (changed: Partial<EntryPosition>): Uint8Array =>
    entryOf(state.networkId, positionAfter(state, changed), leave, [bela]);
  cases.takes("M6", "same-time", "As old as the entry before it.", 4, placed({ timeMs: state.headTimeMs }));
  cases.refuses(
    "M6",
    "earlier",
    "membership-time",
    "Older than the entry before it.",
    4,
    placed({ timeMs: state.headTimeMs - 1 }),
  );
  cases.refuses("M6", "gap", "membership-gap", "One entry is missing before it.", 4, placed({ sequence: 5 }));
  const beginning = placed({});
  cases.refuses("M6", "not-first", "membership-gap", "The log does not begin with its first entry.", 0, beginning);
  cases.refuses(
    "M6",
    "other-branch",
    "membership-forked",
    "It follows another entry than the newest.",
    4,
    placed({ previous: bytesOf("other") }),
  );
  const [, second] = logOf(2);
  if (second === undefined) throw new Error("the log has two entries");
  cases.refuses("M6", "again", "membership-duplicate", "It is in the log already.", 4, second);
  const rival = joining(stateOf(1), emil, invitationBy(stateOf(1), [ada], "rival"));
  cases.refuses("M6", "rival", "membership-forked", "Another entry has its place.", 4, rival);
}

function createCases(cases: Cases): void {
  const made = (member = ada.record(), signers = [ada]): Uint8Array =>
    entryOf(undefined, firstPosition, { kind: "create", salt, networkName: "Lindenstrasse", member }, signers);
  cases.takes("M8", "create", "A network's first entry.", 0, made());
  cases.refuses(
    "M8",
    "create-other-account",
    "account-mismatch",
    "The account is not the hash of the owner key.",
    0,
    made(ada.record({ account: bela.account }), [bela]),
  );
  cases.refuses(
    "M8",
    "create-other-signer",
    "membership-signature",
    "Signed by somebody else.",
    0,
    made(ada.record(), [bela]),
  );
  cases.refuses(
    "M8",
    "create-two-signers",
    "membership-signature",
    "Signed by one more than its author.",
    0,
    made(ada.record(), [ada, bela]),
  );
  cases.refuses(
    "M8",
    "create-changed-signature",
    "membership-signature",
    "The signature was changed.",
    0,
    flipped(made(), -1),
  );
  cases.refuses(
    "M8",
    "create-changed-salt",
    "membership-signature",
    "What was signed was changed.",
    0,
    flipped(made(), 46),
  );
  cases.refuses(
    "M9",
    "create-foreign-certificate",
    "membership-signature",
    "Another owner certified the device.",
    0,
    made(ada.record({ deviceCertificate: certifyDevice(bela.keys, ada.device.deviceKey, 1).signature })),
  );
  cases.refuses(
    "M9",
    "create-other-epoch",
    "membership-signature",
    "Certified for another device epoch.",
    0,
    made(ada.record({ deviceEpoch: 2 })),
  );
  const zero = certifyDevice(ada.keys, ada.device.deviceKey, 0);
  cases.refuses(
    "M9",
    "create-epoch-0",
    "device-fenced",
    "Device epochs count from 1.",
    0,
    made(ada.record({ deviceEpoch: 0, deviceCertificate: zero.signature })),
  );
  const weakKey = new Uint8Array(32);
  const weak = certifyDevice(ada.keys, weakKey, 1);
  cases.refuses(
    "M9",
    "create-weak-device-key",
    "membership-signature",
    "The device key is of small order.",
    0,
    made(ada.record({ deviceKey: weakKey, deviceCertificate: weak.signature })),
  );
}

function addCases(cases: Cases): void {
  const one = stateOf(1);
  const four = stateOf(4);
  const add = (
    state: NetworkState,
    person: Person,
    inviters: readonly Person[],
    changed: Partial<Parameters<typeof entryOf>[1]> & {
      readonly member?: ReturnType<Person["record"]>;
      readonly signers?: readonly Person[];
    } = {},
  ): Uint8Array => {
    const { member = person.record(), signers = [person], ...position } = changed;
    const invitation = invitationBy(state, inviters, `${person.name} ${state.length}`);
    const body: EntryBody = { kind: "add", member, invitation: invitation.signed };
    return entryOf(state.networkId, positionAfter(state, position), body, signers, invitation.key());
  };
  cases.takes("M10", "add", "Invited by the founder of a network of one.", 1, add(one, bela, [ada]));
  cases.takes("M10", "add-two-inviters", "Invited by two members of four.", 4, add(four, emil, [bela, chiara]));
  cases.takes(
    "M10",
    "add-at-expiry",
    "In the last millisecond of the invitation.",
    1,
    add(one, bela, [ada], { timeMs: startMs + 86_400_000 }),
  );
  cases.refuses(
    "M10",
    "add-expired",
    "invitation-expired",
    "A millisecond after the invitation's end.",
    1,
    add(one, bela, [ada], { timeMs: startMs + 86_400_001 }),
  );
  cases.refuses(
    "M10",
    "add-one-of-four",
    "too-few-signers",
    "Invited by one member of four.",
    4,
    add(four, emil, [ada]),
  );
  cases.refuses(
    "M10",
    "add-not-founder",
    "too-few-signers",
    "Invited by two of three, the founder not among them.",
    3,
    add(stateOf(3), emil, [bela, chiara]),
  );
  cases.refuses("M10", "add-member", "already-a-member", "Who is a member already.", 4, add(four, bela, [ada, chiara]));
  cases.refuses(
    "M10",
    "add-other-account",
    "account-mismatch",
    "The account is not the hash of the owner key.",
    1,
    add(one, bela, [ada], { member: bela.record({ account: chiara.account }), signers: [chiara] }),
  );
  cases.refuses(
    "M10",
    "add-other-signer",
    "membership-signature",
    "Signed by another than who joins.",
    1,
    add(one, bela, [ada], { signers: [chiara] }),
  );
  cases.refuses(
    "M9",
    "add-used-device",
    "device-key-in-use",
    "With the device key of another member.",
    4,
    add(four, emil, [ada, bela], {
      member: emil.record({
        deviceKey: ada.device.deviceKey,
        deviceCertificate: certifyDevice(emil.keys, ada.device.deviceKey, 1).signature,
      }),
    }),
  );
  cases.refuses(
    "M9",
    "add-other-epoch",
    "membership-signature",
    "The certificate is for another device epoch.",
    1,
    add(one, bela, [ada], { member: bela.record({ deviceEpoch: 2 }) }),
  );

  const usedInvitation = invitationBy(one, [ada], "Bela");
  const again: EntryBody = { kind: "add", member: emil.record(), invitation: usedInvitation.signed };
  cases.refuses(
    "M10",
    "add-used-invitation",
    "invitation-used",
    "The invitation by which Bela joined.",
    2,
    entryOf(one.networkId, positionAfter(stateOf(2)), again, [emil], usedInvitation.key()),
  );

  const good = invitationBy(four, [ada, bela], "changed");
  const changed = (change: (signed: typeof good.signed) => typeof good.signed): Uint8Array => {
    const body: EntryBody = { kind: "add", member: emil.record(), invitation: change(good.signed) };
    return entryOf(four.networkId, positionAfter(four), body, [emil], good.key());
  };
  const stating = (part: Partial<typeof good.signed.statement>): Uint8Array =>
    changed(({ statement, signatures }) => ({ statement: { ...statement, ...part }, signatures }));
  cases.refuses(
    "M10",
    "add-foreign-invitation",
    "invitation-foreign",
    "The invitation names another network.",
    4,
    stating({ networkId: bytesOf("another network") }),
  );
  cases.refuses(
    "M10",
    "add-other-anchor",
    "membership-forked",
    "The invitation names an entry that the log does not have.",
    4,
    stating({ anchorHash: bytesOf("another entry") }),
  );
  cases.refuses(
    "M10",
    "add-later-anchor",
    "membership-forked",
    "The invitation names an entry after the newest.",
    4,
    stating({ ordinal: 4 }),
  );
  cases.refuses(
    "M10",
    "add-longer-invitation",
    "membership-signature",
    "The end of the invitation was moved.",
    4,
    stating({ expiresAtMs: startMs + 2 * 86_400_000 }),
  );
  cases.refuses(
    "M10",
    "add-other-invitation-key",
    "membership-signature",
    "The key of the invitation was replaced.",
    4,
    stating({ invitationKey: emil.deviceKey.publicKey }),
  );
  cases.refuses(
    "M10",
    "add-inviter-unknown",
    "not-a-member",
    "One who signed the invitation is not a member.",
    4,
    changed(({ statement, signatures: [first] }) => ({
      statement,
      signatures: [first, { account: new Uint8Array(32).fill(255), signature: new Uint8Array(64) }].flatMap(
        (s) => s ?? [],
      ),
    })),
  );
  cases.refuses(
    "M10",
    "add-without-secret",
    "membership-signature",
    "Who joins does not have the invitation's secret.",
    4,
    entryOf(
      four.networkId,
      positionAfter(four),
      { kind: "add", member: emil.record(), invitation: good.signed },
      [emil],
      emil.deviceKey,
    ),
  );

  const left = leaveNetwork({ state: four, ownerKeys: deniz.keys, world: new FixedWorld("leave", startMs + 600_000) });
  const after = replay([...logOf(4), left]);
  cases.takes("M9", "add-returning", "Deniz left and comes back with the same device.", 4, add(after, deniz, [ada]), [
    left,
  ]);
  const renewed = new Person("Deniz", 2);
  cases.takes(
    "M9",
    "add-returning-new-device",
    "Deniz left and comes back with a new device.",
    4,
    add(after, renewed, [ada]),
    [left],
  );
  const older = certifyDevice(deniz.keys, renewed.device.deviceKey, 1);
  cases.refuses(
    "M9",
    "add-returning-older",
    "device-fenced",
    "Deniz comes back with another device of the same epoch.",
    4,
    add(after, deniz, [ada], {
      member: deniz.record({ deviceKey: older.deviceKey, deviceCertificate: older.signature }),
    }),
    [left],
  );
  const invited = invitedByWhoLeft(four, after);
  cases.refuses("M10", "add-by-who-left", "not-a-member", "Invited by who left meanwhile.", 4, invited, [left]);
}

/** An invitation that Ada and Deniz signed, used after Deniz left. */
function invitedByWhoLeft(before: NetworkState, after: NetworkState): Uint8Array {
  const invitation = invitationBy(before, [ada, deniz], "by who left");
  const body: EntryBody = { kind: "add", member: emil.record(), invitation: invitation.signed };
  return entryOf(after.networkId, positionAfter(after), body, [emil], invitation.key());
}

function removeCases(cases: Cases): void {
  const three = stateOf(3);
  const four = stateOf(4);
  const removed = (state: NetworkState, person: Person, signers: readonly Person[]): Uint8Array =>
    entryOf(state.networkId, positionAfter(state), { kind: "remove", account: person.account }, signers);
  cases.takes("M11", "leave", "A member leaves by themself.", 4, removed(four, deniz, [deniz]));
  cases.takes(
    "M11",
    "leave-founder",
    "The founder leaves; who joined next speaks alone below four.",
    3,
    removed(three, ada, [ada]),
  );
  cases.takes(
    "M11",
    "remove-by-founder",
    "Below four members the founder removes alone.",
    3,
    removed(three, bela, [ada]),
  );
  const world = new FixedWorld("remove", startMs + 600_000);
  const draft = removeMember({ state: four, ownerKeys: ada.keys, account: deniz.account, world });
  const two = cosignRemoval({ state: four, ownerKeys: bela.keys, entry: draft });
  cases.takes("M11", "remove-by-two", "From four members on two remove a third.", 4, two);
  const byThree = cosignRemoval({ state: four, ownerKeys: chiara.keys, entry: two });
  cases.takes("M5", "remove-by-three", "With one more signature: the same entry, the same hash.", 4, byThree);
  cases.refuses("M11", "remove-by-one", "too-few-signers", "From four members on one is too few.", 4, draft);
  cases.refuses(
    "M11",
    "remove-not-founder",
    "too-few-signers",
    "Two of three, the founder not among them.",
    3,
    removed(three, ada, [bela, chiara]),
  );
  cases.refuses(
    "M11",
    "remove-stranger",
    "not-a-member",
    "Who is removed is not a member.",
    4,
    removed(four, emil, [ada, bela]),
  );
  cases.refuses(
    "M11",
    "remove-by-stranger",
    "not-a-member",
    "One who signed is not a member.",
    4,
    removed(four, deniz, [ada, emil]),
  );
  cases.refuses("M11", "remove-last", "last-member", "The last member leaves.", 1, removed(stateOf(1), ada, [ada]));
  cases.refuses("M11", "remove-forged", "membership-signature", "One signature was changed.", 4, flipped(two, -1));
  cases.refuses(
    "M11",
    "leave-with-another",
    "membership-signature",
    "Who leaves signs alone.",
    4,
    removed(four, deniz, [deniz, ada]),
  );
  const foreign = entryOf(bytesOf("another network"), positionAfter(four), { kind: "remove", account: deniz.account }, [
    ada,
    bela,
  ]);
  cases.refuses("M4", "remove-other-network", "membership-signature", "Signed for another network.", 4, foreign);
  const core = encodeCore(positionAfter(four), { kind: "remove", account: deniz.account });
  const asDevice = encodeEntry(core, undefined, [deniz.signature("device", four.networkId, core)]);
  cases.refuses("M4", "remove-other-purpose", "membership-signature", "Signed for another purpose.", 4, asDevice);
}

function deviceCases(cases: Cases): void {
  const four = stateOf(4);
  const next = new Person("Bela", 2);
  const replaced = (
    changed: Partial<Extract<EntryBody, { kind: "device" }>>,
    signers: readonly Person[],
  ): Uint8Array => {
    const { deviceKey, deviceEpoch, signature: deviceCertificate } = next.device;
    const body: EntryBody = {
      kind: "device",
      account: bela.account,
      deviceKey,
      deviceEpoch,
      deviceCertificate,
      ...changed,
    };
    return entryOf(four.networkId, positionAfter(four), body, signers);
  };
  cases.takes("M12", "device", "A new device takes over.", 4, replaced({}, [bela]));
  cases.refuses(
    "M12",
    "device-by-another",
    "membership-signature",
    "Signed by another member.",
    4,
    replaced({}, [ada]),
  );
  cases.refuses(
    "M12",
    "device-stranger",
    "not-a-member",
    "Whose device it is is not a member.",
    4,
    replaced({ account: emil.account }, [emil]),
  );
  const sameEpoch = certifyDevice(bela.keys, next.device.deviceKey, 1);
  cases.refuses(
    "M9",
    "device-same-epoch",
    "device-fenced",
    "The device epoch was not raised.",
    4,
    replaced({ deviceEpoch: 1, deviceCertificate: sameEpoch.signature }, [bela]),
  );
  const oldKey = certifyDevice(bela.keys, bela.device.deviceKey, 2);
  cases.refuses(
    "M9",
    "device-same-key",
    "device-key-in-use",
    "The same key with a higher device epoch.",
    4,
    replaced({ deviceKey: oldKey.deviceKey, deviceCertificate: oldKey.signature }, [bela]),
  );
  const taken = certifyDevice(bela.keys, chiara.device.deviceKey, 2);
  cases.refuses(
    "M9",
    "device-key-of-another",
    "device-key-in-use",
    "The key of another member's device.",
    4,
    replaced({ deviceKey: taken.deviceKey, deviceCertificate: taken.signature }, [bela]),
  );
  cases.refuses(
    "M9",
    "device-uncertified",
    "membership-signature",
    "The certificate is for another device epoch.",
    4,
    replaced({ deviceEpoch: 3 }, [bela]),
  );
  const newer = replaceDevice({
    state: four,
    ownerKeys: bela.keys,
    device: next.device,
    world: new FixedWorld("device", startMs + 600_000),
  });
  cases.refuses("M6", "device-again", "membership-duplicate", "The same replacement twice.", 4, newer, [newer]);
}

export function entryCases(): VectorSet {
  const cases = new Cases();
  formCases(cases);
  chainCases(cases);
  createCases(cases);
  addCases(cases);
  removeCases(cases);
  deviceCases(cases);
  keyCases(cases);
  oftenCases(cases);
  return cases.vectors;
}

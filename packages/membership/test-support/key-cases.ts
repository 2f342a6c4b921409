/** Entries that rotate an owner key, and those of owners who rotated theirs before they joined. */
import { concat } from "@piccolo/bytes";
import {
  certifyDevice,
  certifyRotation,
  deriveOwnerKeys,
  ed25519FromSeed,
  type OwnerChain,
  type OwnerRotation,
} from "@piccolo/envelope";
import { encodeCore, type EntryBody, type MemberRecord } from "../src/entry-codec.ts";
import { leaveNetwork, replaceDevice, replay, rotateOwnerKey } from "../src/index.ts";
import type { NetworkState } from "../src/state.ts";
import {
  ada,
  bela,
  bytesOf,
  chiara,
  deniz,
  emil,
  entryOf,
  FixedWorld,
  invitationBy,
  Person,
  positionAfter,
  startMs,
  stateOf,
  logOf,
} from "./cast.ts";
import type { Cases } from "./entry-cases.ts";

/** A person after a re-key: the same account and device, owner keys of the next epoch. */
export function rekeyed(person: Person): Person {
  const epoch = person.keys.epoch + 1;
  const keys = deriveOwnerKeys(bytesOf(`${person.name} root ${epoch}`), epoch, person.account);
  return person.withKeys(keys);
}

export function rotation(from: Person, to: Person, changed: Partial<OwnerRotation> = {}): OwnerRotation {
  return { ...certifyRotation(from.keys, to.keys), ...changed };
}

export const bela2 = rekeyed(bela);
export const bela3 = rekeyed(bela2);
const chiara2 = rekeyed(chiara);
const emil2 = rekeyed(emil);

function rotated(
  state: NetworkState,
  rotations: readonly OwnerRotation[],
  signers: readonly Person[],
  account = bela.account,
): Uint8Array {
  return entryOf(state.networkId, positionAfter(state), { kind: "key", account, rotations }, signers);
}

const flippedFirst = (bytes: Uint8Array): Uint8Array => concat(Uint8Array.of((bytes[0] ?? 0) ^ 1), bytes.subarray(1));

function rotationCases(cases: Cases): void {
  const four = stateOf(4);
  const one = rotation(bela, bela2);
  const two = rotation(bela2, bela3);
  const refuses = (rule: string, name: string, fault: string, about: string, entry: Uint8Array): void =>
    cases.refuses(rule, `key-${name}`, fault, about, 4, entry);
  const signature = (name: string, about: string, entry: Uint8Array): void =>
    refuses("M19", name, "membership-signature", about, entry);

  refuses("M18", "none", "malformed", "No rotation.", rotated(four, [], [bela2]));
  const core = encodeCore(positionAfter(four), { kind: "key", account: bela.account, rotations: [one] });
  const first = core.slice();
  first.set([0, 0, 0, 1], 46 + 32);
  const { account, signature: own } = bela2.signature("key", four.networkId, first);
  const toFirst = concat(first, Uint8Array.of(1), account, own);
  refuses("M18", "epoch-1", "malformed", "A rotation to the first key epoch.", toFirst);
  const many = Array.from({ length: 65 }, (_, at) => ({ ...one, epoch: 2 + at }));
  refuses("M18", "65-rotations", "malformed", "More rotations than an entry holds.", rotated(four, many, [bela2]));

  const stranger = { ...rotation(emil, emil2) };
  refuses(
    "M19",
    "stranger",
    "not-a-member",
    "Whose key it is is not a member.",
    rotated(four, [stranger], [emil2], emil.account),
  );
  refuses("M19", "gap", "owner-key-gap", "The rotation before it is missing.", rotated(four, [two], [bela3]));
  signature(
    "old-forged",
    "The old key's signature was changed.",
    rotated(four, [{ ...one, oldSignature: flippedFirst(one.oldSignature) }], [bela2]),
  );
  signature(
    "old-missing",
    "In place of the old key's, the new key signed twice.",
    rotated(four, [{ ...one, oldSignature: one.newSignature }], [bela2]),
  );
  signature(
    "new-missing",
    "In place of the new key's, the old key signed twice.",
    rotated(four, [{ ...one, newSignature: one.oldSignature }], [bela2]),
  );
  signature(
    "old-of-another",
    "Another member signed for the old key.",
    rotated(four, [{ ...one, oldSignature: chiara.keys.sign(statementLike(one, chiara)) }], [bela2]),
  );
  const foreign = rotation(chiara, chiara2);
  signature("foreign-account", "The rotation of another member's account.", rotated(four, [foreign], [bela2]));
  const smallOrder = new Uint8Array(32);
  smallOrder[0] = 1;
  signature("weak", "The new key is of small order.", rotated(four, [{ ...one, ownerPublicKey: smallOrder }], [bela2]));
  const second = { ...two, newSignature: flippedFirst(two.newSignature) };
  signature("second-forged", "The second of two rotations was changed.", rotated(four, [one, second], [bela3]));
  refuses(
    "M19",
    "entry-by-old",
    "owner-key-rotated",
    "The entry itself is signed by the old key.",
    rotated(four, [one], [bela]),
  );
  signature("entry-by-another", "The entry itself is signed by another member.", rotated(four, [one], [ada]));
  const inUse = (name: string, about: string, ownerPublicKey: Uint8Array): void =>
    refuses("M19", name, "owner-key-in-use", about, rotated(four, [{ ...one, ownerPublicKey }], [bela2]));
  inUse("of-another-member", "The new key is another member's.", chiara.keys.ownerPublicKey);
  inUse("same", "The new key is the old one.", bela.keys.ownerPublicKey);
  const other = entryOf(
    bytesOf("another network"),
    positionAfter(four),
    { kind: "key", account: bela.account, rotations: [one] },
    [bela2],
  );
  cases.refuses("M4", "key-other-network", "membership-signature", "Signed for another network.", 4, other);

  cases.takes("M19", "key", "A member's owner key moves on.", 4, rotated(four, [one], [bela2]));
  cases.takes("M19", "key-twice", "Two rotations at once.", 4, rotated(four, [one, two], [bela3]));
}

/** The statement of a rotation as another owner would sign it; its account is that owner's, so it can never fit. */
function statementLike(one: OwnerRotation, signer: Person): Parameters<Person["keys"]["sign"]>[0] {
  return {
    purpose: { name: "owner-rotation", network: "none" },
    network: undefined,
    account: signer.account,
    body: concat(Uint8Array.of(0, 0, 0, one.epoch), one.ownerPublicKey),
  };
}

function afterRotationCases(cases: Cases): void {
  const four = stateOf(4);
  const world = new FixedWorld("key", startMs + 600_000);
  const entry = rotateOwnerKey({ state: four, ownerKeys: bela2.keys, rotations: [rotation(bela, bela2)], world });
  const after = replay([...logOf(4), entry]);
  const refuses = (rule: string, name: string, fault: string, about: string, refused: Uint8Array): void =>
    cases.refuses(rule, `rotated-${name}`, fault, about, 4, refused, [entry]);
  const takes = (rule: string, name: string, about: string, taken: Uint8Array): void =>
    cases.takes(rule, `rotated-${name}`, about, 4, taken, [entry]);

  cases.refuses("M6", "key-again", "membership-duplicate", "The same rotation twice.", 4, entry, [entry]);
  refuses(
    "M19",
    "key-back",
    "owner-key-rotated",
    "A rotation to an epoch that was reached.",
    rotated(after, [rotation(bela, bela2)], [bela2]),
  );
  const fork = new Person("Bela").withKeys(deriveOwnerKeys(bytesOf("thief"), 2, bela.account));
  refuses(
    "M19",
    "key-fork",
    "owner-key-rotated",
    "Another rotation away from the old key.",
    rotated(after, [rotation(bela, fork)], [fork]),
  );
  const back = { ...rotation(bela2, bela3), ownerPublicKey: bela.keys.ownerPublicKey };
  refuses(
    "M19",
    "key-return",
    "owner-key-in-use",
    "Back to the key that was rotated away.",
    rotated(after, [back], [bela]),
  );
  takes("M19", "key", "The next rotation.", rotated(after, [rotation(bela2, bela3)], [bela3]));

  const remove: EntryBody = { kind: "remove", account: deniz.account };
  const removed = (signers: readonly Person[]): Uint8Array =>
    entryOf(after.networkId, positionAfter(after), remove, signers);
  refuses("M20", "remove-by-old", "owner-key-rotated", "One of two signed with the old key.", removed([ada, bela]));
  takes("M20", "remove", "Both signed with their newest key.", removed([ada, bela2]));
  const leave: EntryBody = { kind: "remove", account: bela.account };
  const leaving = (signer: Person): Uint8Array => entryOf(after.networkId, positionAfter(after), leave, [signer]);
  refuses(
    "M20",
    "leave-by-old",
    "owner-key-rotated",
    "Who holds the old key leaves in the owner's name.",
    leaving(bela),
  );

  const nextKey = ed25519FromSeed(bytesOf("Bela device 2"));
  const replacing = (signer: Person, certifier: Person): Uint8Array => {
    const { deviceKey, deviceEpoch, signature } = certifyDevice(certifier.keys, nextKey.publicKey, 2);
    const body: EntryBody = {
      kind: "device",
      account: bela.account,
      deviceKey,
      deviceEpoch,
      deviceCertificate: signature,
    };
    return entryOf(after.networkId, positionAfter(after), body, [signer]);
  };
  refuses(
    "M20",
    "device-by-old",
    "owner-key-rotated",
    "A new device, signed for with the old key.",
    replacing(bela, bela2),
  );
  refuses(
    "M20",
    "device-certified-by-old",
    "membership-signature",
    "A new device that the old key certified.",
    replacing(bela2, bela),
  );
  const device = certifyDevice(bela2.keys, nextKey.publicKey, 2);
  takes(
    "M20",
    "device",
    "A new device of the newest key.",
    replaceDevice({ state: after, ownerKeys: bela2.keys, device, world }),
  );

  const invited = (before: NetworkState, inviters: readonly Person[]): Uint8Array => {
    const invitation = invitationBy(before, inviters, "rotated");
    const body: EntryBody = { kind: "add", member: emil.record(), invitation: invitation.signed };
    return entryOf(after.networkId, positionAfter(after), body, [emil], invitation.key());
  };
  refuses(
    "M20",
    "add-invited-before",
    "owner-key-rotated",
    "An inviter's key was rotated since.",
    invited(four, [ada, bela]),
  );
  takes("M20", "add-invited-anew", "The inviter signed again with the newest key.", invited(after, [ada, bela2]));

  const left = leaveNetwork({ state: after, ownerKeys: bela2.keys, world });
  const gone = replay([...logOf(4), entry, left]);
  const lineage = lineageOf(bela, [rotation(bela, bela2)]);
  const returning = (signer: Person, member: MemberRecord): Uint8Array => joinedBy(gone, signer, member, [ada, chiara]);
  cases.refuses(
    "M20",
    "rotated-return-by-old",
    "owner-key-rotated",
    "Comes back with the key that was rotated away.",
    4,
    returning(bela, bela.record()),
    [entry, left],
  );
  const forked = fork.record({ lineage: lineageOf(bela, [rotation(bela, fork)]) });
  cases.refuses(
    "M20",
    "rotated-return-fork",
    "owner-key-rotated",
    "Comes back with another key of the same epoch.",
    4,
    returning(fork, forked),
    [entry, left],
  );
  cases.takes(
    "M20",
    "rotated-return",
    "Comes back with the newest key.",
    4,
    returning(bela2, bela2.record({ lineage })),
    [entry, left],
  );
}

const lineageOf = (first: Person, rotations: readonly OwnerRotation[]): OwnerChain => ({
  firstOwnerPublicKey: first.keys.ownerPublicKey,
  rotations,
});

function joinedBy(state: NetworkState, signer: Person, member: MemberRecord, inviters: readonly Person[]): Uint8Array {
  const invitation = invitationBy(state, inviters, "joins rotated");
  const body: EntryBody = { kind: "add", member, invitation: invitation.signed };
  return entryOf(state.networkId, positionAfter(state), body, [signer], invitation.key());
}

function joiningCases(cases: Cases): void {
  const one = stateOf(1);
  const lineage = lineageOf(emil, [rotation(emil, emil2)]);
  const joins = (changed: Partial<MemberRecord> = {}, signer = emil2): Uint8Array =>
    joinedBy(one, signer, emil2.record({ lineage, ...changed }), [ada]);
  const refuses = (name: string, fault: string, about: string, entry: Uint8Array): void =>
    cases.refuses("M20", `add-rotated-${name}`, fault, about, 1, entry);
  refuses("without", "account-mismatch", "A newer owner key that nothing leads to.", joins({ lineage: undefined }));
  refuses(
    "other-first",
    "account-mismatch",
    "The first key is another account's.",
    joins({ lineage: lineageOf(deniz, lineage.rotations) }),
  );
  const { ownerPublicKey } = deniz.keys;
  refuses("other-key", "malformed", "The owner key is not the newest of its rotations.", joins({ ownerPublicKey }));
  const [only] = lineage.rotations;
  if (only === undefined) throw new Error("there is a rotation");
  const forged = { ...only, oldSignature: flippedFirst(only.oldSignature) };
  refuses("forged", "membership-signature", "The rotation was changed.", joins({ lineage: lineageOf(emil, [forged]) }));
  refuses("empty", "malformed", "No rotation leads to the owner key.", joins({ lineage: lineageOf(emil, []) }));
  refuses("by-old", "membership-signature", "Signed with the key that was rotated away.", joins({}, emil));
  const newKeyOfAda = { ...only, ownerPublicKey: ada.keys.ownerPublicKey };
  refuses(
    "in-use",
    "owner-key-in-use",
    "The newest key is a member's.",
    joins({ ownerPublicKey: ada.keys.ownerPublicKey, lineage: lineageOf(emil, [newKeyOfAda]) }),
  );
  cases.takes("M20", "add-rotated", "Who joins has rotated the owner key before.", 1, joins());

  const create = (signer: Person): Uint8Array =>
    entryOf(
      undefined,
      { sequence: 0, previous: new Uint8Array(32), timeMs: startMs },
      {
        kind: "create",
        salt: bytesOf("salt").subarray(0, 16),
        networkName: "Lindenstrasse",
        member: emil2.record({ lineage }),
      },
      [signer],
    );
  cases.refuses(
    "M20",
    "create-rotated-by-old",
    "membership-signature",
    "The founder signs with an old key.",
    0,
    create(emil),
  );
  cases.takes("M20", "create-rotated", "The founder has rotated the owner key before.", 0, create(emil2));
}

export function keyCases(cases: Cases): void {
  rotationCases(cases);
  afterRotationCases(cases);
  joiningCases(cases);
}

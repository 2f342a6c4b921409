import { ByteWriter, concat, toHex, toUtf8 } from "@piccolo/bytes";
import { fromHex } from "@piccolo/bytes";
import * as cast from "./slot-cast.ts";
import { changed } from "./slot-cast.ts";
import type { AddCase, SlotOperation } from "./slot-vector.ts";
import type { KeysInput } from "./vector.ts";
import { sealToFileKey } from "../src/locked-fek.ts";
import { type MetadataContext, sealMetadata } from "../src/metadata-seal.ts";
import { certifyRotation, type OwnerChain, writeOwnerChain } from "../src/owner-rotation.ts";
import { sizeClass } from "../src/padding.ts";
import { proveAccount, proveLocator } from "../src/recovery-proof.ts";
import { decodeSlotList } from "../src/slot-list.ts";

const account = toHex(cast.keys.account);
const first: KeysInput = { rootSecret: toHex(cast.root), epoch: 1, account: null };
const later: KeysInput = { rootSecret: toHex(cast.laterRoot), epoch: 2, account };
const other: KeysInput = { rootSecret: toHex(cast.otherRoot), epoch: 1, account: null };

export function listCases(add: AddCase): void {
  const { slotList, laterSlotList } = cast;
  const refuse = (name: string, about: string, bytes: Uint8Array, fault: string, owner = account): void => {
    add(`list-${name}`, "S23", about, {
      operation: "decode-slot-list",
      input: { list: toHex(bytes), account: owner },
      expect: { fault },
    });
  };
  refuse("empty", "No bytes at all.", new Uint8Array(0), "malformed");
  refuse("short", "A byte too few.", slotList.subarray(0, -1), "malformed");
  refuse("long", "A byte too many.", concat(slotList, new Uint8Array(1)), "malformed");
  refuse("unknown-format", "A format that does not exist.", changed(slotList, 0, 3), "malformed");
  refuse("no-number", "Number 0.", changed(slotList, 41), "malformed");
  refuse("changed-number", "A higher number.", changed(slotList, 41, 2), "damaged-slot");
  refuse("changed-password-slot", "The password slot is changed.", changed(slotList, 100), "damaged-slot");
  refuse("changed-signature", "The signature is changed.", changed(slotList, slotList.length - 1), "damaged-slot");
  refuse("changed-rotation", "A signature of the rotation is changed.", changed(laterSlotList, 70), "broken-rotation");
  refuse("other-account", "The list of another account.", slotList, "wrong-account", toHex(cast.otherKeys.account));
  const accept = (name: string, about: string, bytes: Uint8Array): void => {
    const list = decodeSlotList(bytes);
    const hex = (slot: Uint8Array | undefined): string | null => (slot === undefined ? null : toHex(slot));
    add(name, "S22", about, {
      operation: "decode-slot-list",
      input: { list: toHex(bytes), account },
      expect: {
        epoch: list.epoch,
        number: list.number,
        passwordSlot: hex(list.passwordSlot),
        phraseSlot: hex(list.phraseSlot),
        volumeSlot: hex(list.volumeSlot),
        previousRoots: list.previousRoots.map((wrapped) => toHex(wrapped)),
      },
    });
  };
  accept("list", "The list of a device with all slots.", slotList);
  accept("list-later", "During a re-key, with a previous root and without a password.", laterSlotList);
}

export function wrapCases(add: AddCase): void {
  const { volumeSlot, previousRoot } = cast;
  const volume = (name: string, about: string, keysOf: KeysInput, bytes: Uint8Array, fault: string): void => {
    const input = { ...keysOf, wrapped: toHex(bytes) };
    add(`volume-${name}`, "S27", about, { operation: "unwrap-volume-key", input, expect: { fault } });
  };
  volume("short", "A byte too few.", first, volumeSlot.subarray(0, -1), "malformed");
  volume("unknown-format", "A format that does not exist.", first, changed(volumeSlot, 0, 3), "malformed");
  volume("other-epoch", "Opened with the keys of another epoch.", later, volumeSlot, "wrong-epoch");
  volume("other-root", "Opened with another account's keys.", other, volumeSlot, "damaged-slot");
  volume("commitment", "The commitment is changed.", first, changed(volumeSlot, 5), "damaged-slot");
  volume("ciphertext", "The ciphertext is changed.", first, changed(volumeSlot, 37), "damaged-slot");
  volume("tag", "The tag is changed.", first, changed(volumeSlot, 84), "damaged-slot");
  add("volume", "S27", "The root opens the volume.", {
    operation: "unwrap-volume-key",
    input: { ...first, wrapped: toHex(volumeSlot) },
    expect: { volumeKey: toHex(cast.volumeKey) },
  });

  const previous = (name: string, about: string, keysOf: KeysInput, bytes: Uint8Array, fault: string): void => {
    const input = { ...keysOf, wrapped: toHex(bytes) };
    add(`previous-root-${name}`, "S28", about, { operation: "unwrap-previous-root", input, expect: { fault } });
  };
  previous("long", "A byte too many.", later, concat(previousRoot, new Uint8Array(1)), "malformed");
  previous("not-earlier", "A root of the same epoch.", later, changed(previousRoot, 4, 3), "malformed");
  previous("other-epoch", "Opened with the keys of the epoch itself.", first, previousRoot, "wrong-epoch");
  previous("commitment", "The commitment is changed.", later, changed(previousRoot, 9), "damaged-slot");
  previous("ciphertext", "The ciphertext is changed.", later, changed(previousRoot, 41), "damaged-slot");
  const otherAccount = { ...later, account: toHex(cast.otherKeys.account) };
  previous("other-account", "The same root, of another account.", otherAccount, previousRoot, "damaged-slot");
  add("previous-root", "S28", "The new root opens the one before.", {
    operation: "unwrap-previous-root",
    input: { ...later, wrapped: toHex(previousRoot) },
    expect: { root: toHex(cast.root), epoch: 1 },
  });
}

function chainBytes(chain: OwnerChain): Uint8Array {
  const writer = new ByteWriter();
  writeOwnerChain(writer, chain);
  return writer.finish();
}

export function rotationCases(add: AddCase): void {
  const bytes = chainBytes(cast.laterChain);
  const verify = (name: string, about: string, chain: Uint8Array, fault: string, owner = account): void => {
    const input = { account: owner, chain: toHex(chain) };
    add(`rotation-${name}`, "S26", about, { operation: "verify-rotations", input, expect: { fault } });
  };
  verify("short", "A byte too few.", bytes.subarray(0, -1), "malformed");
  verify("other-account", "The chain of another account.", bytes, "broken-rotation", toHex(cast.otherKeys.account));
  verify("new-key", "The new key is changed.", changed(bytes, 33), "broken-rotation");
  verify("old-signature", "The old key's signature is changed.", changed(bytes, 65), "broken-rotation");
  verify("new-signature", "The new key's signature is changed.", changed(bytes, 129), "broken-rotation");
  const [rotation] = cast.laterChain.rotations;
  if (rotation !== undefined) {
    const unwilling = { ...rotation, newSignature: rotation.oldSignature };
    const stolen = chainBytes({ ...cast.laterChain, rotations: [unwilling] });
    verify("unwilling", "The new key did not sign.", stolen, "broken-rotation");
    const twice = chainBytes({ ...cast.laterChain, rotations: [rotation, { ...rotation, epoch: 3 }] });
    verify("twice", "The same rotation twice.", twice, "broken-rotation");
  }
  add("rotation-none", "S26", "An account that never changed its keys.", {
    operation: "verify-rotations",
    input: { account, chain: toHex(chainBytes(cast.chain)) },
    expect: { epoch: 1, ownerPublicKey: toHex(cast.keys.ownerPublicKey) },
  });
  add("rotation", "S25", "The second epoch's key follows from the first's.", {
    operation: "verify-rotations",
    input: {
      account,
      chain: toHex(chainBytes({ ...cast.chain, rotations: [certifyRotation(cast.keys, cast.laterKeys)] })),
    },
    expect: { epoch: 2, ownerPublicKey: toHex(cast.laterKeys.ownerPublicKey) },
  });
}

export function lockedFekCases(add: AddCase): void {
  const fek = cast.world.randomBytes(32);
  const versionId = cast.world.randomBytes(16);
  const context = { account: cast.keys.account, versionId, epoch: 1 };
  const sealed = sealToFileKey(cast.keys.filePublicKey, fek, context, cast.world);
  const input = { ...first, versionId: toHex(versionId), wrapped: toHex(sealed) };
  const refuse = (name: string, about: string, over: Partial<typeof input>, fault = "damaged-key"): void => {
    add(`locked-fek-${name}`, "S33", about, {
      operation: "unwrap-fek",
      input: { ...input, ...over },
      expect: { fault },
    });
  };
  const bytes = (changedBytes: Uint8Array): { wrapped: string } => ({ wrapped: toHex(changedBytes) });
  refuse("short", "A byte too few.", bytes(sealed.subarray(0, -1)), "malformed");
  refuse("long", "A byte too many.", bytes(concat(sealed, new Uint8Array(1))), "malformed");
  refuse("other-epoch", "Opened with the keys of another epoch.", later, "wrong-epoch");
  refuse(
    "small-order",
    "An encapsulated key of small order.",
    bytes(concat(sealed.subarray(0, 5), new Uint8Array(32), sealed.subarray(37))),
  );
  refuse("encapsulated", "The encapsulated key is changed.", bytes(changed(sealed, 5)));
  refuse("ciphertext", "The ciphertext is changed.", bytes(changed(sealed, 37)));
  refuse("tag", "The tag is changed.", bytes(changed(sealed, 84)));
  refuse("commitment", "The commitment is changed.", bytes(changed(sealed, 116)));
  refuse("other-version", "The key of another version.", { versionId: toHex(changed(versionId, 0)) });
  refuse("other-root", "The keys of another account.", other);
  add("locked-fek", "S32", "A file key made while locked opens.", {
    operation: "unwrap-fek",
    input,
    expect: { fek: toHex(fek) },
  });
  add("hpke-rfc9180", "S31", "The published vector of this suite, mode base, message 0.", {
    operation: "hpke-seal",
    input: {
      recipient: "430f4b9859665145a6b1ba274024487bd66f03a2dd577d7753c68d7d7d00c00c",
      info: toHex(toUtf8("Ode on a Grecian Urn")),
      associatedData: toHex(toUtf8("Count-0")),
      plain: toHex(toUtf8("Beauty is truth, truth beauty")),
      ephemeralIkm: "2cd7c601cefb3d42a62b04b7a9041494c06c7843818e0ce28a8f704ae7ab20f9",
    },
    expect: {
      encapsulated: "6c93e09869df3402d7bf231bf540fadd35cd56be14f97178f0954db94b7fc256",
      ciphertext: "e5d84cd531cfb583096e7cfa9641bd3079cf3a91cda813c52deb5f512be9931980a41de125a925cdad859d5b7a",
    },
  });
}

export function metadataCases(add: AddCase): void {
  const metadataKey = cast.keys.metadataKey();
  const context: MetadataContext = {
    account: cast.keys.account,
    epoch: 1,
    sequence: 7,
    kind: "delta",
    schemaVersion: 3,
    previousHash: cast.world.randomBytes(32),
  };
  const plain = toUtf8("a delta");
  const sealed = sealMetadata(metadataKey, context, plain, cast.world);
  type Operation = Extract<SlotOperation, { readonly operation: "open-metadata" }>;
  const inputOf = (over: Partial<MetadataContext>, bytes: Uint8Array): Operation["input"] => {
    const named = { ...context, ...over };
    return {
      metadataKey: toHex(metadataKey),
      account: toHex(named.account),
      epoch: named.epoch,
      sequence: named.sequence,
      kind: named.kind,
      schemaVersion: named.schemaVersion,
      previousHash: toHex(named.previousHash),
      sealed: toHex(bytes),
    };
  };
  const refuse = (name: string, about: string, over: Partial<MetadataContext>, bytes = sealed): void => {
    add(`metadata-${name}`, "S38", about, {
      operation: "open-metadata",
      input: inputOf(over, bytes),
      expect: { fault: "damaged-metadata" },
    });
  };
  refuse("empty", "No bytes at all.", {}, new Uint8Array(0));
  refuse("only-a-salt", "Format and salt alone.", {}, sealed.subarray(0, 33));
  refuse("cut", "A byte too few.", {}, sealed.subarray(0, -1));
  refuse("added", "A byte too many.", {}, concat(sealed, new Uint8Array(1)));
  refuse("unknown-format", "A format that does not exist.", {}, changed(sealed, 0, 3));
  refuse("salt", "The salt is changed.", {}, changed(sealed, 1));
  refuse("commitment", "The commitment is changed.", {}, changed(sealed, 33));
  refuse("ciphertext", "The ciphertext is changed.", {}, changed(sealed, 65));
  refuse("tag", "The tag is changed.", {}, changed(sealed, sealed.length - 1));
  refuse("other-account", "Another account.", { account: cast.otherKeys.account });
  refuse("other-epoch", "Another key epoch.", { epoch: 2 });
  refuse("replayed", "At another place of the log.", { sequence: 8 });
  refuse("other-kind", "A delta given out as a checkpoint.", { kind: "checkpoint" });
  refuse("other-schema", "Another schema version.", { schemaVersion: 4 });
  refuse("other-history", "After another entry.", { previousHash: changed(context.previousHash, 31) });
  const accept = (name: string, about: string, over: Partial<MetadataContext>, text: Uint8Array): void => {
    const bytes = sealMetadata(metadataKey, { ...context, ...over }, text, cast.world);
    const expect = { plain: toHex(text) };
    add(name, "S36", about, { operation: "open-metadata", input: inputOf(over, bytes), expect });
  };
  add("metadata", "S36", "A delta opens.", {
    operation: "open-metadata",
    input: inputOf({}, sealed),
    expect: { plain: toHex(plain) },
  });
  accept("metadata-nothing", "An entry without content.", { sequence: 1 }, new Uint8Array(0));
  accept(
    "metadata-checkpoint",
    "A checkpoint of just a size class.",
    { kind: "checkpoint" },
    new Uint8Array(1084).fill(1),
  );
  for (const bytes of [0, 1, 64, 65, 1024, 1025, 2048, 2049, 65_537]) {
    add(`size-class-${bytes}`, "S37", `The size class of ${bytes} bytes.`, {
      operation: "size-class",
      input: { bytes },
      expect: { padded: sizeClass(bytes) },
    });
  }
}

export function proofCases(add: AddCase): void {
  const audience = { verifier: cast.world.randomBytes(32), challenge: cast.world.randomBytes(32) };
  const hex = { verifier: toHex(audience.verifier), challenge: toHex(audience.challenge) };
  const proof = proveLocator(cast.phrase, audience);
  const locator = {
    locator: toHex(cast.phrase.locator),
    locatorKey: toHex(proof.locatorKey),
    signature: toHex(proof.signature),
    ...hex,
  };
  const otherProof = proveLocator(cast.laterPhrase, audience);
  const locatorCase = (name: string, about: string, over: Partial<typeof locator>, valid = false): void => {
    add(`locator-proof${name}`, "S39", about, {
      operation: "verify-locator-proof",
      input: { ...locator, ...over },
      expect: { valid },
    });
  };
  const flip = (text: string): string => toHex(changed(fromHex(text), 0));
  locatorCase("-relayed", "A proof made for another verifier.", { verifier: flip(hex.verifier) });
  locatorCase("-replayed", "A proof of another challenge.", { challenge: flip(hex.challenge) });
  locatorCase("-other-locator", "A proof by a key that is not the locator's.", {
    locatorKey: toHex(otherProof.locatorKey),
    signature: toHex(otherProof.signature),
  });
  locatorCase("-short-key", "A locator key of a wrong size.", { locatorKey: locator.locatorKey.slice(2) });
  locatorCase("-signature", "The signature is changed.", { signature: flip(locator.signature) });
  locatorCase("", "The phrase is known.", {}, true);

  const owner = {
    account,
    ownerPublicKey: toHex(cast.keys.ownerPublicKey),
    signature: toHex(proveAccount(cast.keys, audience)),
    ...hex,
  };
  const accountCase = (name: string, about: string, over: Partial<typeof owner>, valid = false): void => {
    add(`account-proof${name}`, "S40", about, {
      operation: "verify-account-proof",
      input: { ...owner, ...over },
      expect: { valid },
    });
  };
  accountCase("-relayed", "A proof made for another verifier.", { verifier: flip(hex.verifier) });
  accountCase("-replayed", "A proof of another challenge.", { challenge: flip(hex.challenge) });
  accountCase("-old-key", "A proof by the key of the epoch before.", {
    ownerPublicKey: toHex(cast.laterKeys.ownerPublicKey),
  });
  accountCase("", "The account's keys are held.", {}, true);
}

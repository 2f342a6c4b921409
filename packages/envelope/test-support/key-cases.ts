import { createCipheriv } from "node:crypto";
import { ByteWriter, concat, fromHex, toHex, toUtf8 } from "@piccolo/bytes";
import { SeededWorld } from "@piccolo/world";
import { certifyDevice } from "../src/device-certificate.ts";
import { ed25519FromSeed } from "../src/ed25519.ts";
import { deriveKey } from "../src/key-tree.ts";
import { deriveOwnerKeys } from "../src/owner-keys.ts";
import { definePurpose, encodeStatement, signStatement, type Statement } from "../src/statement.ts";
import type { KeysInput, Operation, StatementInput, VectorSet } from "./vector.ts";

const world = new SeededWorld("vectors/envelope/keys");
const rootSecret = world.randomBytes(32);
const otherRoot = world.randomBytes(32);
const keys = deriveOwnerKeys(rootSecret, 1);
const laterKeys = deriveOwnerKeys(otherRoot, 2, keys.account);
const first: KeysInput = { rootSecret: toHex(rootSecret), epoch: 1, account: null };
const later: KeysInput = { rootSecret: toHex(otherRoot), epoch: 2, account: toHex(keys.account) };

function changed(bytes: Uint8Array, at: number, mask = 1): Uint8Array {
  const copy = new Uint8Array(bytes);
  copy[at] = (copy[at] ?? 0) ^ mask;
  return copy;
}

export function deriveCases(add: (name: string, rule: string, about: string, operation: Operation) => void): void {
  const derived = (input: KeysInput, from: Uint8Array, own: typeof keys): Operation => ({
    operation: "derive-keys",
    input,
    expect: {
      kek: toHex(deriveKey(from, "kek")),
      metadataKey: toHex(own.metadataKey()),
      ownerPublicKey: toHex(own.ownerPublicKey),
      filePublicKey: toHex(own.filePublicKey),
      account: toHex(own.account),
    },
  });
  add(
    "derive-first-epoch",
    "E2",
    "The first epoch's keys and the account id they give.",
    derived(first, rootSecret, keys),
  );
  add("derive-later-epoch", "E3", "A later epoch has other keys and keeps the account id.", {
    ...derived(later, otherRoot, laterKeys),
  });
  add("derive-other-account", "E3", "A first epoch's root secret that is not the named account's is refused.", {
    operation: "derive-keys",
    input: { rootSecret: toHex(otherRoot), epoch: 1, account: toHex(keys.account) },
    expect: { fault: "wrong-account" },
  });
}

export function wrapCases(add: (name: string, rule: string, about: string, operation: Operation) => void): void {
  const fek = world.randomBytes(32);
  const versionId = world.randomBytes(16);
  const wrapped = keys.wrapFek(fek, versionId);
  const version = toHex(versionId);
  add("wrap", "E15", "A wrapped file key.", {
    operation: "wrap-fek",
    input: { ...first, versionId: version, fek: toHex(fek) },
    expect: { wrapped: toHex(wrapped) },
  });
  add("wrap-later-epoch", "E15", "A file key wrapped under a later epoch.", {
    operation: "wrap-fek",
    input: { ...later, versionId: version, fek: toHex(fek) },
    expect: { wrapped: toHex(laterKeys.wrapFek(fek, versionId)) },
  });
  add("unwrap", "E16", "A wrapped file key opens.", {
    operation: "unwrap-fek",
    input: { ...first, versionId: version, wrapped: toHex(wrapped) },
    expect: { fek: toHex(fek) },
  });

  const refuse = (
    name: string,
    fault: string,
    about: string,
    bytes: Uint8Array,
    over: Partial<KeysInput & { versionId: string }> = {},
  ): void => {
    const input = { ...first, versionId: version, wrapped: toHex(bytes), ...over };
    add(`unwrap-${name}`, "E16", about, { operation: "unwrap-fek", input, expect: { fault } });
  };
  refuse("empty", "malformed", "No bytes at all.", new Uint8Array(0));
  refuse("short", "malformed", "One byte too few.", wrapped.subarray(0, 84));
  refuse("long", "malformed", "One byte too many.", concat(wrapped, new Uint8Array(1)));
  refuse(
    "unknown-format",
    "malformed",
    "It says that it was sealed while locked, at another size.",
    changed(wrapped, 0, 3),
  );
  refuse("format-3", "malformed", "A format that does not exist.", changed(wrapped, 0, 2));
  refuse("other-epoch", "wrong-epoch", "Wrapped in epoch 1, opened with the keys of epoch 2.", wrapped, later);
  refuse("renamed-epoch", "damaged-key", "The epoch is changed to that of the keys.", changed(wrapped, 4, 3), later);
  refuse("ciphertext", "damaged-key", "One bit of the ciphertext is changed.", changed(wrapped, 5));
  refuse("tag", "damaged-key", "One bit of the tag is changed.", changed(wrapped, 52, 128));
  refuse("commitment", "damaged-key", "One bit of the commitment is changed.", changed(wrapped, 84));
  refuse("other-version", "damaged-key", "The key of another version.", wrapped, {
    versionId: toHex(changed(versionId, 15)),
  });
  refuse("other-root", "damaged-key", "The keys of another root secret.", wrapped, { rootSecret: toHex(otherRoot) });
  refuse(
    "other-account",
    "damaged-key",
    "The same root secret and epoch, but another account.",
    laterKeys.wrapFek(fek, versionId),
    { ...later, account: toHex(changed(keys.account, 0)) },
  );

  const commitment = world.randomBytes(32);
  const key = deriveKey(deriveKey(rootSecret, "kek"), "fek-wrap", commitment);
  const cipher = createCipheriv("aes-256-gcm", key, new Uint8Array(12));
  cipher.setAAD(new ByteWriter().u8(1).raw(keys.account).raw(versionId).u32(1).finish());
  const ciphertext = Buffer.concat([cipher.update(fek), cipher.final()]);
  refuse(
    "uncommitted",
    "damaged-key",
    "Ciphertext and tag open, but the commitment is not this key's.",
    new ByteWriter().u8(1).u32(1).raw(ciphertext).raw(cipher.getAuthTag()).raw(commitment).finish(),
  );
}

export function statementCases(add: (name: string, rule: string, about: string, operation: Operation) => void): void {
  const seed = world.randomBytes(32);
  const key = ed25519FromSeed(seed);
  const network = world.randomBytes(32);
  const account = world.randomBytes(32);
  const body = toUtf8("the body");
  const sign = (
    name: string,
    about: string,
    rule: Statement["purpose"]["network"],
    over: Partial<Statement>,
  ): Uint8Array => {
    const statement: Statement = { purpose: definePurpose("example", rule), network, account, body, ...over };
    const signature = signStatement(key, statement);
    add(name, "E6", about, {
      operation: "sign-statement",
      input: {
        seed: toHex(seed),
        purpose: statement.purpose.name,
        networkRule: rule,
        network: statement.network === undefined ? null : toHex(statement.network),
        account: toHex(statement.account),
        body: toHex(statement.body),
      },
      expect: {
        statement: toHex(encodeStatement(statement)),
        publicKey: toHex(key.publicKey),
        signature: toHex(signature),
      },
    });
    return signature;
  };
  const signature = sign("statement", "A statement in a network.", "required", {});
  const withoutNetwork = sign("statement-no-network", "A statement of a purpose without a network.", "none", {
    network: undefined,
  });
  sign("statement-empty-body", "A statement whose purpose says all.", "optional", { body: new Uint8Array(0) });

  const base: StatementInput & { readonly signature: string } = {
    publicKey: toHex(key.publicKey),
    purpose: "example",
    networkRule: "required",
    network: toHex(network),
    account: toHex(account),
    body: toHex(body),
    signature: toHex(signature),
  };
  const verify = (name: string, rule: string, about: string, over: Partial<typeof base>, valid = false): void =>
    add(`verify-${name}`, rule, about, {
      operation: "verify-statement",
      input: { ...base, ...over },
      expect: { valid },
    });
  verify("statement", "E6", "The signature fits.", {}, true);
  verify("other-purpose", "E6", "Signed for another purpose.", { purpose: "example-2" });
  verify("moved-boundary", "E6", "A letter of the purpose moved out of it.", { purpose: "exampl" });
  verify("other-network", "E6", "Signed for another network.", { network: toHex(changed(network, 31)) });
  verify("other-account", "E6", "Signed for another account.", { account: toHex(changed(account, 0)) });
  verify("other-body", "E6", "The body is changed.", { body: toHex(changed(body, 7)) });
  verify("short-body", "E6", "The body is cut.", { body: toHex(body.subarray(1)) });
  verify("other-signer", "E6", "Signed by another key.", { publicKey: toHex(keys.ownerPublicKey) });
  const bare = { network: null, signature: toHex(withoutNetwork) };
  verify("missing-network", "E8", "The purpose needs a network and none is given.", bare);
  verify("zero-network", "E8", "Zeros are no network.", { ...bare, network: "00".repeat(32), networkRule: "optional" });
  verify("unwanted-network", "E8", "The purpose has no network and one is given.", { networkRule: "none" });
  verify("short-signature", "E5", "A signature of 63 bytes.", { signature: toHex(signature.subarray(0, 63)) });
  verify("long-signature", "E5", "A signature of 65 bytes.", { signature: `${toHex(signature)}00` });
  verify("signature-s-plus-order", "E5", "S with the group order added: a second spelling.", {
    signature: toHex(plusOrder(signature)),
  });
  verify("signature-r", "E5", "One bit of R is changed.", { signature: toHex(changed(signature, 0)) });
  verify("short-key", "E5", "A key of 31 bytes.", { publicKey: toHex(key.publicKey.subarray(1)) });
  verify("small-order-key", "E5", "The neutral element as key, and a signature that its equation accepts.", {
    publicKey: `01${"00".repeat(31)}`,
    signature: `58${"66".repeat(31)}01${"00".repeat(31)}`,
  });
  verify("non-canonical-key", "E5", "The neutral element with y = 2^255 - 18.", {
    publicKey: `ee${"ff".repeat(30)}7f`,
    signature: `58${"66".repeat(31)}01${"00".repeat(31)}`,
  });
}

function plusOrder(signature: Uint8Array): Uint8Array {
  const order = fromHex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
  const twin = new Uint8Array(signature);
  let carry = 0;
  for (let at = 0; at < 32; at++) {
    const sum = (twin[32 + at] ?? 0) + (order[at] ?? 0) + carry;
    twin[32 + at] = sum & 255;
    carry = sum >> 8;
  }
  return twin;
}

export function certificateCases(add: (name: string, rule: string, about: string, operation: Operation) => void): void {
  const device = certifyDevice(keys, ed25519FromSeed(world.randomBytes(32)).publicKey, 7);
  const base = {
    account: toHex(keys.account),
    ownerPublicKey: toHex(keys.ownerPublicKey),
    deviceKey: toHex(device.deviceKey),
    deviceEpoch: device.deviceEpoch,
    signature: toHex(device.signature),
  };
  const verify = (name: string, about: string, over: Partial<typeof base>, valid = false): void =>
    add(`certificate${name}`, "E10", about, {
      operation: "verify-device-certificate",
      input: { ...base, ...over },
      expect: { valid },
    });
  verify("", "An owner's certificate for a device.", {}, true);
  verify("-other-device", "For another device.", { deviceKey: toHex(changed(device.deviceKey, 3)) });
  verify("-other-epoch", "For another device epoch.", { deviceEpoch: 8 });
  verify("-other-account", "For another account.", { account: toHex(changed(keys.account, 3)) });
  verify("-other-owner", "By another key.", { ownerPublicKey: toHex(laterKeys.ownerPublicKey) });
}

export function keyCases(): VectorSet {
  const set: VectorSet = {};
  const add = (name: string, rule: string, about: string, operation: Operation): void => {
    set[name] = { spec: "envelope/1", rule, about, ...operation };
  };
  deriveCases(add);
  wrapCases(add);
  statementCases(add);
  certificateCases(add);
  return set;
}

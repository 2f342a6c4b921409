import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { toBase64Url, toHex } from "@piccolo/bytes";
import { SeededWorld } from "@piccolo/world";
import { accountId } from "./account.ts";
import { deriveKey, newFek, newRootSecret } from "./key-tree.ts";
import { deriveOwnerKeys } from "./owner-keys.ts";
import { definePurpose, type Statement, verifyStatement } from "./statement.ts";

const world = new SeededWorld("owner-keys");
const rootSecret = newRootSecret(world);
const keys = deriveOwnerKeys(rootSecret, 1);
const versionId = world.randomBytes(16);
const statement: Statement = {
  purpose: definePurpose("test", "none"),
  network: undefined,
  account: keys.account,
  body: new Uint8Array(3),
};

test("the root secret of another account is refused where the account is known", () => {
  assert.throws(() => deriveOwnerKeys(newRootSecret(world), 1, keys.account), { name: "Fault", code: "wrong-account" });
});

test("a later epoch without its account, an epoch below 1 and a root secret of another size are bugs", () => {
  assert.throws(() => deriveOwnerKeys(rootSecret, 2), assert.AssertionError);
  assert.throws(() => deriveOwnerKeys(rootSecret, 0), assert.AssertionError);
  assert.throws(() => deriveOwnerKeys(rootSecret, 1.5), assert.AssertionError);
  assert.throws(() => deriveOwnerKeys(rootSecret.subarray(1), 1), assert.AssertionError);
});

test("owner keys do not sign for another account", () => {
  assert.throws(() => keys.sign({ ...statement, account: new Uint8Array(32) }), assert.AssertionError);
});

test("erased keys say that the device is locked, for every use of a secret", () => {
  const fek = newFek(world);
  const wrapped = keys.wrapFek(fek, versionId);
  const erased = deriveOwnerKeys(rootSecret, 1);
  erased.erase();
  erased.erase();
  const uses = [
    () => erased.sign(statement),
    () => erased.wrapFek(fek, versionId),
    () => erased.unwrapFek(wrapped, versionId),
    () => erased.metadataKey(),
    () => erased.slotsKey(),
  ];
  for (const use of uses) assert.throws(use, { name: "Fault", code: "locked", retry: "later" });
  assert.deepEqual(erased.account, keys.account);
});

test("neither JSON nor inspection shows a secret", () => {
  const secrets = (["kek", "metadata-key", "slots-key", "owner-signing-key", "file-key"] as const).map((label) =>
    deriveKey(rootSecret, label),
  );
  const shown = [
    JSON.stringify(keys),
    inspect(keys, { showHidden: true, depth: null, maxArrayLength: null }),
    inspect({ ...keys }, { showHidden: true, depth: null, maxArrayLength: null }),
  ].join("\n");
  for (const secret of [rootSecret, ...secrets]) {
    const forms = [toHex(secret), toBase64Url(secret), Array.from(secret).join(","), inspect(secret).slice(16, 60)];
    for (const form of forms) assert.ok(!shown.includes(form));
  }
  assert.ok(shown.includes(toHex(keys.account)));
});

test("every purpose has a key of its own", () => {
  const labels = [
    "kek",
    "metadata-key",
    "owner-signing-key",
    "file-key",
    "fek-wrap",
    "fek-commitment",
    "extent",
    "slots-key",
    "volume-wrap",
    "previous-root-wrap",
    "phrase-root-wrap",
    "phrase-slot-key",
    "locator-key",
  ] as const;
  const derived = new Set(labels.map((label) => toHex(deriveKey(rootSecret, label))));
  assert.equal(derived.size, labels.length);
  assert.deepEqual(keys.metadataKey(), deriveKey(rootSecret, "metadata-key"));
});

test("the first epoch names the account, a later one keeps it and has other keys", () => {
  assert.deepEqual(keys.account, accountId(keys.ownerPublicKey));
  const later = deriveOwnerKeys(newRootSecret(world), 2, keys.account);
  assert.deepEqual(later.account, keys.account);
  assert.notDeepEqual(later.ownerPublicKey, keys.ownerPublicKey);
  assert.ok(verifyStatement(later.ownerPublicKey, statement, later.sign(statement)));
  assert.ok(!verifyStatement(keys.ownerPublicKey, statement, later.sign(statement)));
});

test("keys do not depend on bytes the caller goes on to change", () => {
  const copy = new Uint8Array(rootSecret);
  const derived = deriveOwnerKeys(copy, 1);
  copy.fill(0);
  derived.metadataKey().fill(0);
  derived.slotsKey().fill(0);
  assert.deepEqual(derived.sign(statement), keys.sign(statement));
  assert.deepEqual(derived.metadataKey(), keys.metadataKey());
  assert.deepEqual(derived.slotsKey(), keys.slotsKey());
});

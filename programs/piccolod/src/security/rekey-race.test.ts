import assert from "node:assert/strict";
import { test } from "node:test";
import { decideSlot, openPhraseSlot, parsePhrase, resealDetails, verifySealedSlot } from "@piccolo/envelope";
import { SeededWorld } from "@piccolo/world";
import { createOwner, ownerPassword, proofOf } from "../../test-support/owner.ts";

test("a slot renewed while a re-key seals its password is no higher than that of the re-key", async (context) => {
  const owner = await createOwner(context);
  const { security, keyring, kept } = owner;
  const root = await keyring.openRoot(ownerPassword);
  const proof = proofOf(security.makePhrase(root));
  owner.meanwhile = () => {
    owner.network = "after";
    if (security.renewDetails(true)) kept.push(owner.slot());
  };
  await security.rekey.begin(root, ownerPassword, proof);
  const slots = kept.map(verifySealedSlot);
  const last = slots.at(-1) ?? assert.fail();
  assert.equal(slots.length, 3);
  assert.equal(last.epoch, 2);
  assert.equal(decideSlot(slots.slice(1, 2), last, false).decision, "keep");
});

test("a slot somebody keeps under a higher number is outnumbered, and only the own phrase's is", async (context) => {
  const owner = await createOwner(context);
  const { security, keyring } = owner;
  const early = owner.slot();
  for (let at = 0; at < 3; at++) {
    owner.network = `network ${at}`;
    assert.ok(security.renewDetails(true));
  }
  const given = owner.slot();
  assert.equal(verifySealedSlot(given).number, 4);
  assert.ok(!security.outnumber(early), "a lower number changes nothing");
  assert.ok(security.outnumber(given), "the same number in other hands does");
  assert.equal(decideSlot([verifySealedSlot(given)], verifySealedSlot(owner.slot()), false).decision, "keep");
  const other = await createOwner(context, "another");
  const now = owner.slot();
  for (let at = 0; at < 9; at++) {
    other.network = `network ${at}`;
    other.security.renewDetails(true);
  }
  assert.ok(!security.outnumber(other.slot()));
  assert.deepEqual(owner.slot(), now);
  keyring.lock();
  assert.ok(!security.outnumber(given), "a locked device renews nothing");
});

test("another phrase for the same root, made later elsewhere, is not shut out by the older one", async (context) => {
  const owner = await createOwner(context);
  const { security, keyring } = owner;
  const twin = await createOwner(context);
  const root = await twin.keyring.openRoot(ownerPassword);
  const later = proofOf(twin.security.makePhrase(root));
  twin.security.confirmPhrase(later);
  assert.deepEqual(keyring.slots().account, twin.keyring.slots().account);
  assert.ok(!security.outnumber(twin.slot()));
});

test("in the window of a re-key the former phrase's higher number is outnumbered, and its slot stays with its keepers", async (context) => {
  const owner = await createOwner(context);
  const { security, keyring } = owner;
  const root = await keyring.openRoot(ownerPassword);
  const shown = security.makePhrase(root);
  const proof = proofOf(shown);
  const details = { networks: [], previousRoots: [] };
  const former = resealDetails(owner.slot(), root.deriveKeys(), {
    details,
    number: 9,
    world: new SeededWorld("later"),
  });
  await security.rekey.begin(root, ownerPassword, proof);
  assert.equal(decideSlot([verifySealedSlot(former)], verifySealedSlot(owner.slot()), false).decision, "refuse");
  assert.ok(security.outnumber(former));
  const decided = decideSlot([verifySealedSlot(former)], verifySealedSlot(owner.slot()), false);
  assert.deepEqual(decided, { decision: "keep", forget: [] });
  const phrase = parsePhrase(shown.words.join(" "));
  assert.equal(openPhraseSlot(owner.slot(), phrase).epoch, 2);
});

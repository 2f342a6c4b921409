import assert from "node:assert/strict";
import { test } from "node:test";
import { concat } from "@piccolo/bytes";
import { isFault } from "@piccolo/fault";
import fc from "fast-check";
import {
  changed,
  details,
  finalSlot,
  keys,
  laterKeys,
  laterPhrase,
  laterRoot,
  laterSlot,
  otherKeys,
  phrase,
  renewedSlot,
  root,
  slot,
  slotList,
  world,
} from "../test-support/slot-cast.ts";
import type { Phrase } from "./phrase.ts";
import { openPhraseSlot, openSlotDetails, resealDetails, sealedSlotBytesMax, verifySealedSlot } from "./phrase-slot.ts";
import { openPreviousKeys } from "./root-wraps.ts";
import { decodeSlotDetails, encodeSlotDetails, fitSlotDetails, slotDetailsBytesMax } from "./slot-details.ts";
import { decodeSlotList } from "./slot-list.ts";

const refusals = new Set(["malformed", "damaged-slot", "broken-rotation"]);
const isRefusal = (error: unknown): boolean => isFault(error) && refusals.has(error.code);

test("a slot with any changed byte is refused by everybody who checks it", () => {
  const slots = fc.constantFrom(slot, laterSlot);
  fc.assert(
    fc.property(slots, fc.nat(), fc.integer({ min: 1, max: 255 }), (bytes, place, mask) => {
      assert.throws(() => verifySealedSlot(changed(bytes, place % bytes.length, mask)), isRefusal);
    }),
    { numRuns: 500 },
  );
});

test("a slot list with any changed byte is refused", () => {
  fc.assert(
    fc.property(fc.nat(slotList.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
      assert.throws(() => decodeSlotList(changed(slotList, at, mask)), isRefusal);
    }),
    { numRuns: 300 },
  );
});

test("any bytes are refused, also very many", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 1000 }), (bytes) => {
      assert.throws(() => verifySealedSlot(bytes), isRefusal);
      assert.throws(() => decodeSlotList(bytes), isRefusal);
      assert.throws(() => decodeSlotDetails(concat(new Uint8Array([9]), bytes)), isRefusal);
    }),
  );
  assert.throws(() => verifySealedSlot(new Uint8Array(sealedSlotBytesMax + 1)), { code: "malformed" });
});

test("the right locator with another phrase's key opens nothing", () => {
  const mixed: Phrase = {
    locator: phrase.locator,
    locatorKey: phrase.locatorKey,
    slotKey: () => laterPhrase.slotKey(),
    erase: () => undefined,
  };
  assert.throws(() => openPhraseSlot(slot, mixed), { code: "damaged-slot" });
});

test("details are renewed with the keys of the slot's account and epoch only", () => {
  assert.throws(() => resealDetails(slot, otherKeys, { details, number: 5, world }), { code: "wrong-account" });
  assert.throws(() => resealDetails(slot, laterKeys, { details, number: 5, world }), { code: "wrong-epoch" });
  assert.throws(() => openSlotDetails(slot, laterKeys), { code: "wrong-epoch" });
});

test("details renewed without the phrase are what the phrase then finds", () => {
  const renewed = { networks: details.networks.map((network) => ({ ...network, name: "moved" })), previousRoots: [] };
  const sealed = resealDetails(renewedSlot, keys, { details: renewed, number: 7, world });
  assert.deepEqual(openPhraseSlot(sealed, phrase, keys.account).details, renewed);
  assert.deepEqual(openSlotDetails(sealed, keys), renewed);
  assert.deepEqual(openPhraseSlot(sealed, phrase).opened.root(), root);
  assert.equal(verifySealedSlot(sealed).number, 7);
});

test("during a re-key the new phrase gives the roots of both epochs, afterwards one", () => {
  const opened = openPhraseSlot(laterSlot, laterPhrase, keys.account);
  assert.deepEqual(opened.opened.root(), laterRoot);
  const current = opened.opened.deriveKeys();
  const [previous, ...rest] = openPreviousKeys(current, opened.details.previousRoots);
  assert.equal(rest.length, 0);
  assert.deepEqual(previous?.ownerPublicKey, keys.ownerPublicKey);
  assert.deepEqual(openPhraseSlot(finalSlot, laterPhrase).details.previousRoots, []);
});

test("details of any size a network may have fit after cutting, and come back as they were cut", () => {
  const text = fc.string({ unit: "grapheme", maxLength: 300 });
  const bytes = fc.uint8Array({ minLength: 32, maxLength: 32 });
  const member = fc.record({
    account: bytes,
    deviceKey: bytes,
    name: text,
    addresses: fc.array(text, { maxLength: 8 }),
  });
  const network = fc.record({ id: bytes, name: text, central: text, members: fc.array(member, { maxLength: 8 }) });
  fc.assert(
    fc.property(fc.array(network, { maxLength: 3 }), fc.integer({ min: 1, max: 20 }), (networks, times) => {
      const large = networks.map((each) => ({
        ...each,
        members: Array.from({ length: times }, () => each.members).flat(),
      }));
      const fitted = fitSlotDetails({ networks: [...large, ...large, ...large, ...large], previousRoots: [] });
      const encoded = encodeSlotDetails(fitted);
      assert.ok(encoded.length <= slotDetailsBytesMax);
      assert.deepEqual(decodeSlotDetails(encoded), fitted);
    }),
    { numRuns: 40 },
  );
});

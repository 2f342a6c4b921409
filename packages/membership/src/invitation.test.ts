import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { toBase64Url, toHex } from "@piccolo/bytes";
import { deriveOwnerKeys } from "@piccolo/envelope";
import { isFault } from "@piccolo/fault";
import fc from "fast-check";
import { ada, bela, bytesOf, emil, FixedWorld, invitationBy, joining, startMs, stateOf } from "../test-support/cast.ts";
import {
  acceptInvitation,
  applyEntry,
  cosignInvitation,
  createInvitation,
  decodeInvitation,
  decodeSignedInvitation,
  encodeInvitation,
  encodeSignedInvitation,
  invitationPrefix,
} from "./index.ts";

const central = "http://127.0.0.1:8700";
const world = new FixedWorld("invitation test");

test("an invitation with any one character changed is refused, or says exactly the same", () => {
  const text = encodeInvitation(invitationBy(stateOf(1), [ada], "text"), central);
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const state = stateOf(1);
  fc.assert(
    fc.property(fc.nat({ max: text.length - 1 }), fc.constantFrom(...letters.split("")), (at, letter) => {
      if (text.charAt(at) === letter) return;
      const changed = text.slice(0, at) + letter + text.slice(at + 1);
      let entry: Uint8Array;
      try {
        const { invitation, centralUrl } = decodeInvitation(changed);
        // Another address is not the log's to check; everything that lets one in is.
        if (centralUrl !== central) return;
        entry = joining(state, bela, invitation);
      } catch (error) {
        assert.ok(isFault(error));
        return;
      }
      assert.fail(`a changed invitation let somebody in by ${toHex(entry)}`);
    }),
    { numRuns: 300 },
  );
});

test("an invitation cannot be made by a stranger, for the past, or while the owner is locked", () => {
  const state = stateOf(2);
  const expiresAtMs = startMs + 1;
  const made =
    (ownerKeys: typeof ada.keys, untilMs = expiresAtMs) =>
    () =>
      createInvitation({ state, ownerKeys, expiresAtMs: untilMs, world });
  assert.throws(made(emil.keys), { code: "not-a-member" });
  assert.throws(made(ada.keys, startMs), { code: "invitation-expired" });
  const locked = deriveOwnerKeys(bytesOf("Ada root"), 1);
  locked.erase();
  assert.throws(made(locked), { code: "locked" });
});

test("a stranger cannot co-sign, nor a member an invitation of another network", () => {
  const state = stateOf(4);
  const { signed } = invitationBy(state, [ada], "co-sign");
  assert.throws(() => cosignInvitation({ state, ownerKeys: emil.keys, signed }), { code: "not-a-member" });
  const foreign = { ...signed, statement: { ...signed.statement, networkId: bytesOf("other") } };
  assert.throws(() => cosignInvitation({ state, ownerKeys: bela.keys, signed: foreign }), {
    code: "invitation-foreign",
  });
});

test("inspection, JSON and the secret-free form do not show the secret", () => {
  const invitation = invitationBy(stateOf(1), [ada], "secret");
  const secret = invitation.revealSecret();
  const spellings = [toHex(secret), toBase64Url(secret), [...secret].join(","), Buffer.from(secret).toString("base64")];
  const shown = [
    inspect(invitation, { depth: 9, showHidden: true }),
    JSON.stringify(invitation),
    toHex(encodeSignedInvitation(invitation.signed)),
    toHex(joining(stateOf(1), bela, invitation)),
  ];
  for (const spelling of spellings) for (const text of shown) assert.ok(!text.includes(spelling));
});

test("what is refused of an invitation's text does not repeat it", () => {
  const text = encodeInvitation(invitationBy(stateOf(1), [ada], "error"), central);
  for (const broken of [text.slice(0, -3), `${text}AAAA`, text.slice(5)]) {
    assert.throws(
      () => decodeInvitation(broken),
      (error) => {
        const said = inspect(error, { depth: 9 });
        return isFault(error, "invitation-refused") && !said.includes(text.slice(invitationPrefix.length, 60));
      },
    );
  }
});

test("central's address is taken in its one spelling, and refused where it is none", () => {
  const invitation = invitationBy(stateOf(1), [ada], "address");
  for (const address of [
    "ftp://a",
    "central.example",
    "https://a:b@c",
    "https://a/?q",
    "https://a/#f",
    `https://${"a".repeat(260)}`,
  ]) {
    assert.throws(() => encodeInvitation(invitation, address), { code: "invitation-refused" }, address);
  }
  const { centralUrl } = decodeInvitation(encodeInvitation(invitation, "HTTPS://Central.Example:443/piccolo/"));
  assert.equal(centralUrl, "https://central.example/piccolo");
});

test("an invitation that went through its text and a co-signer lets its holder in", () => {
  const state = stateOf(4);
  const invitation = invitationBy(state, [ada], "whole");
  const travelled = decodeSignedInvitation(encodeSignedInvitation(invitation.signed));
  const signed = cosignInvitation({ state, ownerKeys: bela.keys, signed: travelled });
  const text = encodeInvitation(invitation.withSignatures(signed), central);
  const received = decodeInvitation(text).invitation;
  const entry = acceptInvitation({
    state,
    invitation: received,
    ownerKeys: emil.keys,
    device: emil.device,
    name: "  Emil  ",
    world: new FixedWorld("accept", startMs + 600_000),
  });
  const after = applyEntry(state, entry);
  assert.equal(after.memberByAccount(emil.account)?.name, "Emil");
  assert.deepEqual(after.memberByDeviceKey(emil.deviceKey.publicKey)?.account, emil.account);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { ed25519FromSeed, encodeStatement, signStatement } from "@piccolo/envelope";
import { SeededWorld } from "@piccolo/world";
import fc from "fast-check";
import {
  type CallCredentials,
  type CallParts,
  callStatement,
  decodeCredentials,
  encodeCredentials,
  proveInvitation,
  verifyCall,
  verifyInvitationProof,
} from "./signed-call.ts";

const world = new SeededWorld("signed call");
const key = ed25519FromSeed(world.randomBytes(32));
const account = world.randomBytes(32);

function signed(parts: CallParts): CallCredentials {
  const who = { account, timeMs: world.nowMs(), nonce: world.randomBytes(16) };
  return { ...who, publicKey: key.publicKey, signature: signStatement(key, callStatement(parts, who)) };
}

const parts: CallParts = { method: "GET", host: "central.example", target: "/v1/relay", body: new Uint8Array(0) };

test("a signature is worth nothing for another call, account, time or nonce", () => {
  const credentials = signed(parts);
  assert.ok(verifyCall(parts, credentials));
  for (const changed of [
    { method: "PUT" },
    { host: "central.example:8443" },
    { target: "/v1/relay?x" },
    { body: Uint8Array.of(0) },
  ]) {
    assert.ok(!verifyCall({ ...parts, ...changed }, credentials));
  }
  assert.ok(!verifyCall(parts, { ...credentials, account: world.randomBytes(32) }));
  assert.ok(!verifyCall(parts, { ...credentials, timeMs: credentials.timeMs + 1 }));
  assert.ok(!verifyCall(parts, { ...credentials, nonce: world.randomBytes(16) }));
  assert.ok(!verifyCall(parts, { ...credentials, publicKey: world.randomBytes(32) }));
});

test("two calls that differ in any part are signed over different bytes", () => {
  const who = { account, timeMs: 1, nonce: new Uint8Array(16) };
  const call = fc.record({
    method: fc.constantFrom("GET", "POST", "POSTc"),
    host: fc.constantFrom("c", "ce", "entral"),
    target: fc.constantFrom("", "/", "/a", "entral/a"),
    body: fc.constantFrom(new Uint8Array(0), Uint8Array.of(1)),
  });
  fc.assert(
    fc.property(call, call, (one, other) => {
      const same =
        one.method === other.method &&
        one.host === other.host &&
        one.target === other.target &&
        one.body.length === other.body.length;
      const [a, b] = [one, other].map((each) => encodeStatement(callStatement(each, who)));
      assert.equal(Buffer.compare(a ?? new Uint8Array(0), b ?? new Uint8Array(0)) === 0, same);
    }),
  );
});

test("a header of any other form is no signature", () => {
  const good = encodeCredentials(signed(parts));
  assert.deepEqual(decodeCredentials(good).account, account);
  const broken = [
    undefined,
    "",
    good.slice(1),
    good.slice(0, -1),
    `${good}A`,
    ` ${good}`,
    good.replace("Piccolo-1", "Piccolo-2"),
    good.replace("Piccolo-1", "piccolo-1"),
    good.toUpperCase(),
    good.replace(/\.\d+\./, ".1e3."),
    good.replace(/\.\d+\./, ".01."),
    good.replace(/\.\d+\./, ".-1."),
    good.replace(/\.\d+\./, `.${"9".repeat(16)}.`),
  ];
  for (const text of broken) assert.throws(() => decodeCredentials(text), { code: "unsigned-call" }, text);
});

test("a header that is not the one spelling of its bytes is refused", () => {
  const credentials = signed(parts);
  // The last character of 64 bytes in base64url has four bits that say nothing; only zeros are accepted there.
  const text = encodeCredentials({ ...credentials, signature: new Uint8Array(64) });
  assert.throws(() => decodeCredentials(text.replace(/A$/, "B")), { code: "malformed" });
});

test("a proof of an invitation is one account's, for one network", () => {
  const network = world.randomBytes(32);
  const proof = proveInvitation(key, network, account);
  assert.ok(verifyInvitationProof(key.publicKey, network, account, proof));
  assert.ok(!verifyInvitationProof(key.publicKey, network, world.randomBytes(32), proof));
  assert.ok(!verifyInvitationProof(key.publicKey, world.randomBytes(32), account, proof));
  assert.ok(!verifyInvitationProof(world.randomBytes(32), network, account, proof));
  assert.ok(!verifyInvitationProof(key.publicKey, network, account, proof.subarray(1)));
});

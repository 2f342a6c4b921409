import assert from "node:assert/strict";
import { test } from "node:test";
import { concat, fromHex, toHex, toUtf8 } from "@piccolo/bytes";
import fc from "fast-check";
import { ed25519FromSeed, isAcceptablePublicKey, verifyEd25519 } from "./ed25519.ts";
import { x25519PublicKey } from "./x25519.ts";

const key = ed25519FromSeed(new Uint8Array(32).fill(7));
const message = toUtf8("message");
const signature = key.sign(message);

const p = 2n ** 255n - 19n;

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let b = base % p, e = exponent; e > 0n; e >>= 1n, b = (b * b) % p)
    if ((e & 1n) === 1n) result = (result * b) % p;
  return result;
}

const d = (-121_665n * power(121_666n, p - 2n)) % p;

/** y of the doubled point by y alone: with x^2 = (y^2 - 1) / (d y^2 + 1), y' = (y^2 + x^2) / (1 - d x^2 y^2). */
function doubledY(y: bigint): bigint {
  const yy = (y * y) % p;
  const xx = ((yy - 1n) * power((d * yy + 1n + p * p) % p, p - 2n)) % p;
  return ((((yy + xx) * power((1n - d * xx * yy + p ** 4n) % p, p - 2n)) % p) + p) % p;
}

test("keys of small order are refused, under which one signature fits many messages", () => {
  const smallOrder = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  ];
  for (const hex of smallOrder) {
    const publicKey = fromHex(hex);
    const y = BigInt(`0x${toHex(fromHex(hex).toReversed())}`);
    // Doubled three times, a point whose order divides 8 is the neutral element, whose y is 1.
    assert.equal(doubledY(doubledY(doubledY(y))), 1n);
    assert.ok(!isAcceptablePublicKey(publicKey));
    publicKey[31] = (publicKey[31] ?? 0) | 0x80;
    assert.ok(!isAcceptablePublicKey(publicKey), "the point with the other x");
  }
});

test("a y coordinate of 2^255 - 19 or more is refused, the greatest below it is not for its size", () => {
  for (const first of ["ed", "ee", "ef", "ff"]) {
    assert.ok(!isAcceptablePublicKey(fromHex(`${first}${"ff".repeat(30)}7f`)));
    assert.ok(!isAcceptablePublicKey(fromHex(`${first}${"ff".repeat(30)}ff`)));
  }
  assert.ok(isAcceptablePublicKey(fromHex(`eb${"ff".repeat(30)}7f`)));
});

test("keys, messages and signatures of a wrong size are refused", () => {
  assert.ok(!verifyEd25519(key.publicKey.subarray(1), message, signature));
  assert.ok(!verifyEd25519(concat(key.publicKey, new Uint8Array(1)), message, signature));
  assert.ok(!verifyEd25519(key.publicKey, message, signature.subarray(1)));
  assert.ok(!verifyEd25519(key.publicKey, message, concat(signature, new Uint8Array(1))));
  assert.ok(!verifyEd25519(new Uint8Array(0), message, new Uint8Array(0)));
});

test("a second spelling of a signature, S plus the group order, is refused", () => {
  const order = 2n ** 252n + 27_742_317_777_372_353_535_851_937_790_883_648_493n;
  let s = order;
  for (let at = 0; at < 32; at++) s += BigInt(signature[32 + at] ?? 0) << BigInt(8 * at);
  const twin = new Uint8Array(signature);
  for (let at = 0; at < 32; at++) twin[32 + at] = Number((s >> BigInt(8 * at)) & 255n);
  assert.ok(verifyEd25519(key.publicKey, message, signature));
  assert.ok(!verifyEd25519(key.publicKey, message, twin));
});

test("any bit changed in key, message or signature is refused", () => {
  const parts = [key.publicKey, message, signature] as const;
  fc.assert(
    fc.property(fc.nat(2), fc.nat(63), fc.nat(7), (which, position, bit) => {
      const [publicKey, text, by] = parts.map((part, index) => {
        const copy = new Uint8Array(part);
        const at = position % copy.length;
        if (index === which) copy[at] = (copy[at] ?? 0) ^ (1 << bit);
        return copy;
      });
      assert.ok(publicKey !== undefined && text !== undefined && by !== undefined);
      assert.ok(!verifyEd25519(publicKey, text, by));
    }),
  );
});

test("keys and signatures equal the test vectors of RFC 8032 section 7.1", () => {
  const first = ed25519FromSeed(fromHex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"));
  assert.deepEqual(first.publicKey, fromHex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"));
  assert.deepEqual(
    first.sign(new Uint8Array(0)),
    fromHex(
      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
  );
  const second = ed25519FromSeed(fromHex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"));
  assert.deepEqual(
    second.sign(new Uint8Array([0x72])),
    fromHex(
      "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
  );
});

test("the X25519 public key equals the test vector of RFC 7748 section 6.1", () => {
  assert.deepEqual(
    x25519PublicKey(fromHex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")),
    fromHex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"),
  );
});

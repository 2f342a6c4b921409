import assert from "node:assert/strict";
import { constants, generateKeyPairSync, privateDecrypt, publicEncrypt, sign } from "node:crypto";
import { suite, test } from "node:test";
import { toUtf8 } from "@piccolo/bytes";
import { SeededWorld } from "@piccolo/world";
import fc from "fast-check";
import { aesCfb, kdfA, kdfE } from "./derivation.ts";
import { sha256, u32 } from "./digests.ts";
import { ecdsaSignature, isSignedBy, pointOf, verificationKey } from "./index.ts";
import { oaepEncrypt } from "./oaep.ts";
import { exchange, newEphemeralKey, padded, publicKeyOf } from "./p256.ts";

const world = new SeededWorld(7);
const none = new Uint8Array(0);

suite("keys", () => {
  test("a point off the curve, an empty one and a long coordinate are malformed", () => {
    const { point } = newEphemeralKey(world);
    const y = point.y.slice();
    y[31] = (y[31] ?? 0) ^ 1;
    for (const wrong of [
      { x: point.x, y },
      { x: none, y: none },
      { x: point.x, y: new Uint8Array(33) },
    ]) {
      assert.throws(() => publicKeyOf(wrong), { code: "malformed" });
    }
  });

  test("both sides of an exchange come to the same 32 bytes, and the key follows from the world's bytes", () => {
    const [one, two] = [newEphemeralKey(world), newEphemeralKey(world)];
    const shared = exchange(one.key, publicKeyOf(two.point));
    assert.deepEqual(shared, exchange(two.key, publicKeyOf(one.point)));
    assert.equal(shared.length, 32);
    const again = [new SeededWorld(9), new SeededWorld(9)].map((each) => newEphemeralKey(each).point);
    assert.deepEqual(again[0], again[1]);
  });

  test("bytes outside the group's order are drawn again", () => {
    const draws = [new Uint8Array(32), new Uint8Array(32).fill(255), new Uint8Array(32).fill(1)];
    const scripted = Object.assign(Object.create(world), { randomBytes: () => draws.shift() }) as typeof world;
    newEphemeralKey(scripted);
    assert.deepEqual(draws, []);
  });

  test("leading zeros that a TPM leaves out come back", () => {
    assert.deepEqual(padded(Uint8Array.of(5)).subarray(30), Uint8Array.of(0, 5));
    assert.throws(() => padded(new Uint8Array(33)), { code: "malformed" });
  });

  test("KDFa is cut from blocks, and its length is part of it", () => {
    const key = Uint8Array.of(1, 2, 3);
    const long = kdfA(key, "ATH", none, none, 512);
    assert.equal(long.length, 64);
    assert.notDeepEqual(long.subarray(0, 32), kdfA(key, "ATH", none, none, 256));
    assert.deepEqual(kdfE(key, "SECRET", none, none), sha256(u32(1), key, toUtf8("SECRET\0")));
  });

  test("CFB comes back, with any length", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (data) => {
        const [key, iv] = [new Uint8Array(16).fill(1), new Uint8Array(16).fill(2)];
        assert.deepEqual(aesCfb(key, iv, aesCfb(key, iv, data, "encrypt"), "decrypt"), data);
      }),
    );
  });

  test("OAEP is what OpenSSL opens, and refuses with another label", () => {
    const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const modulus = new Uint8Array(Buffer.from(publicKey.export({ format: "jwk" }).n ?? "", "base64url"));
    const oaep = { key: privateKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: "sha256" };
    const label = toUtf8("IDENTITY\0");
    for (const length of [0, 1, 32]) {
      const message = world.randomBytes(length);
      const encrypted = oaepEncrypt(modulus, label, message, world.randomBytes(32));
      assert.equal(encrypted.length, 256);
      assert.deepEqual(new Uint8Array(privateDecrypt({ ...oaep, oaepLabel: label }, encrypted)), message);
      assert.throws(() => privateDecrypt({ ...oaep, oaepLabel: toUtf8("OTHER\0") }, encrypted));
    }
    assert.equal(publicEncrypt({ ...oaep, key: publicKey }, none).length, 256);
  });

  test("a signature fits its key, message and scheme alone", () => {
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const area = verificationKey(pointOf(publicKey));
    const message = toUtf8("message");
    const raw = new Uint8Array(sign("sha256", message, { key: privateKey, dsaEncoding: "ieee-p1363" }));
    assert.ok(isSignedBy(area, message, ecdsaSignature(raw)));
    assert.ok(!isSignedBy(area, toUtf8("another"), ecdsaSignature(raw)));
    assert.ok(!isSignedBy(verificationKey(newEphemeralKey(world).point), message, ecdsaSignature(raw)));
    assert.ok(!isSignedBy(area, message, { scheme: "rsassa-sha256", signature: raw }));
    assert.throws(() => ecdsaSignature(raw.subarray(1)), { code: "malformed" });
  });
});

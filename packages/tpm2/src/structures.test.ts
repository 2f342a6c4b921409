import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { isFault } from "@piccolo/fault";
import fc from "fast-check";
import { decodeSignature } from "./attest.ts";
import {
  decodeNvPublic,
  decodePcrSelection,
  decodePublic,
  decodeQuote,
  encodeNvPublic,
  encodePcrSelection,
  encodePublic,
  encodeSignature,
  extended,
  objectAttributes,
  pcrDigest,
  type PublicArea,
  sha256,
  TpmReader,
  type TpmSignature,
} from "./index.ts";

const bytes = (minLength: number, maxLength: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength, maxLength });
const record = <Model extends object>(model: { [Key in keyof Model]: fc.Arbitrary<Model[Key]> }): fc.Arbitrary<Model> =>
  fc.record<Model, keyof Model>(model, { noNullPrototype: true });
const attributes = fc
  .subarray(Object.values(objectAttributes))
  .map((chosen) => chosen.reduce((all, bit) => all | bit, 0));
const authPolicy = fc.oneof(bytes(0, 0), bytes(32, 32));
const symmetric = fc.constantFrom("aes-128-cfb" as const, "none" as const);
const point = record({ x: bytes(0, 32), y: bytes(0, 32) });

const publicArea: fc.Arbitrary<PublicArea> = fc.oneof(
  record({
    type: fc.constant("ecc" as const),
    attributes,
    authPolicy,
    symmetric,
    scheme: fc.constantFrom("ecdsa-sha256" as const, "none" as const),
    point,
  }),
  record({
    type: fc.constant("rsa" as const),
    attributes,
    authPolicy,
    symmetric,
    scheme: fc.constantFrom("rsassa-sha256" as const, "none" as const),
    bits: fc.constantFrom(2048 as const, 3072 as const, 4096 as const),
  }).chain((area) => bytes(0, area.bits / 8).map((modulus) => ({ ...area, modulus }))),
  record({ type: fc.constant("sealed" as const), attributes, authPolicy, unique: bytes(0, 32) }),
);

const signature: fc.Arbitrary<TpmSignature> = fc.oneof(
  record({ scheme: fc.constant("ecdsa-sha256" as const), r: bytes(0, 32), s: bytes(0, 32) }),
  record({ scheme: fc.constant("rsassa-sha256" as const), signature: bytes(0, 512) }),
);

/** Every strict decoder: what is not read is `malformed`, what is read is written again as it was. */
const decoders: readonly (readonly [string, (input: Uint8Array) => Uint8Array | undefined])[] = [
  ["a public area", (input) => encodePublic(decodePublic(input))],
  ["an index", (input) => encodeNvPublic(decodeNvPublic(input))],
  ["a signature", (input) => encodeSignature(decodeSignature(input))],
  ["a quote", (input) => (decodeQuote(input), undefined)],
];

suite("structures", () => {
  test("any bytes are malformed, or written again as they were read", () => {
    for (const [what, decode] of decoders) {
      fc.assert(
        fc.property(bytes(0, 200), (input) => {
          try {
            assert.deepEqual(decode(input) ?? input, input, what);
          } catch (error) {
            if (!isFault(error, "malformed")) throw error;
          }
        }),
        { numRuns: 1_000 },
      );
    }
  });

  test("a public area with any byte changed, missing or added is malformed or another one", () => {
    fc.assert(
      fc.property(publicArea, fc.nat(), fc.integer({ min: 1, max: 255 }), (area, place, difference) => {
        const encoded = encodePublic(area);
        assert.throws(() => decodePublic(encoded.subarray(0, -1)), { code: "malformed" });
        const changed = encoded.slice();
        changed[place % changed.length] = (changed[place % changed.length] ?? 0) ^ difference;
        try {
          assert.deepEqual(encodePublic(decodePublic(changed)), changed);
        } catch (error) {
          if (!isFault(error, "malformed")) throw error;
        }
      }),
    );
  });

  test("a public area comes back from its bytes", () => {
    fc.assert(fc.property(publicArea, (area) => assert.deepEqual(decodePublic(encodePublic(area)), area)));
  });

  test("an index comes back from its bytes", () => {
    const index = record({
      handle: fc.nat(),
      attributes: fc.nat(),
      authPolicy,
      sizeBytes: fc.integer({ min: 0, max: 2_048 }),
    });
    fc.assert(fc.property(index, (each) => assert.deepEqual(decodeNvPublic(encodeNvPublic(each)), each)));
  });

  test("a signature comes back from its bytes", () => {
    fc.assert(fc.property(signature, (each) => assert.deepEqual(decodeSignature(encodeSignature(each)), each)));
  });

  test("a selection of PCRs comes back in ascending order", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 0, max: 23 })), (pcrs) => {
        const reader = new TpmReader(encodePcrSelection(pcrs));
        assert.deepEqual(
          decodePcrSelection(reader),
          [...pcrs].sort((a, b) => a - b),
        );
        reader.end();
      }),
    );
  });

  test("PCRs beyond 23, other banks and endless bitmaps are malformed", () => {
    for (const selection of [
      "0000000100040300 0000",
      "00000001000b0400000001",
      "00000001000bff00",
      "00000002000b03000000",
    ]) {
      const reader = new TpmReader(new Uint8Array(Buffer.from(selection.replaceAll(" ", ""), "hex")));
      assert.throws(() => decodePcrSelection(reader), { code: "malformed" });
    }
    assert.throws(() => encodePcrSelection([24]), { code: "ERR_ASSERTION" });
  });

  test("PCR values are hashed in the order of their numbers", () => {
    const [one, two] = [sha256(Uint8Array.of(1)), sha256(Uint8Array.of(2))];
    assert.deepEqual(
      pcrDigest(
        new Map([
          [9, two],
          [1, one],
        ]),
      ),
      sha256(one, two),
    );
    assert.deepEqual(extended(one, two), sha256(one, two));
  });
});

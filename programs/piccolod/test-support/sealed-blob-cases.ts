/** The vectors in vectors/sealed-blob; writing them: `node programs/piccolod/test-support/write-sealed-blob-vectors.ts`. */
import { fromHex, toHex } from "@piccolo/bytes";
import { sealedTemplate, sha256, storageRootTemplate, encodePublic } from "@piccolo/tpm2";
import { decodeSealedBlob, encodeSealedBlob } from "../src/adapters/tpm/sealed-blob.ts";
import { sealingPolicy } from "../src/adapters/tpm/sealing-policy.ts";
import type { SealedUse } from "../src/security/security-chip.ts";

export type Operation =
  | {
      readonly operation: "decode";
      readonly input: { readonly bytes: string };
      readonly expect:
        | { readonly fault: string }
        | {
            readonly use: SealedUse;
            readonly release: number;
            readonly generation: number;
            /** Empty where it was sealed to the boot as it was. */
            readonly signer: string;
            readonly firmware: readonly string[];
            readonly parentName: string;
            readonly policy: string;
            readonly wrapped: string;
          };
    }
  | {
      readonly operation: "policy";
      readonly input: {
        readonly use: SealedUse;
        readonly release: number;
        readonly generation: number;
        readonly signer: string;
        readonly pcr7: string;
        /** Values of PCR 7 in starts to come. */
        readonly expected: readonly string[];
        readonly pcr11: string;
      };
      readonly expect: { readonly digest: string };
    };

export type Vector = { readonly spec: "sealed-blob/4"; readonly rule: string; readonly about: string } & Operation;

/** What this implementation answers to a vector, in the form of its `expect`. */
export function answer(vector: Omit<Operation, "expect">): unknown {
  const { operation, input } = vector as Operation;
  if (operation === "decode") {
    const blob = decodeSealedBlob(fromHex(input.bytes));
    return {
      use: blob.use,
      release: blob.release,
      generation: blob.generation,
      signer: toHex(blob.signer ?? new Uint8Array(0)),
      firmware: blob.firmware.map(toHex),
      parentName: toHex(blob.parentName),
      policy: toHex(blob.publicArea.authPolicy),
      wrapped: toHex(blob.wrapped),
    };
  }
  const measured = new Map([
    [7, fromHex(input.pcr7)],
    [11, fromHex(input.pcr11)],
  ]);
  const signer = input.signer === "" ? undefined : fromHex(input.signer);
  const firmware = signer === undefined ? [] : [input.pcr7, ...input.expected].map(fromHex);
  return { digest: toHex(sealingPolicy({ ...input, signer, firmware }, measured)) };
}

const policyKeyName = fromHex(`000b${"5f".repeat(32)}`);

export function cases(): Record<string, Vector> {
  const set: Record<string, Vector> = {};
  const add = (name: string, rule: string, about: string, asked: Omit<Operation, "expect">, fault?: string): void => {
    const expect = fault === undefined ? answer(asked) : { fault };
    set[name] = { spec: "sealed-blob/4", rule, about, ...asked, expect } as Vector;
  };
  const value = (seed: number): Uint8Array => sha256(Uint8Array.of(seed));

  const policy = (
    name: string,
    rule: string,
    about: string,
    use: SealedUse,
    release: number,
    generation: number,
    { pcr7 = 7, pcr11 = 11, signer = "", expected = [] as readonly number[] } = {},
  ): void =>
    add(`policy-${name}`, rule, about, {
      operation: "policy",
      input: {
        use,
        release,
        generation,
        signer,
        pcr7: toHex(value(pcr7)),
        expected: expected.map((seed) => toHex(value(seed))),
        pcr11: toHex(value(pcr11)),
      },
    });
  const key = toHex(policyKeyName);
  policy("volume", "B6", "The volume key, release 1.", "volume", 1, 1);
  policy("pepper", "B6", "The pepper: PCR 15 does not count.", "pepper", 1, 1);
  policy("later-release", "B7", "Another release, another policy.", "volume", 2, 1);
  policy("later-generation", "B8", "Another generation, another policy.", "volume", 1, 2);
  policy("other-system", "B6", "Another system in PCR 11.", "volume", 1, 1, { pcr11: 12 });
  policy("signed-volume", "B14", "The volume key, for boots a key signs.", "volume", 1, 1, { signer: key });
  policy("signed-pepper", "B14", "The pepper, for boots a key signs.", "pepper", 1, 1, { signer: key });
  policy("signed-other-system", "B14", "PCR 11 and release do not count.", "volume", 9, 1, { signer: key, pcr11: 12 });
  policy("signed-other-firmware", "B14", "PCR 7 counts.", "volume", 1, 1, { signer: key, pcr7: 8 });
  policy("signed-later-generation", "B14", "The generation counts.", "volume", 1, 2, { signer: key });
  policy("signed-expected", "B15", "Opens also after a change of the firmware's keys.", "volume", 1, 1, {
    signer: key,
    expected: [8],
  });
  policy("signed-expected-pepper", "B15", "Likewise the pepper, after either of two.", "pepper", 1, 1, {
    signer: key,
    expected: [8, 9],
  });
  policy("other-signer", "B14", "Another key.", "volume", 1, 1, { signer: key.replace(/.$/, "0") });

  const publicArea = { ...sealedTemplate(value(1)), unique: value(2) };
  const parentName = fromHex(`000b${toHex(value(3))}`);
  const blob = {
    use: "volume" as const,
    signer: policyKeyName,
    firmware: [value(7)],
    release: 258,
    generation: 65_537,
    parentName,
    publicArea,
    wrapped: new Uint8Array(40).fill(9),
  };
  const bytes = encodeSealedBlob(blob);
  const changed = (at: number, to: number): Uint8Array => bytes.with(at, to);
  const decode = (name: string, about: string, given: Uint8Array, fault?: string): void =>
    add(name, "B9", about, { operation: "decode", input: { bytes: toHex(given) } }, fault);
  const refuse = (name: string, about: string, given: Uint8Array): void =>
    decode(`refuse-${name}`, about, given, "tpm-other-chip");
  decode("volume", "A blob of the volume key.", bytes);
  decode("pepper", "A blob of the pepper.", encodeSealedBlob({ ...blob, use: "pepper" }));
  decode("unsigned", "A blob for the boot as it was.", encodeSealedBlob({ ...blob, signer: undefined, firmware: [] }));
  refuse("empty", "No bytes.", new Uint8Array(0));
  refuse("format-1", "A format that knew no generation.", changed(0, 1));
  refuse("format-2", "A format that knew no signer.", changed(0, 2));
  refuse("format-3", "A format that knew one state of the firmware.", changed(0, 3));
  refuse("format-5", "Another format.", changed(0, 5));
  const of = (...firmware: readonly Uint8Array[]): Uint8Array => encodeSealedBlob({ ...blob, firmware });
  decode(
    "expected",
    "A blob that opens after changes of the firmware's keys.",
    of(value(7), value(8), value(9), value(10)),
  );
  refuse("no-firmware", "A signer, and no state of the firmware.", of());
  refuse("five-firmwares", "Five states of the firmware.", of(...[7, 8, 9, 10, 11].map(value)));
  refuse("firmware-twice", "A state of the firmware twice.", of(value(7), value(7)));
  refuse(
    "unsigned-firmware",
    "A state of the firmware, and no signer.",
    encodeSealedBlob({ ...blob, signer: undefined }),
  );
  refuse("use-0", "Use 0.", changed(1, 0));
  refuse("use-3", "Use 3.", changed(1, 3));
  refuse("endless-release", "A release over 2^53 - 1.", changed(2, 0xff));
  refuse("endless-generation", "A generation over 2^53 - 1.", changed(10, 0xff));
  refuse("long-signer", "A signer's name of 35 bytes.", changed(19, 35));
  refuse("long-name", "A name of 35 bytes.", changed(88, 35));
  refuse("attributes", "An object that its authorization value opens (userWithAuth).", changed(132, 0xd2));
  const other = encodePublic({ ...storageRootTemplate, authPolicy: value(1) });
  const head = bytes.subarray(0, 123);
  refuse("other-object", "A key instead of sealed data.", Uint8Array.of(...head, 0, other.length, ...other, 0, 0));
  refuse("cut", "The last byte is missing.", bytes.subarray(0, -1));
  refuse("longer", "A byte too many.", Uint8Array.of(...bytes, 0));
  return set;
}

import { createHash } from "node:crypto";
import { toHex, toUtf8 } from "@piccolo/bytes";
import { SeededWorld, type World } from "@piccolo/world";
import { chunkPlainBytes, chunkSealedBytes, sealedLength, sealExtent } from "../src/extent.ts";
import type { ExtentInput, Operation, Pattern, SealedPart, VectorSet } from "./vector.ts";

export function patternBytes({ repeat, bytes }: Pattern): Uint8Array {
  const pattern = Uint8Array.fromHex(repeat);
  return Uint8Array.from({ length: bytes }, (_, index) => pattern[index % pattern.length] ?? 0);
}

export function sha256Hex(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** A world whose next random bytes are these: the only way to choose an extent's salt. */
export function worldWithSalt(salt: Uint8Array): World {
  const world = new SeededWorld("vectors/envelope/salt");
  world.randomBytes = () => new Uint8Array(salt);
  return world;
}

export function sealFor(input: ExtentInput, plain: Pattern): Uint8Array {
  return sealExtent(
    {
      fek: Uint8Array.fromHex(input.fek),
      versionId: Uint8Array.fromHex(input.versionId),
      ordinal: input.ordinal,
      world: worldWithSalt(Uint8Array.fromHex(input.salt)),
    },
    patternBytes(plain),
  ).sealed;
}

export function extentCases(): VectorSet {
  const world = new SeededWorld("vectors/envelope/extents");
  const set: VectorSet = {};
  const add = (name: string, rule: string, about: string, operation: Operation): void => {
    set[name] = { spec: "envelope/1", rule, about, ...operation };
  };
  const hex = (length: number): string => toHex(world.randomBytes(length));
  const base: ExtentInput = { fek: hex(32), versionId: hex(16), ordinal: 0, salt: hex(16) };
  const pattern = toHex(toUtf8("Piccolo keeps it. "));
  const ofSize = (bytes: number): Pattern => ({ repeat: pattern, bytes });

  const sealed = (name: string, about: string, bytes: number, over: Partial<ExtentInput> = {}): ExtentInput => {
    const input = { ...base, salt: hex(16), ...over };
    const result = sealFor(input, ofSize(bytes));
    add(`seal-${name}`, "E21", about, {
      operation: "seal-extent",
      input: { ...input, plain: ofSize(bytes) },
      expect: {
        sealedBytes: result.length,
        sealedSha256: sha256Hex(result),
        ...(result.length <= 64 ? { sealed: toHex(result) } : {}),
      },
    });
    add(`open-${name}`, "E23", `${about} It opens.`, {
      operation: "open-extent",
      input: { ...input, plainBytes: bytes, sealed: [{ of: `seal-${name}`, from: 0, to: result.length }] },
      expect: { plain: ofSize(bytes) },
    });
    return input;
  };
  const empty = sealed("empty", "An empty file: one chunk of nothing but its tag.", 0);
  sealed("one-byte", "One byte.", 1, { ordinal: 1 });
  sealed("short", "A short extent, at the highest ordinal.", 40, { ordinal: 0xffff_ffff });
  sealed("almost-full", "One byte less than a chunk.", chunkPlainBytes - 1);
  const one = sealed("one-chunk", "Exactly one chunk, which is the last.", chunkPlainBytes);
  sealed("one-chunk-and-one", "A chunk and one byte.", chunkPlainBytes + 1);
  sealed("two-chunks", "Two full chunks, no empty one after them.", 2 * chunkPlainBytes);
  const bytes = 3 * chunkPlainBytes + 1000;
  const long = sealed("long", "Three full chunks and a short one.", bytes, { ordinal: 3 });
  const sameFile = sealed("long-next", "The next extent of the same version.", bytes, { ordinal: 4 });
  const sameKey = sealed("long-again", "The same extent sealed again: another salt.", bytes, { ordinal: 3 });
  const otherVersion = sealed("long-version", "The same content in another version.", bytes, {
    ordinal: 3,
    versionId: hex(16),
  });

  const end = sealedLength(bytes);
  const cut = (name: string, from: number, to: number): SealedPart => ({ of: `seal-${name}`, from, to });
  const chunk = (index: number, name = "long"): SealedPart =>
    cut(name, index * chunkSealedBytes, Math.min(end, (index + 1) * chunkSealedBytes));
  const refuse = (
    name: string,
    about: string,
    parts: readonly SealedPart[],
    over: Partial<ExtentInput & { plainBytes: number }> = {},
  ): void =>
    add(`refuse-${name}`, "E23", about, {
      operation: "open-extent",
      input: { ...long, plainBytes: bytes, sealed: parts, ...over },
      expect: { fault: "damaged-content" },
    });
  refuse("cut-last-byte", "The last byte is missing.", [cut("long", 0, end - 1)]);
  refuse("cut-last-chunk", "The last chunk is missing.", [cut("long", 0, 3 * chunkSealedBytes)]);
  refuse(
    "cut-at-boundary",
    "The last chunk is missing and the length agrees.",
    [cut("long", 0, 3 * chunkSealedBytes)],
    {
      plainBytes: 3 * chunkPlainBytes,
    },
  );
  refuse("cut-within-chunk", "Bytes of the last chunk are missing and the length agrees.", [cut("long", 0, end - 1)], {
    plainBytes: bytes - 1,
  });
  refuse("cut-first-chunk", "The first chunk is missing and the length agrees.", [chunk(1), chunk(2), chunk(3)], {
    plainBytes: bytes - chunkPlainBytes,
  });
  refuse("nothing", "No bytes at all.", []);
  refuse("only-a-tag", "A first chunk cut to its last 16 bytes for an empty extent.", [cut("long", end - 16, end)], {
    plainBytes: 0,
  });
  refuse("added-byte", "One byte too many.", [cut("long", 0, end), { hex: "00" }]);
  refuse("added-byte-agreeing", "One byte too many and the length agrees.", [cut("long", 0, end), { hex: "00" }], {
    plainBytes: bytes + 1,
  });
  refuse(
    "added-chunk",
    "A chunk after the last one and the length agrees.",
    [...[0, 1, 2].map((index) => chunk(index)), chunk(0), chunk(3)],
    { plainBytes: bytes + chunkPlainBytes },
  );
  add("refuse-added-empty-chunk", "E23", "An empty last chunk after a full one.", {
    operation: "open-extent",
    input: {
      ...one,
      plainBytes: chunkPlainBytes,
      sealed: [cut("one-chunk", 0, chunkSealedBytes), { hex: "00".repeat(16) }],
    },
    expect: { fault: "damaged-content" },
  });
  refuse("swapped", "Two chunks changed places.", [chunk(1), chunk(0), chunk(2), chunk(3)]);
  refuse("repeated", "A chunk stands twice, another is missing.", [chunk(0), chunk(0), chunk(2), chunk(3)]);
  refuse("spliced-extent", "A chunk of the next extent.", [chunk(0), chunk(1, "long-next"), chunk(2), chunk(3)]);
  refuse("spliced-version", "A chunk of another version.", [chunk(0), chunk(1, "long-version"), chunk(2), chunk(3)]);
  refuse("spliced-salt", "A chunk of an earlier sealing.", [chunk(0), chunk(1, "long-again"), chunk(2), chunk(3)]);
  refuse("other-ordinal", "At the position of the next extent.", [cut("long", 0, end)], { ordinal: sameFile.ordinal });
  refuse("other-version", "As another version.", [cut("long", 0, end)], { versionId: otherVersion.versionId });
  refuse("other-salt", "Under another sealing's salt.", [cut("long", 0, end)], { salt: sameKey.salt });
  refuse("other-fek", "Under another file's key.", [cut("long", 0, end)], { fek: hex(32) });
  const longBytes = sealFor(long, ofSize(bytes));
  const flip = (name: string, about: string, at: number): void =>
    refuse(name, about, [
      cut("long", 0, at),
      { hex: toHex(Uint8Array.of((longBytes[at] ?? 0) ^ 1)) },
      cut("long", at + 1, end),
    ]);
  flip("changed-first", "One bit of the first byte is changed.", 0);
  flip("changed-tag", "One bit of the second chunk's tag is changed.", 2 * chunkSealedBytes - 1);
  flip("changed-last", "One bit of the last byte is changed.", end - 1);
  add("refuse-changed-empty", "E23", "The tag of an empty extent is changed.", {
    operation: "open-extent",
    input: { ...empty, plainBytes: 0, sealed: [{ hex: "00".repeat(16) }] },
    expect: { fault: "damaged-content" },
  });

  const plain = patternBytes(ofSize(bytes));
  for (const index of [2, 3]) {
    add(`chunk-${index === 3 ? "last" : "inner"}`, "E25", "One chunk is opened alone.", {
      operation: "open-chunk",
      input: { ...long, plainBytes: bytes, chunk: index, sealed: [chunk(index)] },
      expect: { plainSha256: sha256Hex(plain.subarray(index * chunkPlainBytes, (index + 1) * chunkPlainBytes)) },
    });
  }
  add("chunk-misplaced", "E25", "A chunk offered at another index.", {
    operation: "open-chunk",
    input: { ...long, plainBytes: bytes, chunk: 1, sealed: [chunk(2)] },
    expect: { fault: "damaged-content" },
  });
  add("chunk-inner-as-last", "E25", "An inner chunk taken for the last by a shorter length.", {
    operation: "open-chunk",
    input: { ...long, plainBytes: 3 * chunkPlainBytes, chunk: 2, sealed: [chunk(2)] },
    expect: { fault: "damaged-content" },
  });
  add("chunk-last-as-inner", "E25", "A last chunk taken for an inner one by a greater length.", {
    operation: "open-chunk",
    input: {
      ...one,
      plainBytes: chunkPlainBytes + 1,
      chunk: 0,
      sealed: [cut("one-chunk", 0, chunkSealedBytes)],
    },
    expect: { fault: "damaged-content" },
  });
  return set;
}

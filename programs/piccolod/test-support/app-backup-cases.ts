/** The cases of docs/spec/app-backup.md, those that are refused first, and what the code answers to them. */
import { deflateRawSync } from "node:zlib";
import { ByteWriter, fromHex, toHex, toUtf8 } from "@piccolo/bytes";
import { chunkHash, unpackChunk } from "../src/apps/backup/chunks.ts";
import {
  type BackedUpVolume,
  type BackupDocument,
  decodeDocument,
  encodeDocument,
} from "../src/apps/backup/document.ts";

interface JsonChunk {
  readonly index: number;
  readonly hash: string;
  readonly version: string;
  readonly storedBytes: number;
}
interface JsonVolume {
  readonly name: string;
  readonly sizeBytes: number;
  readonly chunks: readonly JsonChunk[];
}

type Case =
  | {
      readonly operation: "encode-document";
      readonly input: { readonly facts: Omit<BackupDocument, "volumes">; readonly volumes: readonly JsonVolume[] };
    }
  | { readonly operation: "decode-document"; readonly input: { readonly bytes: string } }
  | {
      readonly operation: "unpack-chunk";
      readonly input: { readonly bytes: string; readonly length: number; readonly hash: string };
    };

export type AppBackupVector = Case & {
  readonly spec: "app-backup/1";
  readonly rule: string;
  readonly about: string;
  readonly expect: unknown;
};

function volumeOf({ name, sizeBytes, chunks }: JsonVolume): BackedUpVolume {
  return {
    name,
    sizeBytes,
    chunks: chunks.map(({ index, hash, version, storedBytes }) => ({
      index,
      hash: fromHex(hash),
      versionId: fromHex(version),
      storedBytes,
    })),
  };
}

function jsonOf({ name, sizeBytes, chunks }: BackedUpVolume): JsonVolume {
  return {
    name,
    sizeBytes,
    chunks: chunks.map(({ index, hash, versionId, storedBytes }) => ({
      index,
      hash: toHex(hash),
      version: toHex(versionId),
      storedBytes,
    })),
  };
}

export async function answerOf(vector: Case): Promise<unknown> {
  if (vector.operation === "encode-document") {
    const { facts, volumes } = vector.input;
    return { bytes: toHex(encodeDocument({ ...facts, volumes: volumes.map(volumeOf) })) };
  }
  if (vector.operation === "decode-document") {
    const { app, generation, secrets, volumes } = decodeDocument(fromHex(vector.input.bytes));
    const { catalog, publicPaths } = generation;
    const from = catalog === undefined ? {} : { catalog };
    const paths = publicPaths === undefined ? {} : { publicPaths };
    return { app, ...from, ...paths, secrets: Object.keys(secrets), volumes: volumes.map(jsonOf) };
  }
  const { bytes, length, hash } = vector.input;
  return { plain: toHex(await unpackChunk(fromHex(bytes), length, fromHex(hash))) };
}

const refused = { fault: "malformed" };
const chunk: JsonChunk = { index: 1, hash: "ab".repeat(32), version: "cd".repeat(16), storedBytes: 77 };
const data: JsonVolume = { name: "data", sizeBytes: 5_000_000, chunks: [chunk, { ...chunk, index: 2 }] };
const manifest = {
  id: "shelf",
  version: "1",
  name: { en: "Shelf" },
  services: [{ name: "web" }],
  volumes: [{ name: "data" }, { name: "more" }],
};
const facts = {
  app: "shelf",
  takenAtMs: 1_700_000_000_000,
  cause: "backup",
  generation: { manifest, grants: ["internet"], settings: { LANG: "de" } },
  secrets: { KEY: "a generated secret" },
  idStart: 1_073_741_824,
} as unknown as Omit<BackupDocument, "volumes">;

const encoded = (change: object = {}, volumes: readonly JsonVolume[] = [data]): string =>
  toHex(encodeDocument({ ...facts, ...change, volumes: volumes.map(volumeOf) }));

function withFacts(text: string): string {
  const label = toUtf8("piccolo app backup v1");
  return toHex(new ByteWriter().raw(label).sized(toUtf8(text)).u8(0).finish());
}

const one = encoded();
const otherManifest = (change: object): object => ({
  generation: { ...facts.generation, manifest: { ...manifest, ...change } },
});

const generationWith = (change: object): object => ({ generation: { ...facts.generation, ...change } });
const catalog = "ef".repeat(32);
const fewerPaths = { grants: ["public-paths"], publicPaths: ["/share/*", "/robots.txt"] };

const damaged: Readonly<Record<string, readonly [bytes: string, rule: string, about: string]>> = {
  empty: ["", "A5", "Nothing at all."],
  "other-label": [one.replace("7631", "7632"), "A5", "Another format."],
  cut: [one.slice(0, -2), "A5", "The last byte is missing."],
  "left-over": [`${one}00`, "A5", "A byte after the end."],
  "volume-twice": [encoded({}, [data, data]), "A5", "A volume stands there twice."],
  "volume-foreign": [encoded({}, [{ ...data, name: "other" }]), "A5", "A volume the manifest has not."],
  "volume-over-bound": [encoded({}, [{ ...data, sizeBytes: 2 ** 44 + 1 }]), "A5", "A volume over its bound."],
  "chunk-twice": [encoded({}, [{ ...data, chunks: [chunk, chunk] }]), "A5", "A chunk stands there twice."],
  "chunks-out-of-order": [
    encoded({}, [{ ...data, chunks: [{ ...chunk, index: 2 }, chunk] }]),
    "A5",
    "Chunks stand by rising index.",
  ],
  "chunk-behind-end": [encoded({}, [{ ...data, chunks: [{ ...chunk, index: 3 }] }]), "A5", "Behind the volume's end."],
  "chunk-of-nothing": [encoded({}, [{ ...data, chunks: [{ ...chunk, storedBytes: 0 }] }]), "A5", "Nothing is stored."],
  "chunk-over-bound": [
    encoded({}, [{ ...data, chunks: [{ ...chunk, storedBytes: 2_097_154 }] }]),
    "A5",
    "More is stored than a chunk can have.",
  ],
  "facts-no-json": [withFacts("{"), "A6", "The facts are no JSON."],
  "facts-a-list": [withFacts("[]"), "A6", "The facts are no object."],
  "no-app": [encoded({ app: "../../etc" }, []), "A6", "The app's name is none."],
  "other-app": [encoded({ app: "other" }, []), "A6", "The manifest is of another app."],
  "no-services": [encoded(otherManifest({ services: [] }), []), "A6", "A manifest without services."],
  "no-time": [encoded({ takenAtMs: "now" }, []), "A6", "The time is no number."],
  "negative-ids": [encoded({ idStart: -1 }, []), "A6", "Ids are no negative numbers."],
  "unknown-cause": [encoded({ cause: "accident" }, []), "A6", "It was made for no cause there is."],
  "unknown-grant": [
    encoded({ generation: { ...facts.generation, grants: ["everything"] } }, []),
    "A6",
    "A grant that is none.",
  ],
  "catalog-a-number": [encoded(generationWith({ catalog: 5 }), []), "A6", "A catalog's id is no number."],
  "catalog-empty": [encoded(generationWith({ catalog: "" }), []), "A6", "A catalog's id is not nothing."],
  "catalog-short": [encoded(generationWith({ catalog: catalog.slice(2) }), []), "A6", "An id that is too short."],
  "catalog-upper-case": [
    encoded(generationWith({ catalog: catalog.toUpperCase() }), []),
    "A6",
    "Digits are lower case.",
  ],
  "public-paths-a-text": [encoded(generationWith({ publicPaths: "/share/*" }), []), "A6", "Paths are a list."],
  "public-paths-of-numbers": [encoded(generationWith({ publicPaths: [5] }), []), "A6", "A path is a text."],
  "public-paths-null": [encoded(generationWith({ publicPaths: null }), []), "A6", "Paths are there, or are not."],
  "secret-a-number": [encoded({ secrets: { KEY: 5 } }, []), "A6", "A secret is no text."],
};

const plain = toUtf8("the words of a small chunk, the words of a small chunk");
const hash = toHex(chunkHash(plain));
const packed = { plain: `00${toHex(plain)}`, deflated: `01${deflateRawSync(plain).toString("hex")}` };

const damagedChunks: Readonly<Record<string, readonly [bytes: string, length: number, hash: string, about: string]>> = {
  "chunk-empty": ["", plain.length, hash, "Nothing is there."],
  "chunk-other-form": [`02${toHex(plain)}`, plain.length, hash, "A form that is none."],
  "chunk-shorter": [packed.plain.slice(0, -2), plain.length, hash, "A byte is missing."],
  "chunk-longer": [`${packed.plain}00`, plain.length, hash, "A byte is left over."],
  "chunk-other-hash": [packed.plain, plain.length, "00".repeat(32), "It is another chunk."],
  "chunk-inflates-too-far": [packed.deflated, plain.length - 1, hash, "It inflates to more than its length."],
  "chunk-no-deflate": [`01${"ff".repeat(8)}`, plain.length, hash, "It cannot be inflated."],
};

export async function appBackupCases(): Promise<Readonly<Record<string, AppBackupVector>>> {
  const cases: Record<string, AppBackupVector> = {};
  const spec = "app-backup/1" as const;
  for (const [name, [bytes, rule, about]] of Object.entries(damaged)) {
    cases[`document-${name}`] = { spec, rule, about, operation: "decode-document", input: { bytes }, expect: refused };
  }
  for (const [name, [bytes, length, of, about]] of Object.entries(damagedChunks)) {
    const input = { bytes, length, hash: of };
    cases[name] = { spec, rule: "A3", about, operation: "unpack-chunk", input, expect: refused };
  }
  const good: Readonly<Record<string, readonly [rule: string, about: string, one: Case]>> = {
    "chunk-plain": [
      "A3",
      "Bytes as they are.",
      { operation: "unpack-chunk", input: { bytes: packed.plain, length: plain.length, hash } },
    ],
    "chunk-deflated": [
      "A3",
      "Compressed bytes.",
      { operation: "unpack-chunk", input: { bytes: packed.deflated, length: plain.length, hash } },
    ],
    "document-written": [
      "A6",
      "Keys stand in their order.",
      { operation: "encode-document", input: { facts, volumes: [data, { ...data, name: "more", chunks: [] }] } },
    ],
    "document-read": ["A5", "A volume with two chunks.", { operation: "decode-document", input: { bytes: one } }],
    "document-from-catalog-written": [
      "A6",
      "Of an app from a catalog.",
      { operation: "encode-document", input: { facts: { ...facts, ...generationWith({ catalog }) }, volumes: [data] } },
    ],
    "document-from-catalog-read": [
      "A6",
      "Of an app from a catalog.",
      { operation: "decode-document", input: { bytes: encoded(generationWith({ catalog })) } },
    ],
    "document-public-paths-written": [
      "A6",
      "The owner agreed to fewer paths than the manifest's.",
      {
        operation: "encode-document",
        input: { facts: { ...facts, ...generationWith(fewerPaths) }, volumes: [data] },
      },
    ],
    "document-public-paths-read": [
      "A6",
      "The owner agreed to fewer paths than the manifest's.",
      { operation: "decode-document", input: { bytes: encoded(generationWith(fewerPaths)) } },
    ],
    "document-public-paths-none": [
      "A6",
      "The owner agreed to none of the paths.",
      { operation: "decode-document", input: { bytes: encoded(generationWith({ publicPaths: [] })) } },
    ],
    "document-unknown-keys": [
      "A6",
      "Keys of a later writer are passed over.",
      {
        operation: "decode-document",
        input: { bytes: encoded({ ...generationWith({ mood: "calm" }), weather: ["rain"] }) },
      },
    ],
    "document-without-data": [
      "A5",
      "An app without data.",
      { operation: "decode-document", input: { bytes: encoded({}, []) } },
    ],
  };
  for (const [name, [rule, about, given]] of Object.entries(good)) {
    cases[name] = { spec, rule, about, ...given, expect: await answerOf(given) };
  }
  return cases;
}

/** What a backup of an app says of it, as it is stored in the network (docs/spec/app-backup.md, 2). */
import { type AppManifest, type GrantKind } from "@piccolo/app-manifest";
import { ByteReader, ByteWriter, fromUtf8, malformed, toUtf8 } from "@piccolo/bytes";
import { versionIdBytes } from "@piccolo/envelope";
import type { Generation, KeptSnapshot } from "../plan-types.ts";
import { chunkBytes, chunkCount, chunkHashBytes } from "./chunks.ts";

const label = toUtf8("piccolo app backup v1");
const factsBytesMax = 4 * 1024 * 1024;
const volumesMax = 64;
export const volumeBytesMax = 2 ** 44;
/** Of all volumes together. */
export const chunksMax = 2 ** 18;
export const documentBytesMax = 20 * 1024 * 1024;

export interface BackedUpChunk {
  readonly index: number;
  /** Of its content. */
  readonly hash: Uint8Array;
  /** Where it is stored, and how long what is stored of it is. */
  readonly versionId: Uint8Array;
  readonly storedBytes: number;
}

export interface BackedUpVolume {
  readonly name: string;
  readonly sizeBytes: number;
  /** By rising index; what is not named holds zeros. */
  readonly chunks: readonly BackedUpChunk[];
}

export interface BackupDocument {
  readonly app: string;
  readonly takenAtMs: number;
  readonly cause: KeptSnapshot["cause"];
  /** Without its number, which is the record's it comes to. */
  readonly generation: Omit<Generation, "number">;
  /** Generated ones and passwords, by name. */
  readonly secrets: Readonly<Record<string, string>>;
  /** First of the ids that own the volumes' files. */
  readonly idStart: number;
  readonly volumes: readonly BackedUpVolume[];
}

type Facts = Omit<BackupDocument, "volumes">;

/** The same bytes for the same backup: keys stand in their order. */
export function encodeDocument({ volumes, ...facts }: BackupDocument): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter()
    .raw(label)
    .sized(toUtf8(JSON.stringify(facts, inOrder)))
    .u8(volumes.length);
  for (const { name, sizeBytes, chunks } of volumes) {
    writer.sized(toUtf8(name)).u64(sizeBytes).u32(chunks.length);
    for (const { index, hash, versionId, storedBytes } of chunks) {
      writer.u32(index).fixed(hash, chunkHashBytes).fixed(versionId, versionIdBytes).u32(storedBytes);
    }
  }
  return writer.finish();
}

function inOrder(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Throws `malformed`. */
export function decodeDocument(bytes: Uint8Array): BackupDocument {
  if (bytes.length > documentBytesMax) throw malformed("the document is over its bound");
  const reader = new ByteReader(bytes);
  if (reader.remaining < label.length || Buffer.compare(reader.fixed(label.length), label) !== 0) {
    throw malformed("this is no backup of an app, or a newer one");
  }
  const facts = readFacts(reader.sized(factsBytesMax));
  const count = reader.u8();
  if (count > volumesMax) throw malformed("the backup has too many volumes");
  const volumes: BackedUpVolume[] = [];
  let chunks = 0;
  for (let at = 0; at < count; at++) {
    const volume = readVolume(reader, chunksMax - chunks);
    if (volumes.some(({ name }) => name === volume.name)) throw malformed("the backup has a volume twice");
    if (!facts.generation.manifest.volumes.some(({ name }) => name === volume.name)) {
      throw malformed("the backup has a volume that its manifest has not");
    }
    chunks += volume.chunks.length;
    volumes.push(volume);
  }
  reader.end();
  return { ...facts, volumes };
}

function readVolume(reader: ByteReader, mostChunks: number): BackedUpVolume {
  const name = fromUtf8(reader.sized(64));
  const sizeBytes = reader.u64();
  if (sizeBytes > volumeBytesMax) throw malformed("a volume is over its bound");
  const count = reader.u32();
  if (count > mostChunks) throw malformed("the backup has too many chunks");
  const chunks: BackedUpChunk[] = [];
  for (let at = 0; at < count; at++) {
    const index = reader.u32();
    if (index <= (chunks.at(-1)?.index ?? -1)) throw malformed("chunks stand in their order, each once");
    if (index >= chunkCount(sizeBytes)) throw malformed("a chunk lies behind the end of its volume");
    const hash = reader.fixed(chunkHashBytes).slice();
    const versionId = reader.fixed(versionIdBytes).slice();
    const storedBytes = reader.u32();
    if (storedBytes < 1 || storedBytes > chunkBytes + 1) throw malformed("a chunk is longer than it can be");
    chunks.push({ index, hash, versionId, storedBytes });
  }
  return { name, sizeBytes, chunks };
}

const causes: readonly string[] = ["update", "configure", "rollback", "restore", "backup"];
const grantKinds: readonly string[] = ["internet", "public-paths"];

function readFacts(bytes: Uint8Array): Facts {
  const value = parseJson(fromUtf8(bytes));
  const { app, takenAtMs, cause, generation, secrets, idStart } = object(value, "the backup");
  const { manifest, grants, publicPaths, settings, catalog } = object(generation, "the generation");
  const { id, services, volumes } = object(manifest, "the manifest");
  if (typeof app !== "string" || !/^[a-z][a-z0-9-]{0,31}$/.test(app) || id !== app) {
    throw malformed("the backup is of no app, or of another one than its manifest");
  }
  if (!Array.isArray(services) || services.length === 0 || !Array.isArray(volumes)) {
    throw malformed("the manifest has no services");
  }
  if (!isWhole(takenAtMs) || !isWhole(idStart) || typeof cause !== "string" || !causes.includes(cause)) {
    throw malformed("the backup says neither when nor why it was made, or whose ids it has");
  }
  if (!Array.isArray(grants) || !grants.every((kind) => typeof kind === "string" && grantKinds.includes(kind))) {
    throw malformed("the backup has grants that are none");
  }
  if (publicPaths !== undefined && !(Array.isArray(publicPaths) && publicPaths.every(isText))) {
    throw malformed("the backup has paths for everybody that are none");
  }
  if (catalog !== undefined && (typeof catalog !== "string" || !/^[0-9a-f]{64}$/.test(catalog))) {
    throw malformed("the backup is from a catalog that is none");
  }
  return {
    app,
    takenAtMs,
    cause: cause as Facts["cause"],
    generation: {
      // Made by this program from a manifest that was checked, and authenticated since, like the device's own records.
      manifest: manifest as AppManifest,
      grants: grants as GrantKind[],
      ...(publicPaths === undefined ? {} : { publicPaths }),
      settings: texts(settings),
      ...(catalog === undefined ? {} : { catalog }),
    },
    secrets: texts(secrets),
    idStart,
  };
}

const isText = (value: unknown): value is string => typeof value === "string";

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw malformed("the backup's facts are no JSON", cause);
  }
}

function object(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw malformed(`${what} is no object`);
  return value as Readonly<Record<string, unknown>>;
}

function texts(value: unknown): Readonly<Record<string, string>> {
  const entries = Object.entries(object(value, "a list of texts"));
  if (!entries.every(([, text]) => typeof text === "string")) throw malformed("a text is none");
  return Object.fromEntries(entries) as Record<string, string>;
}

function isWhole(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

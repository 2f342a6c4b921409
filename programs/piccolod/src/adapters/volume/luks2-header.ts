/**
 * What a LUKS2 header says (LUKS2 On-Disk Format Specification 1.1.3): two copies of a binary part with its checksum and
 * a JSON part. Nothing of it is authentic: whoever has the disk can write another one.
 */
import { createHash, pbkdf2Sync } from "node:crypto";
import { equalConstantTime } from "@piccolo/bytes";
import { z } from "zod";

/** Sizes a volume of ours is made with: header twice, room for one key slot, then the data. */
export const luksMetadataBytes = 256 * 1024;
export const luksKeyslotsBytes = 512 * 1024;
export const luksHeaderBytes = 2 * luksMetadataBytes + luksKeyslotsBytes;
export const luksCipher = "aes-xts-plain64";
export const luksSectorBytes = 4096;
export const luksKeyBytes = 64;

/** Type of the token that holds a copy of the record outside. */
export const recordTokenType = "piccolo-record";

const binaryBytes = 4096;
const magics = ["4c554b53babe", "534b554cbabe"] as const;
/** Where the second copy may begin (section 2.1.1). */
const sizes = [16, 32, 64, 128, 256, 512, 1024, 2048, 4096].map((kibibytes) => kibibytes * 1024);
const checksumAt = 448;
const checksumBytes = 64;
/** What is derived blocks the process: these bound it to a few seconds on the slowest machine. */
const iterationsMax = 1_000_000;
const digestBytesMin = 20;
const digestBytesMax = 64;
const saltBytesMax = 64;

const Json = z.object({
  segments: z.record(z.string(), z.object({ type: z.string(), offset: z.string(), encryption: z.string().optional() })),
  digests: z.record(
    z.string(),
    z.object({
      type: z.string(),
      segments: z.array(z.string()),
      hash: z.string(),
      iterations: z.int().min(1).max(iterationsMax),
      salt: z.base64(),
      digest: z.base64(),
    }),
  ),
  tokens: z.record(z.string(), z.looseObject({ type: z.string() })),
});
type Json = z.infer<typeof Json>;

export interface LuksHeader {
  readonly sequence: bigint;
  readonly label: string;
  readonly uuid: string;
  readonly json: Json;
}

/** `none`: nothing at all lies there; `damaged`: something does, and no whole header of ours. */
export type FoundHeader = LuksHeader | "none" | "damaged";

/** `bytes` are the first `luksHeaderBytes` of the device, or as many as it has. */
export function inspectHeader(bytes: Uint8Array): FoundHeader {
  const copies = [0, ...sizes].flatMap((at) => parseCopy(bytes, at) ?? []);
  const newest = copies.toSorted((a, b) => (a.sequence < b.sequence ? 1 : -1))[0];
  if (newest !== undefined) return newest;
  return bytes.every((byte) => byte === 0) ? "none" : "damaged";
}

function parseCopy(bytes: Uint8Array, at: number): LuksHeader | undefined {
  const binary = bytes.subarray(at, at + binaryBytes);
  if (binary.length < binaryBytes) return undefined;
  const view = new DataView(binary.buffer, binary.byteOffset, binary.byteLength);
  if (binary.subarray(0, 6).toHex() !== magics[at === 0 ? 0 : 1] || view.getUint16(6) !== 2) return undefined;
  const size = Number(view.getBigUint64(8));
  if (!sizes.includes(size) || Number(view.getBigUint64(256)) !== at || at + size > bytes.length) return undefined;
  if (text(binary, 72, 32) !== "sha256") return undefined;
  const checked = new Uint8Array(bytes.subarray(at, at + size));
  const checksum = checked.slice(checksumAt, checksumAt + 32);
  checked.fill(0, checksumAt, checksumAt + checksumBytes);
  if (!equalConstantTime(createHash("sha256").update(checked).digest(), checksum)) return undefined;
  const json = parseJson(text(checked, binaryBytes, size - binaryBytes));
  if (json === undefined) return undefined;
  return { sequence: view.getBigUint64(16), label: text(binary, 24, 48), uuid: text(binary, 168, 40), json };
}

function text(bytes: Uint8Array, at: number, length: number): string {
  const field = bytes.subarray(at, at + length);
  const end = field.indexOf(0);
  return Buffer.from(end < 0 ? field : field.subarray(0, end)).toString("utf8");
}

function parseJson(content: string): Json | undefined {
  try {
    return Json.parse(JSON.parse(content));
  } catch {
    return undefined;
  }
}

/** Whether the header was made for this key of the data (64 bytes). */
export function fitsKey(header: LuksHeader, key: Uint8Array): boolean {
  const digest = Object.values(header.json.digests).find((each) => each.segments.includes("0"));
  if (digest?.type !== "pbkdf2" || digest.hash !== "sha256") return false;
  const expected = Uint8Array.fromBase64(digest.digest);
  const salt = Uint8Array.fromBase64(digest.salt);
  // Whoever wrote the header chose the sizes, and each 32 bytes of a digest cost all iterations again.
  if (expected.length < digestBytesMin || expected.length > digestBytesMax || salt.length > saltBytesMax) return false;
  return equalConstantTime(pbkdf2Sync(key, salt, digest.iterations, expected.length, "sha256"), expected);
}

/** The copy of the record outside that the header carries; as untrusted as the record outside itself. */
export function recordOf(header: LuksHeader): Uint8Array | undefined {
  const token = Object.values(header.json.tokens).find(({ type }) => type === recordTokenType);
  if (typeof token?.["record"] !== "string") return undefined;
  try {
    return Uint8Array.fromBase64(token["record"], { alphabet: "base64url" });
  } catch {
    return undefined;
  }
}

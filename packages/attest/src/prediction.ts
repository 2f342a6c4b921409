/** What a release says its boot will measure, signed with the release's metadata key. `docs/spec/measured-boot.md`, section 5. */
import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { concat, fromBase64Url, fromHex, fromUtf8, malformed, toBase64Url, toHex, toUtf8 } from "@piccolo/bytes";
import { authenticodeDigest, readSections } from "./pe.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { type MeasuredSection, sectionsOfImage } from "./system-image.ts";

const format = "piccolo boot prediction 1";
const purpose = "piccolo/measured-boot/v1/prediction";
const signedBytesMax = 65_536;
const listMax = 16;

export interface BootPrediction {
  readonly version: string;
  readonly number: number;
  /** SHA-256 Authenticode digests: the boot loader, then the system image. */
  readonly programs: readonly [loader: Uint8Array, image: Uint8Array];
  /** The kernel within the image, which firmware measures as a program of its own while Secure Boot is off. */
  readonly kernel: Uint8Array;
  readonly sections: readonly MeasuredSection[];
  /** Fingerprints of the keys the programs are signed with. */
  readonly signers: readonly string[];
  /** Values PCR 7 has with the sets of keys the release's installer enrols; empty where that is not known. */
  readonly pcr7: readonly Uint8Array[];
}

export interface ReleasedPrograms {
  readonly version: string;
  readonly number: number;
  readonly loader: Uint8Array;
  readonly image: Uint8Array;
  readonly signers: readonly string[];
  readonly pcr7?: readonly Uint8Array[];
}

/** Predicts from the files of a release. `malformed` where they are not a boot loader and a unified kernel image. */
export function predictBoot({ version, number, loader, image, signers, pcr7 = [] }: ReleasedPrograms): BootPrediction {
  const sections = sectionsOfImage(image);
  const kernel = readSections(image).get(".linux")?.content ?? new Uint8Array(0);
  return {
    version,
    number,
    programs: [authenticodeDigest(loader), authenticodeDigest(image)],
    kernel: authenticodeDigest(kernel),
    sections,
    signers,
    pcr7,
  };
}

export function encodePrediction(prediction: BootPrediction): Uint8Array {
  const { version, number, programs, kernel, sections, signers, pcr7 } = prediction;
  return toUtf8(
    JSON.stringify({
      format,
      version,
      number,
      programs: programs.map(toHex),
      kernel: toHex(kernel),
      sections: sections.map(({ name, digest }) => ({ name, sha256: toHex(digest) })),
      signers,
      pcr7: pcr7.map(toHex),
    }),
  );
}

type Json = Readonly<Record<string, unknown>>;

function asObject(value: unknown, keys: readonly string[], what: string): Json {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw malformed(`${what} is no object`);
  const found = Object.keys(value).sort().join();
  if (found !== [...keys].sort().join()) throw malformed(`${what} has not the fields it should have`);
  return value as Json;
}

function asList(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value) || value.length > listMax) throw malformed(`${what} is no list of at most ${listMax}`);
  return value;
}

function asDigest(value: unknown): Uint8Array {
  if (typeof value !== "string" || !/^[0-9a-f]{64}$/.test(value))
    throw malformed("a digest is no 64 hexadecimal digits");
  return fromHex(value);
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(fromUtf8(bytes)) as unknown;
  } catch (cause) {
    throw malformed("the prediction is no JSON", cause);
  }
}

export function decodePrediction(bytes: Uint8Array): BootPrediction {
  const fields = ["format", "version", "number", "programs", "kernel", "sections", "signers", "pcr7"];
  const json = asObject(parseJson(bytes), fields, "the prediction");
  if (json["format"] !== format) throw malformed("the prediction has another format");
  const { version, number } = json;
  if (typeof version !== "string" || !/^[0-9A-Za-z.+~-]{1,64}$/.test(version))
    throw malformed("the version is unreadable");
  if (typeof number !== "number" || !Number.isSafeInteger(number) || number < 1) throw malformed("the number is none");
  const [loader, image, ...more] = asList(json["programs"], "the programs").map(asDigest);
  if (loader === undefined || image === undefined || more.length > 0) throw malformed("a boot has two programs");
  const sections = asList(json["sections"], "the sections").map((entry) => {
    const { name, sha256 } = asObject(entry, ["name", "sha256"], "a section");
    if (typeof name !== "string" || !/^\.[a-z]{1,7}$/.test(name)) throw malformed("a section has no name");
    return { name, digest: asDigest(sha256) };
  });
  if (new Set(sections.map(({ name }) => name)).size !== sections.length) throw malformed("a section comes twice");
  return {
    version,
    number,
    programs: [loader, image],
    kernel: asDigest(json["kernel"]),
    sections,
    signers: asList(json["signers"], "the signers").map((signer) => toHex(asDigest(signer))),
    pcr7: asList(json["pcr7"], "the values of PCR 7").map(asDigest),
  };
}

/** What a signature of a prediction signs. */
export function predictionToSign(prediction: Uint8Array): Uint8Array {
  return concat(toUtf8(purpose), new Uint8Array(1), prediction);
}

export interface PredictionSignature {
  /** Ed25519. */
  readonly publicKey: KeyObject;
  readonly signature: Uint8Array;
}

/** The file beside a release's boot image: the prediction and its signatures; two while keys are replaced. */
export function encodeSignedPrediction(prediction: Uint8Array, signatures: readonly PredictionSignature[]): Uint8Array {
  return toUtf8(
    `${JSON.stringify({
      prediction: toBase64Url(prediction),
      signatures: signatures.map(({ publicKey, signature }) => ({
        key: toBase64Url(publicKey.export({ type: "spki", format: "der" })),
        signature: toBase64Url(signature),
      })),
    })}\n`,
  );
}

function publicKeyOf(der: Uint8Array): KeyObject {
  try {
    const key = createPublicKey({ key: Buffer.from(der), type: "spki", format: "der" });
    if (key.asymmetricKeyType === "ed25519") return key;
  } catch (cause) {
    throw malformed("a signature's key cannot be read", cause);
  }
  throw malformed("a signature's key is not of Ed25519");
}

/** The prediction, where one signature is good and of a trusted key (by fingerprint). `malformed` for everything else. */
export function openSignedPrediction(file: Uint8Array, trusted: readonly string[]): BootPrediction {
  if (file.length > signedBytesMax) throw malformed("the prediction is over its bound");
  const json = asObject(parseJson(file), ["prediction", "signatures"], "the signed prediction");
  const text = (value: unknown): Uint8Array => {
    if (typeof value !== "string") throw malformed("a field of the signed prediction is no text");
    return fromBase64Url(value);
  };
  const prediction = text(json["prediction"]);
  const isSigned = asList(json["signatures"], "the signatures").some((entry) => {
    const { key, signature } = asObject(entry, ["key", "signature"], "a signature");
    const publicKey = publicKeyOf(text(key));
    if (!trusted.includes(fingerprintOf(publicKey))) return false;
    return verify(null, predictionToSign(prediction), publicKey, text(signature));
  });
  if (!isSigned) throw malformed("no trusted key has signed the prediction");
  return decodePrediction(prediction);
}

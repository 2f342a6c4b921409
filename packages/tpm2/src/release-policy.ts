/**
 * What a release signs so that a TPM opens what is sealed for it: which boot, in which phase, for which use
 * (docs/spec/release-policy.md). The build computes and signs it, the device finds it beside its system image.
 */
import { createHash, createPublicKey, verify } from "node:crypto";
import {
  ByteWriter,
  equalConstantTime,
  fromBase64Url,
  fromHex,
  malformed,
  toBase64Url,
  toHex,
  toUtf8,
} from "@piccolo/bytes";
import { nvEntity, type NvPublic } from "./commands/nv.ts";
import { comparisons, digestBytes, nvAttributes } from "./constants.ts";
import { pointOf } from "./p256.ts";
import { pcrDigest } from "./pcr.ts";
import { approvalOf, emptyPolicy, type NvComparison, policyNv, policyPcr } from "./policy.ts";
import { type PublicArea, rsaVerificationKey, verificationKey } from "./public-area.ts";
import { ecdsaSignature, type TpmSignature } from "./signature.ts";

export const releaseUses = ["volume", "pepper"] as const;
export type ReleaseUse = (typeof releaseUses)[number];

/** How far the boot is: `sysinit` until piccolod is ready, `ready` from then on. */
export const releasePhases = ["sysinit", "ready"] as const;
export type ReleasePhase = (typeof releasePhases)[number];

/** The words that are measured into PCR 11 up to a phase, as systemd-measure(1) takes them. */
export const phasePaths: Readonly<Record<ReleasePhase, string>> = {
  sysinit: "enter-initrd:leave-initrd:sysinit",
  ready: "enter-initrd:leave-initrd:sysinit:ready",
};

/** The volume's key is there for the start alone; a password is checked at any time. */
const phasesOf: Readonly<Record<ReleaseUse, readonly ReleasePhase[]>> = {
  volume: ["sysinit"],
  pepper: ["sysinit", "ready"],
};

/** System image and phase; command line and credentials; system extensions. A clean start measures nothing into the others. */
export const releasePcrs: readonly number[] = [11, 12, 13];

/** The index of the minimum release, as policies name it (docs/spec/sealed-blob.md, B8). */
export const minimumReleaseIndex: NvPublic = {
  handle: 0x0180_9c01,
  attributes:
    nvAttributes.ownerWrite | nvAttributes.ownerRead | nvAttributes.authRead | nvAttributes.noDa | nvAttributes.written,
  authPolicy: new Uint8Array(0),
  sizeBytes: 8,
};

const member = "piccolo";
const format = 1;
const textBytesMax = 256 * 1024;
const listMax = 32;

/** Tells the TPM of which use an approval is, so that one for the pepper never opens the volume. */
export function useReference(use: ReleaseUse): Uint8Array {
  return toUtf8(`piccolo/${use}/v1`);
}

/** The condition that the minimum release is not above this one. */
export function notAboveRelease(release: number): NvComparison {
  return {
    operand: new ByteWriter().u64(release).finish(),
    offset: 0,
    comparison: comparisons.unsignedLessOrEqual,
  };
}

/** The policy that holds while PCR 11 has this value, 12 and 13 are zero, and the minimum release is not above. */
export function releasePolicy(release: number, pcr11: Uint8Array): Uint8Array<ArrayBuffer> {
  const zeros = new Uint8Array(digestBytes);
  const values = new Map(releasePcrs.map((pcr) => [pcr, pcr === 11 ? pcr11 : zeros]));
  const started = policyPcr(emptyPolicy, releasePcrs, pcrDigest(values));
  return policyNv(started, nvEntity(minimumReleaseIndex).name, notAboveRelease(release));
}

export interface PolicyToSign {
  readonly use: ReleaseUse;
  readonly phase: ReleasePhase;
  readonly policy: Uint8Array;
  /** What the release's PCR policy key signs (SHA-256; RSA with PKCS #1 v1.5, or ECDSA). */
  readonly message: Uint8Array;
}

export interface ReleaseBoot {
  readonly release: number;
  /** The value of PCR 11 in each phase. */
  readonly pcr11: Readonly<Record<ReleasePhase, Uint8Array>>;
}

/** All that a key has to sign for a release. */
export function policiesToSign({ release, pcr11 }: ReleaseBoot): readonly PolicyToSign[] {
  return releaseUses.flatMap((use) =>
    phasesOf[use].map((phase) => {
      const policy = releasePolicy(release, pcr11[phase]);
      return { use, phase, policy, message: approvalOf(policy, useReference(use)) };
    }),
  );
}

export interface SignedPolicy extends Omit<PolicyToSign, "message"> {
  /** The public key (SubjectPublicKeyInfo, DER). */
  readonly key: Uint8Array;
  /** As node:crypto gives it; ECDSA in the form of IEEE P1363. */
  readonly signature: Uint8Array;
}

export interface ReleasePolicies {
  readonly release: number;
  readonly policies: readonly SignedPolicy[];
}

/** SHA-256 of a public key's DER, lower-case hex. */
export function keyFingerprint(key: Uint8Array): string {
  return createHash("sha256").update(key).digest("hex");
}

/**
 * Puts the policies into the JSON of a system image's `.pcrsig` section, beside what systemd keeps there for itself
 * (it looks at members named like PCR banks only). `systemd` is that JSON, if there is one already.
 */
export function writeReleasePolicies({ release, policies }: ReleasePolicies, systemd = "{}"): string {
  const keys = new Map(policies.map(({ key }) => [keyFingerprint(key), toBase64Url(key)]));
  const ours = {
    format,
    release,
    keys: Object.fromEntries([...keys].toSorted(([a], [b]) => (a < b ? -1 : 1))),
    policies: policies.map(({ use, phase, key, policy, signature }) => ({
      use,
      phase,
      key: keyFingerprint(key),
      policy: toHex(policy),
      signature: toBase64Url(signature),
    })),
  };
  return JSON.stringify({ ...asObject(JSON.parse(systemd), "the signatures of systemd"), [member]: ours });
}

/** Throws `malformed`. Undefined where the system image carries no policies of ours. Nothing is verified yet. */
export function parseReleasePolicies(text: string): ReleasePolicies | undefined {
  if (text.length > textBytesMax) throw malformed("the signatures of the system image are too long");
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw malformed("the signatures of the system image are no JSON");
  }
  const found = asObject(json, "the signatures of the system image")[member];
  if (found === undefined) return undefined;
  const ours = asObject(found, "the release's policies");
  if (ours["format"] !== format) throw malformed("the release's policies are of another format");
  const release = ours["release"];
  if (!Number.isSafeInteger(release) || (release as number) < 1) throw malformed("the release's number is none");
  const keys = new Map(
    Object.entries(asObject(ours["keys"], "the keys")).map(([fingerprint, key]) => {
      const der = fromBase64Url(asText(key, "a key"));
      if (keyFingerprint(der) !== fingerprint) throw malformed("a key has another fingerprint");
      return [fingerprint, der];
    }),
  );
  const list = ours["policies"];
  if (!Array.isArray(list) || list.length > listMax || keys.size > listMax) throw malformed("the policies are no list");
  return { release: release as number, policies: list.map((each: unknown) => parsePolicy(each, keys)) };
}

function parsePolicy(value: unknown, keys: ReadonlyMap<string, Uint8Array>): SignedPolicy {
  const fields = asObject(value, "a policy");
  const use = releaseUses.find((each) => each === fields["use"]);
  const phase = releasePhases.find((each) => each === fields["phase"]);
  const key = keys.get(asText(fields["key"], "a policy's key"));
  if (use === undefined || phase === undefined || key === undefined) {
    throw malformed("a policy has an unknown use, phase or key");
  }
  const policy = fromHex(asText(fields["policy"], "a policy's digest"));
  if (policy.length !== digestBytes) throw malformed("a policy's digest has not 32 bytes");
  return { use, phase, key, policy, signature: fromBase64Url(asText(fields["signature"], "a policy's signature")) };
}

function asObject(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw malformed(`${what} are no object`);
  return value as Readonly<Record<string, unknown>>;
}

function asText(value: unknown, what: string): string {
  if (typeof value !== "string") throw malformed(`${what} is no text`);
  return value;
}

/** The key as an external object of the TPM. Throws `malformed` for one that is neither RSA nor ECDSA on P-256. */
export function policyKeyArea(key: Uint8Array): PublicArea {
  try {
    const publicKey = createPublicKey({ key: Buffer.from(key), format: "der", type: "spki" });
    if (publicKey.asymmetricKeyType === "ec") return verificationKey(pointOf(publicKey));
    const { kty, n = "", e } = publicKey.export({ format: "jwk" });
    if (kty === "RSA" && e === "AQAB") return rsaVerificationKey(fromBase64Url(n));
  } catch (cause) {
    throw malformed("the key of the release's policies is none", cause);
  }
  throw malformed("the key of the release's policies is of another kind");
}

/** The signature in the TPM's form. */
export function policySignature({ key, signature }: SignedPolicy): TpmSignature {
  return policyKeyArea(key).type === "ecc" ? ecdsaSignature(signature) : { scheme: "rsassa-sha256", signature };
}

/** Whether the policy was signed by the key it names, one a TPM can use; it need not be a key anybody trusts. */
export function isSignedPolicy({ key, use, policy, signature }: SignedPolicy): boolean {
  try {
    policyKeyArea(key);
    const publicKey = createPublicKey({ key: Buffer.from(key), format: "der", type: "spki" });
    const message = approvalOf(policy, useReference(use));
    return verify("sha256", message, { key: publicKey, dsaEncoding: "ieee-p1363" }, signature);
  } catch {
    return false;
  }
}

/** The policies that hold for this value of PCR 11, by whichever key. */
export function policiesFor({ release, policies }: ReleasePolicies, pcr11: Uint8Array): readonly SignedPolicy[] {
  const wanted = releasePolicy(release, pcr11);
  return policies.filter(({ policy }) => equalConstantTime(policy, wanted));
}

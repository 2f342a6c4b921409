/** Releases as a build makes them: keys, what a start of one measures, and what is signed of it. */
import { generateKeyPairSync, sign } from "node:crypto";
import { toUtf8 } from "@piccolo/bytes";
import {
  extended,
  keyFingerprint,
  parseReleasePolicies,
  pcrExtend,
  phasePaths,
  policiesToSign,
  type ReleasePhase,
  releasePhases,
  sha256,
  type SignedPolicy,
  writeReleasePolicies,
} from "@piccolo/tpm2";
import type { SignedBoots } from "../src/adapters/tpm/tpm2-chip.ts";
import type { TpmMachine } from "./tpm-machine.ts";

export interface PolicyKey {
  /** SubjectPublicKeyInfo, DER. */
  readonly key: Uint8Array;
  sign(message: Uint8Array): Uint8Array;
}

export function makePolicyKey(kind: "rsa" | "ec" = "rsa"): PolicyKey {
  const { privateKey, publicKey } =
    kind === "rsa"
      ? generateKeyPairSync("rsa", { modulusLength: 2048 })
      : generateKeyPairSync("ec", { namedCurve: "P-256" });
  return {
    key: new Uint8Array(publicKey.export({ format: "der", type: "spki" })),
    sign: (message) => new Uint8Array(sign("sha256", message, { key: privateKey, dsaEncoding: "ieee-p1363" })),
  };
}

/** What a release measures of itself into PCR 11 before the phases. */
const imageOf = (release: number): Uint8Array => sha256(toUtf8(`the system image of release ${release}`));

function measurements(release: number, phase: ReleasePhase): readonly Uint8Array[] {
  return [imageOf(release), ...phasePaths[phase].split(":").map((word) => sha256(toUtf8(word)))];
}

export function pcr11Of(release: number, phase: ReleasePhase): Uint8Array {
  return measurements(release, phase).reduce((value, digest) => extended(value, digest), new Uint8Array(32));
}

export function signRelease(release: number, keys: readonly PolicyKey[]): readonly SignedPolicy[] {
  const pcr11 = Object.fromEntries(releasePhases.map((phase) => [phase, pcr11Of(release, phase)])) as Record<
    ReleasePhase,
    Uint8Array
  >;
  return keys.flatMap((by) =>
    policiesToSign({ release, pcr11 }).map(({ message, ...policy }) => ({
      ...policy,
      key: by.key,
      signature: by.sign(message),
    })),
  );
}

/** What the device finds, after a way through the text in the system image. */
export function carried(release: number, trusted: PolicyKey, policies: readonly SignedPolicy[]): SignedBoots {
  const text = writeReleasePolicies({ release, policies }, '{"sha256":[]}');
  return { trustedKey: keyFingerprint(trusted.key), policies: parseReleasePolicies(text) };
}

export interface Start {
  readonly release: number;
  readonly phase?: ReleasePhase;
  readonly signed: SignedBoots;
  /** What else is measured, by PCR. */
  readonly measured?: readonly number[];
  /** What the firmware believes; another one, another PCR 7. */
  readonly firmware?: string;
  /** Which system runs, if not the one of the release. */
  readonly image?: number;
}

const usualFirmware = "our Secure Boot keys";

/** PCR 7 in a start with this firmware. */
export const pcr7Of = (firmware = usualFirmware): Uint8Array => extended(new Uint8Array(32), sha256(toUtf8(firmware)));

/** The firmware enforces our Secure Boot keys; another state of them is `measured: [7]`. */
export async function startRelease(machine: TpmMachine, start: Start): Promise<void> {
  const { release, phase = "sysinit", signed, measured = [], firmware = usualFirmware, image = release } = start;
  machine.signedBoots = signed;
  await machine.reboot(release);
  await machine.raw(async (tpm) => {
    await tpm.execute(pcrExtend(7, sha256(toUtf8(firmware))));
    for (const pcr of measured) await tpm.execute(pcrExtend(pcr, sha256(Uint8Array.of(pcr))));
    for (const digest of measurements(image, phase)) await tpm.execute(pcrExtend(11, digest));
  });
}

/** The boots recorded in vectors/boot-logs (docs/spec/measured-boot.md, section 6), as this program meets them. */
import { createPrivateKey, createPublicKey, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fingerprintOf, encodeSignedPrediction, parseEventLog, predictionToSign } from "@piccolo/attest";
import { concat, fromHex, toUtf8 } from "@piccolo/bytes";
import { pcrExtend, type Tpm } from "@piccolo/tpm2";
import { repositoryRoot } from "../../../tools/run-tests.ts";

export interface RecordedBoot {
  readonly log: Uint8Array;
  readonly pcrs: ReadonlyMap<number, Uint8Array>;
  readonly prediction: { readonly version: string; readonly number: number; readonly signers: readonly string[] };
}

export function recordedBoot(name: "secure-boot" | "secure-boot-off"): RecordedBoot {
  const path = join(repositoryRoot, "vectors/boot-logs", name);
  const { pcrs, prediction } = JSON.parse(readFileSync(`${path}.json`, "utf8")) as {
    readonly pcrs: Readonly<Record<string, string>>;
    readonly prediction: RecordedBoot["prediction"];
  };
  return {
    log: new Uint8Array(readFileSync(`${path}.bin`)),
    pcrs: new Map(Object.entries(pcrs).map(([pcr, value]) => [Number(pcr), fromHex(value)])),
    prediction,
  };
}

/** Measures into a chip what the firmware of the recorded boot measured. */
export async function measureAgain(tpm: Tpm, { log }: RecordedBoot): Promise<void> {
  for (const { pcr, digests } of parseEventLog(log).events) {
    await tpm.execute(pcrExtend(pcr, digests.get("sha256") ?? new Uint8Array(32)));
  }
}

/** A key for release metadata, always the same for a seed. */
export function metadataKey(seed: number): { readonly fingerprint: string; sign(prediction: object): Uint8Array } {
  const head = fromHex("302e020100300506032b657004220420");
  const der = concat(head, new Uint8Array(32).fill(seed));
  const key = createPrivateKey({ key: Buffer.from(der), format: "der", type: "pkcs8" });
  const publicKey = createPublicKey(key);
  return {
    fingerprint: fingerprintOf(publicKey),
    sign: (prediction) => {
      const bytes = toUtf8(JSON.stringify(prediction));
      return encodeSignedPrediction(bytes, [{ publicKey, signature: sign(null, predictionToSign(bytes), key) }]);
    },
  };
}

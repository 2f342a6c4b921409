/** `npm run release -- predict`: what a boot of a release will measure, signed, for the device to hold its boot against. */
import { createPublicKey } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { encodePrediction, encodeSignedPrediction, predictBoot, predictionToSign } from "@piccolo/attest";
import { UsageError } from "../config.ts";
import { releaseFaults } from "../faults.ts";
import { fingerprintOf, publicKeyOf } from "../keys/read-key.ts";
import { placesOf } from "../keys/roles.ts";
import { signBytes, signingKeyOf } from "../keys/signing-key.ts";
import { predictedPcr7, type ReleaseKeys } from "./enrolled.ts";

const usage = `npm run release -- predict --loader FILE --image FILE --release VERSION --number N --keys FOLDER... [--enrolled FOLDER...] --out FILE
  --loader FILE      the signed boot loader
  --image FILE       the signed system image
  --release VERSION  the release's version
  --number N         the release's number, from 1
  --keys FOLDER      the keys the release is signed with; twice while keys are replaced, the new ones first
  --enrolled FOLDER  keys that were replaced, whose lists the firmware of older devices still has
  --out FILE         where the signed prediction goes
`;

export interface Prediction extends ReleaseKeys {
  readonly version: string;
  readonly number: number;
  readonly loader: Uint8Array;
  readonly image: Uint8Array;
}

/** The signed prediction as it lies beside a release's boot image. */
export async function signedPrediction({ keySets, enrolled = [], ...released }: Prediction): Promise<Uint8Array> {
  // Those of sets that were replaced vouch for the boot loaders of older devices.
  const signers = [...keySets, ...enrolled].map((folder) => fingerprintOf(publicKeyOf(folder, "db")));
  const prediction = encodePrediction(
    predictBoot({ ...released, signers, pcr7: predictedPcr7(released, { keySets, enrolled }) }),
  );
  const signatures = await Promise.all(
    keySets.map(async (folder) => ({
      publicKey: createPublicKey(readFileSync(placesOf(folder, "metadata").publicHalf)),
      signature: await signBytes(signingKeyOf(folder, "metadata"), predictionToSign(prediction)),
    })),
  );
  return encodeSignedPrediction(prediction, signatures);
}

export async function run(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      loader: { type: "string" },
      image: { type: "string" },
      release: { type: "string" },
      number: { type: "string" },
      keys: { type: "string", multiple: true },
      enrolled: { type: "string", multiple: true, default: [] },
      out: { type: "string" },
    },
  });
  const { loader, image, release: version, keys, out } = values;
  const number = Number(values.number);
  if (loader === undefined || image === undefined || version === undefined || out === undefined || keys === undefined) {
    throw new UsageError(`predict lacks an option\n${usage}`);
  }
  if (!Number.isSafeInteger(number) || number < 1) throw new UsageError(`--number is a whole number from 1\n${usage}`);
  const read = (path: string): Uint8Array => {
    try {
      return readFileSync(resolve(path));
    } catch (cause) {
      throw releaseFaults.fault("input-missing", `${path} cannot be read`, { cause });
    }
  };
  const keySets = keys.map((folder) => resolve(folder));
  const enrolled = values.enrolled.map((folder) => resolve(folder));
  const programs = { loader: read(loader), image: read(image) };
  const signed = await signedPrediction({ version, number, ...programs, keySets, enrolled });
  writeFileSync(resolve(out), signed);
  return 0;
}

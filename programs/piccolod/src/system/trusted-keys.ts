/**
 * The keys production releases are signed with (docs/spec/release-keys.md, rules 8 and 9). They come from `production-keys.json` alone,
 * a part of the daemon, which the signed system image authenticates; no build option changes them. What was signed with any other key is
 * shown as untrusted, by whatever name it calls itself. There is no production release yet, and therefore no key.
 */
import { X509Certificate } from "node:crypto";
import { fingerprintOf } from "@piccolo/attest";
import { z } from "zod";
import productionKeys from "./production-keys.json" with { type: "json" };

/** Of the keys that show in what firmware and boot stub measure, by their role. */
export type TrustedKeys = Readonly<Record<"db" | "pcr", ReadonlySet<string>>>;

const fingerprint = z.string().regex(/^[0-9a-f]{64}$/);
const KeySet = z.strictObject({
  /** As in the `fingerprints.json` of the set; one that is for development has a member more. */
  fingerprints: z.strictObject({
    PK: fingerprint,
    KEK: fingerprint,
    db: fingerprint,
    pcr: fingerprint,
    ostree: fingerprint,
    metadata: fingerprint,
  }),
  /** The certificate of `db`, PEM. */
  db: z.string().max(16_384),
});
const KeySets = z.strictObject({ sets: z.array(KeySet).max(8) });

/** Stands in the subject of each certificate that is made to be thrown away. */
const development = /development|not to be trusted/i;

/**
 * Throws where a set is not whole, is for development, or shares a key between roles, or one with another set that is replaced as the others are:
 * `PK` and `KEK` stay in the firmware of a device, so that the sets of which one followed the other have the same (rule 10).
 */
export function readTrustedKeys(json: unknown): TrustedKeys {
  const { sets } = KeySets.parse(json);
  const firmwareKeys = new Set(sets.map(({ fingerprints: { PK, KEK } }) => `${PK} ${KEK}`));
  const all = [
    ...[...firmwareKeys].flatMap((keys) => keys.split(" ")),
    ...sets.flatMap(({ fingerprints: { PK: _PK, KEK: _KEK, ...replaced } }) => Object.values(replaced)),
  ];
  if (new Set(all).size !== all.length) throw new Error("a production key has two roles, or is in two sets");
  for (const { fingerprints, db } of sets) {
    const certificate = new X509Certificate(db);
    if (development.test(certificate.subject)) throw new Error("a key for development is no production key");
    if (fingerprintOf(certificate.publicKey) !== fingerprints.db) {
      throw new Error("the certificate of a production set is of another key");
    }
  }
  return {
    db: new Set(sets.map(({ fingerprints }) => fingerprints.db)),
    pcr: new Set(sets.map(({ fingerprints }) => fingerprints.pcr)),
  };
}

export const trustedKeys: TrustedKeys = readTrustedKeys(productionKeys);

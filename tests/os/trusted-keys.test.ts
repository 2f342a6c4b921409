import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { makeKeySet } from "@piccolo/release";
import { recordedBoot } from "../../programs/piccolod/test-support/recorded-boot.ts";
import { decideBootView } from "../../programs/piccolod/src/system/decide.ts";
import { readTrustedKeys, trustedKeys } from "../../programs/piccolod/src/system/trusted-keys.ts";

let folder: string;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), "piccolo-keys-"));
  await makeKeySet(join(folder, "development"), undefined);
});
after(() => rmSync(folder, { recursive: true }));

const roles = ["PK", "KEK", "db", "pcr", "ostree", "metadata"] as const;
type Prints = Record<(typeof roles)[number], string>;
const sha256 = (digit: number): string => digit.toString(16).repeat(64);

/** A certificate and the fingerprint of its key. */
function certificate(name: string): { readonly db: string; readonly print: string } {
  const [key, path] = [join(folder, "key.pem"), join(folder, "certificate.pem")];
  const subject = `/O=${name}/CN=Piccolo-OS db`;
  const request = [
    "req",
    "-new",
    "-x509",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
    "-nodes",
    "-days",
    "30",
  ];
  execFileSync("openssl", [...request, "-keyout", key, "-out", path, "-subj", subject], { stdio: "ignore" });
  const der = execFileSync("openssl", ["pkey", "-in", key, "-pubout", "-outform", "DER"]);
  const print = execFileSync("openssl", ["dgst", "-sha256", "-r"], { input: der }).toString().slice(0, 64);
  return { db: readFileSync(path, "utf8"), print };
}

function production(): { readonly fingerprints: Prints; readonly db: string } {
  const { db, print } = certificate("Piccolo");
  return {
    fingerprints: { PK: sha256(1), KEK: sha256(2), db: print, pcr: sha256(4), ostree: sha256(5), metadata: sha256(6) },
    db,
  };
}

/** A set that followed: it has other keys but for `PK` and `KEK`, and those that are named. */
function withOthers(keys: Partial<Prints> = {}): ReturnType<typeof production> {
  const { fingerprints, db } = production();
  const others = { pcr: sha256(7), ostree: sha256(8), metadata: sha256(9) };
  return { db, fingerprints: { ...fingerprints, ...others, ...keys } };
}

const measured = recordedBoot("secure-boot");
const trustWith = (db: string | undefined): string =>
  decideBootView({
    found: { firmware: "uefi", secureBoot: true, setupMode: false, log: measured.log, pcrKey: undefined },
    pcrs: measured.pcrs,
    release: undefined,
    predictions: [],
    trustedKeys: { db: new Set(db === undefined ? [] : [db]), pcr: new Set() },
    volume: undefined,
  }).keys.trust;

test("no production key exists yet, so that every release is shown as one for development", () => {
  assert.deepEqual([trustedKeys.db.size, trustedKeys.pcr.size], [0, 0]);
  assert.equal(trustWith(undefined), "development");
});

test("a set made for development is refused, with its mark, and where somebody took the mark off", () => {
  const made = JSON.parse(readFileSync(join(folder, "development/fingerprints.json"), "utf8")) as Record<
    string,
    unknown
  >;
  const db = readFileSync(join(folder, "development/secureboot/db.crt"), "utf8");
  assert.equal(made["development"], true);
  assert.throws(() => readTrustedKeys({ sets: [{ fingerprints: made, db }] }), /development/);
  delete made["development"];
  assert.throws(() => readTrustedKeys({ sets: [{ fingerprints: made, db }] }), /for development/);
});

test("a set that is not whole, shares a key, or has the certificate of another is refused", () => {
  const good = production();
  const { fingerprints } = good;
  const { PK: _PK, ...withoutPk } = fingerprints;
  for (const [why, sets] of Object.entries({
    "a role is missing": [{ ...good, fingerprints: withoutPk }],
    "no fingerprint": [{ ...good, fingerprints: { ...fingerprints, pcr: "AB".repeat(32) } }],
    "one key for two roles": [{ ...good, fingerprints: { ...fingerprints, pcr: fingerprints.ostree } }],
    "one key in two sets": [good, withOthers({ ostree: fingerprints.ostree })],
    "another's KEK": [good, withOthers({ PK: sha256(10) })],
    "another's KEK in another role": [good, withOthers({ PK: sha256(10), KEK: sha256(11), pcr: fingerprints.KEK })],
    "another certificate": [{ ...good, db: certificate("Piccolo").db }],
    "no certificate": [{ ...good, db: "" }],
    "more than a set has": [{ ...good, development: false }],
  })) {
    assert.throws(() => readTrustedKeys({ sets }), Error, why);
  }
  assert.throws(() => readTrustedKeys({}));
  assert.throws(() => readTrustedKeys({ sets: Array.from({ length: 9 }, () => good) }));
});

test("sets that followed each other have the same keys for the firmware, and are both trusted", () => {
  const [first, second] = [production(), withOthers()];
  const trusted = readTrustedKeys({ sets: [first, second] });
  assert.deepEqual([...trusted.db], [first.fingerprints.db, second.fingerprints.db]);
});

test("with a production set the mark is another one for its keys, and the same for all others", () => {
  const good = production();
  const trusted = readTrustedKeys({ sets: [good] });
  assert.deepEqual([[...trusted.db], [...trusted.pcr]], [[good.fingerprints.db], [good.fingerprints.pcr]]);
  const [signer] = measured.prediction.signers;
  assert.notEqual(trustWith(signer), "development");
  assert.equal(trustWith(good.fingerprints.db), "development");
});

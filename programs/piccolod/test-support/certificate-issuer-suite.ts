/** What every way to a public authority keeps. */
import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject, X509Certificate } from "node:crypto";
import { test } from "node:test";
import type { CertificateIssuer, Proof, ProofPlace } from "../src/http/certificates/certificate-issuer.ts";

export interface IssuerScene {
  readonly issuer: CertificateIssuer;
  /** Names the authority will look for proofs of. */
  readonly names: readonly [string, string];
  /** Where it looks. */
  readonly place: ProofPlace;
  /** What is shown at this moment. */
  readonly shown: () => readonly Proof[];
}

const certificatesOf = (chain: string): X509Certificate[] =>
  (chain.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []).map(
    (text) => new X509Certificate(text),
  );

export function certificateIssuerSuite(called: string, open: () => IssuerScene): void {
  const newKey = (): KeyObject => generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;

  test(`${called}: no name is certified that is none of the internet`, async () => {
    const { issuer, place, shown } = open();
    for (const names of [
      [],
      ["piccolo.local"],
      ["localhost"],
      ["*.example.org"],
      ["192.168.1.2"],
      ["a..org"],
      ["-a.org"],
      ["A b.org"],
    ]) {
      await assert.rejects(issuer.issue({ names, key: newKey() }, place), { code: "issuer-refused" }, names.join());
    }
    assert.deepEqual(shown(), []);
  });

  test(`${called}: who cannot show the proof gets no certificate, and nothing is left of the try`, async () => {
    const { issuer, names, place, shown } = open();
    const hidden: Proof[] = [];
    const blind: ProofPlace = {
      ...place,
      show: () => Promise.resolve(),
      hide: async (proof) => void hidden.push(proof),
    };
    await assert.rejects(issuer.issue({ names, key: newKey() }, blind), { code: "proof-refused" });
    assert.ok(hidden.length >= 1);
    await assert.rejects(issuer.issue({ names, key: newKey() }, { ...place, kinds: [] }), { code: "proof-refused" });
    const failing: ProofPlace = { ...place, show: () => Promise.reject(new Error("the record cannot be set")) };
    await assert.rejects(issuer.issue({ names, key: newKey() }, failing), { message: "the record cannot be set" });
    assert.deepEqual(shown(), []);
  });

  test(`${called}: a proof is shown while it is looked for, and never longer`, async () => {
    const { issuer, names, place, shown } = open();
    const seen: string[] = [];
    const watched: ProofPlace = {
      ...place,
      show: async (proof) => {
        await place.show(proof);
        seen.push(proof.name);
      },
    };
    await issuer.issue({ names, key: newKey() }, watched);
    assert.deepEqual(seen.toSorted(), names.toSorted());
    assert.deepEqual(shown(), []);
  });

  test(`${called}: the certificate is of the names and of the key, and good now`, async () => {
    const { issuer, names, place } = open();
    const key = newKey();
    const { chain, notBeforeMs, notAfterMs } = await issuer.issue({ names, key }, place);
    const [leaf, above] = certificatesOf(chain);
    assert.ok(leaf !== undefined && above !== undefined);
    assert.ok(leaf.checkPrivateKey(key));
    assert.ok(leaf.verify(above.publicKey));
    assert.deepEqual((leaf.subjectAltName ?? "").split(", ").toSorted(), names.map((name) => `DNS:${name}`).toSorted());
    const nowMs = Date.now();
    assert.ok(notBeforeMs <= nowMs && nowMs < notAfterMs);
    for (const [said, written] of [
      [notBeforeMs, leaf.validFrom],
      [notAfterMs, leaf.validTo],
    ] as const) {
      assert.ok(Math.abs(said - Date.parse(written)) <= 1_000, `${said} ${written}`);
    }
  });

  test(`${called}: who gives up hears no more of it`, async () => {
    const { issuer, names, place, shown } = open();
    const stop = new AbortController();
    const stopping: ProofPlace = {
      ...place,
      show: async (proof) => {
        await place.show(proof);
        stop.abort(new Error("the device stops"));
      },
    };
    await assert.rejects(issuer.issue({ names, key: newKey(), signal: stop.signal }, stopping), {
      message: "the device stops",
    });
    assert.deepEqual(shown(), []);
    await assert.rejects(issuer.issue({ names, key: newKey(), signal: stop.signal }, place), {
      message: "the device stops",
    });
  });
}

import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "@piccolo/fault";
import { decodePublic, decodeSignature } from "@piccolo/tpm2";
import { recordedBoot } from "../test-support/boot-logs.ts";
import { type Evidence, explainBoot, verifyEvidence } from "./index.ts";

const recorded = recordedBoot("secure-boot");
const key = decodePublic(recorded.key);
const evidence: Evidence = {
  attest: recorded.attest,
  signature: decodeSignature(recorded.signature),
  pcrs: recorded.pcrs,
  log: recorded.log,
};
const changed = (bytes: Uint8Array, at: number): Uint8Array => {
  const copy = new Uint8Array(bytes);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
};

function refuses(shown: Evidence, code: string, nonce = recorded.nonce): void {
  assert.throws(
    () => verifyEvidence(key, nonce, shown),
    (error) => isFault(error, code),
  );
}

test("a quote for another nonce, or one that was changed, is not believed", () => {
  refuses(evidence, "tpm-tampered", changed(recorded.nonce, 0));
  refuses({ ...evidence, attest: changed(recorded.attest, 100) }, "tpm-tampered");
  const other = recordedBoot("stub-252");
  refuses({ ...evidence, attest: other.attest, signature: decodeSignature(other.signature) }, "tpm-tampered");
});

test("values the chip does not vouch for are refused: one changed, one missing, one more", () => {
  const value = recorded.pcrs.get(7) ?? new Uint8Array(0);
  refuses({ ...evidence, pcrs: new Map([...recorded.pcrs, [7, changed(value, 3)]]) }, "quote-unexplained");
  refuses({ ...evidence, pcrs: new Map([...recorded.pcrs].filter(([pcr]) => pcr !== 12)) }, "quote-unexplained");
  refuses({ ...evidence, pcrs: new Map([...recorded.pcrs, [16, value]]) }, "quote-unexplained");
  refuses({ ...evidence, pcrs: new Map([...recorded.pcrs, [7, value.subarray(1)]]) }, "quote-unexplained");
});

test("the log of another boot is read, and told as one that does not fit", () => {
  const { boot } = verifyEvidence(key, recorded.nonce, { ...evidence, log: recordedBoot("secure-boot-off").log });
  const report = explainBoot(boot);
  assert.equal(report.verdict, "differs");
  assert.equal(report.pcrs.find(({ pcr }) => pcr === 7)?.finding, "unexpected");
});

test("evidence of a recorded boot is believed, and its log leads to what the chip vouches for", () => {
  for (const name of ["secure-boot", "secure-boot-off", "stub-252"] as const) {
    const { log, pcrs, attest, signature, nonce, key } = recordedBoot(name);
    const shown = { attest, signature: decodeSignature(signature), pcrs, log };
    const { boot, quote } = verifyEvidence(decodePublic(key), nonce, shown);
    assert.deepEqual(quote.pcrs, [...pcrs.keys()]);
    assert.ok(explainBoot(boot).pcrs.every(({ finding }) => finding !== "unexpected"));
  }
});

test("what a log tells of a PCR that the chip holds otherwise is marked as unconfirmed", () => {
  const values = new Map(recorded.pcrs);
  values.set(7, new Uint8Array(32));
  const report = explainBoot({ ...verifyEvidence(key, recorded.nonce, evidence).boot, pcrs: values });
  const steps = report.steps.filter(({ pcr }) => pcr === 7);
  assert.ok(steps.every(({ finding, detail }) => finding === "unexpected" && detail.includes("does not confirm")));
});

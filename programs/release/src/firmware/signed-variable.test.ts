import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { sign, X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { decodeSignatureLists, encodeSignatureLists } from "@piccolo/attest";
import { concat } from "@piccolo/bytes";
import { isFault } from "@piccolo/fault";
import { readVectors, testVectors } from "../../../../tools/vectors.ts";
import { answer, cases, type Vector } from "../../test-support/enrolment-cases.ts";
import { readCertificate, readPrivateKey } from "../keys/read-key.ts";
import { makeKeySet } from "../keys/keys.ts";
import { placesOf } from "../keys/roles.ts";
import { encodeDer, nameOfCertificate, readDer, tags } from "./der.ts";
import { encodeSignedVariable, openSignedVariable, variableToSign } from "./signed-variable.ts";

testVectors(readVectors<Vector>("firmware-enrolment"), answer, cases);

const owner = "a1c0b7d2-5d0e-4a53-9c0c-70696363006c";

test("DER that is cut, too long, or has another form than the one DER allows is malformed", () => {
  for (const hex of ["30", "3081", "30810130", "3080", "308200", "30820001ff", "3005ff", "30840000000100", "0201"]) {
    assert.throws(
      () => readDer(Buffer.from(hex, "hex")),
      (error) => isFault(error, "malformed"),
      hex,
    );
  }
  for (const length of [0, 1, 127, 128, 255, 256, 65_535, 65_536]) {
    const [element, more] = readDer(encodeDer(tags.bytes, new Uint8Array(length).fill(7)));
    assert.equal(element?.content.length, length);
    assert.equal(more, undefined);
  }
  assert.throws(
    () => nameOfCertificate(encodeDer(tags.sequence, encodeDer(tags.sequence))),
    (error) => isFault(error, "malformed"),
  );
});

test("OpenSSL finds the signature good, and bad after a change", async () => {
  const folder = mkdtempSync(join(tmpdir(), "enrolment-"));
  try {
    const keys = join(folder, "keys");
    await makeKeySet(keys, undefined);
    const signer = readCertificate(placesOf(keys, "KEK").publicHalf);
    const content = encodeSignatureLists(owner, [readCertificate(placesOf(keys, "db").publicHalf).raw]);
    const list = { name: "db" as const, epochS: 1_777_777_777, content };
    const message = variableToSign(list);
    const signature = sign("sha256", message, readPrivateKey(placesOf(keys, "KEK").privateKey));
    const file = encodeSignedVariable(list, signer.raw, signature);
    assert.deepEqual(openSignedVariable("db", file, signer), list);
    const signed = file.subarray(40, file.length - content.length);
    const wrapped = encodeDer(
      tags.sequence,
      encodeDer(tags.object, Buffer.from("2a864886f70d010702", "hex")),
      encodeDer(tags.context0, signed),
    );
    const [p7, of] = [join(folder, "p7"), join(folder, "of")];
    writeFileSync(p7, wrapped);
    const args = ["cms", "-verify", "-inform", "DER", "-in", p7, "-content", of, "-binary", "-CAfile"];
    const verify = (): Buffer =>
      execFileSync("openssl", [...args, placesOf(keys, "PK").publicHalf, "-noverify", "-out", "/dev/null"], {
        stdio: "pipe",
      });
    writeFileSync(of, message);
    verify();
    writeFileSync(of, concat(message, new Uint8Array(1)));
    assert.throws(verify);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("the lists are read back by what reads them from a boot's log", () => {
  const vector = cases()["list-of-two"];
  assert.ok(vector?.operation === "lists");
  const entries = decodeSignatureLists(Buffer.from(String(vector.expect), "hex"));
  assert.deepEqual(
    entries.map((entry) => [entry.kind, entry.owner]),
    [
      ["certificate", owner],
      ["certificate", owner],
    ],
  );
  for (const entry of entries) if (entry.kind === "certificate") assert.ok(new X509Certificate(entry.certificate).ca);
});

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { openSignedPrediction } from "@piccolo/attest";
import { toHex } from "@piccolo/bytes";
import { isFault } from "@piccolo/fault";
import { readVectors } from "../../../../tools/vectors.ts";
import { UsageError } from "../config.ts";
import { makeKeySet } from "../keys/keys.ts";
import { predictedPcr7 } from "./enrolled.ts";
import { run, signedPrediction } from "./predict.ts";

let folder: string;
before(() => void (folder = mkdtempSync(join(tmpdir(), "predict-"))));
after(() => rmSync(folder, { recursive: true, force: true }));

const image = Buffer.from(
  readVectors<{ readonly input: { readonly file: string } }>("measured-boot").get("image-program")?.input.file ?? "",
  "hex",
);

test("what is missing or no image is refused, and nothing is written", async () => {
  const [keys, loader, out] = [join(folder, "refused"), join(folder, "text"), join(folder, "refused.json")];
  await makeKeySet(keys, undefined);
  writeFileSync(loader, "no program");
  const args = ["--release", "1.0", "--number", "1", "--keys", keys, "--out", out];
  await assert.rejects(run(args), UsageError);
  await assert.rejects(run([...args, "--loader", loader, "--image", loader]), (error) => isFault(error, "malformed"));
  const absent = ["--loader", loader, "--image", join(folder, "absent")];
  await assert.rejects(run([...args, ...absent]), (error) => isFault(error, "input-missing"));
  assert.throws(() => readFileSync(out));
});

test("while keys are replaced a prediction is believed by devices of the old keys and of the new", async () => {
  const sets = [join(folder, "old"), join(folder, "new")];
  const fingerprints: string[] = [];
  for (const set of sets) fingerprints.push((await makeKeySet(set, undefined)).metadata);
  const [path, out] = [join(folder, "image.efi"), join(folder, "prediction.json")];
  writeFileSync(path, image);
  const keys = sets.flatMap((set) => ["--keys", set]);
  assert.equal(
    await run(["--loader", path, "--image", path, "--release", "1.2", "--number", "7", ...keys, "--out", out]),
    0,
  );
  for (const fingerprint of fingerprints) {
    const { version, number, signers } = openSignedPrediction(readFileSync(out), [fingerprint]);
    assert.deepEqual([version, number, signers.length], ["1.2", 7, 2]);
  }
  assert.throws(
    () => openSignedPrediction(readFileSync(out), ["00".repeat(32)]),
    (error) => isFault(error, "malformed"),
  );
});

/** A program with the signatures of these sets, one behind the other. */
function signedBy(...sets: readonly string[]): Uint8Array {
  const path = join(folder, "program.efi");
  writeFileSync(path, image);
  for (const set of sets) {
    const [key, certificate] = ["db.key", "db.crt"].map((name) => join(set, "secureboot", name));
    execFileSync("sbsign", ["--key", key ?? "", "--cert", certificate ?? "", "--output", path, path], {
      stdio: "pipe",
    });
  }
  return new Uint8Array(readFileSync(path));
}

test("PCR 7 is predicted for the installer's keys, and while keys are replaced for those that devices have", async () => {
  const [old, next] = [join(folder, "replaced"), join(folder, "next")];
  for (const set of [old, next]) await makeKeySet(set, undefined);
  const valuesOf = (program: Uint8Array, keySets: readonly string[], enrolled: readonly string[] = []): string[] =>
    predictedPcr7({ loader: program, image: program }, { keySets, enrolled }).map(toHex);
  const unsigned = new Uint8Array(image);
  assert.deepEqual(valuesOf(unsigned, [old]), [], "no firmware starts it");
  assert.deepEqual(valuesOf(signedBy(next), [old]), []);
  const a = valuesOf(signedBy(old), [old]);
  const b = valuesOf(signedBy(next, old), [next, old]);
  const c = valuesOf(signedBy(next), [next], [old]);
  assert.deepEqual([a.length, b.length, c.length, new Set(b).size], [1, 4, 3, 4]);
  assert.ok(b.includes(a[0] ?? ""), "B starts with the lists that A's devices have");
  assert.ok(
    c.every((value) => b.includes(value)),
    "C starts with what B's installer and B's change have left",
  );
  assert.deepEqual(valuesOf(signedBy(next), [next]), c.slice(0, 1));
});

test("what is predicted of PCR 7 is signed with the rest", async () => {
  const keys = join(folder, "signed");
  const { metadata } = await makeKeySet(keys, undefined);
  const program = signedBy(keys);
  const released = { version: "1.0", number: 1, loader: program, image: program, keySets: [keys] };
  const { pcr7 } = openSignedPrediction(await signedPrediction(released), [metadata]);
  assert.deepEqual(pcr7.map(toHex), predictedPcr7(released, released).map(toHex));
  assert.equal(pcr7.length, 1);
});

test("where keys are replaced again, PCR 7 is predicted for devices of each set there was", async () => {
  const [a, c, d] = [join(folder, "first"), join(folder, "second"), join(folder, "third")];
  await makeKeySet(a, undefined);
  await makeKeySet(c, undefined, a);
  await makeKeySet(d, undefined, c);
  const valuesOf = (sets: readonly string[], keySets: readonly string[], enrolled: readonly string[]): string[] => {
    const program = signedBy(...sets);
    return predictedPcr7({ loader: program, image: program }, { keySets, enrolled }).map(toHex);
  };
  const before = valuesOf([c], [c], [a]);
  const both = valuesOf([d, c], [d, c], [a]);
  const after = valuesOf([d], [d], [a, c]);
  assert.deepEqual([before.length, both.length, after.length], [3, 8, 5]);
  for (const values of [before, after]) assert.ok(values.every((value) => both.includes(value)));
});

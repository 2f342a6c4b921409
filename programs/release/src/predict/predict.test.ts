import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { openSignedPrediction } from "@piccolo/attest";
import { isFault } from "@piccolo/fault";
import { readVectors } from "../../../../tools/vectors.ts";
import { UsageError } from "../config.ts";
import { makeKeySet } from "../keys/keys.ts";
import { run } from "./predict.ts";

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

import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync, hash, type KeyObject, sign } from "node:crypto";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { isFault } from "@piccolo/fault";
import { refuseOverlay } from "../build/publish.ts";
import { billOfMaterials } from "../papers/bill-of-materials.ts";
import { commitSubject, sealProvenance, statementOf } from "../papers/provenance.ts";
import { checkPapers } from "./papers.ts";

const commit = "ab".repeat(32);
const { privateKey, publicKey } = generateKeyPairSync("ed25519");
const files = ["piccolo-1.efi", "BOOTX64.EFI", "disk.img"];

let folder: string;
let copies = 0;

async function seal(path: string, subjects: ReadonlyMap<string, string>, ...keys: readonly KeyObject[]): Promise<void> {
  const statement = statementOf({ version: "1.2.3", number: 1, epochS: 5, subjects, dependencies: [{ uri: "a" }] });
  const signers = (keys.length === 0 ? [privateKey] : keys).map((key) => ({
    publicKey: createPublicKey(key),
    sign: (message: Uint8Array) => Promise.resolve(new Uint8Array(sign(null, message, key))),
  }));
  writeFileSync(join(path, "provenance.intoto.json"), await sealProvenance(statement, signers));
}

const subjectsOf = (path: string, names: readonly string[], of = commit): Map<string, string> =>
  new Map([
    [commitSubject, of],
    ...names.map((name) => [name, hash("sha256", readFileSync(join(path, name)))] as const),
  ]);

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "release-"));
  const release = join(folder, "release");
  mkdirSync(join(release, "repository"), { recursive: true });
  for (const name of files) writeFileSync(join(release, name), `content of ${name}`);
  writeFileSync(
    join(release, "sbom.spdx.json"),
    billOfMaterials({
      version: "1.2.3",
      commit,
      epochS: 5,
      system: [],
      locked: { "node_modules/a": { version: "1" } },
    }),
  );
  await seal(release, subjectsOf(release, [...files, "sbom.spdx.json"]));
});

after(() => rmSync(folder, { recursive: true }));

/** A copy of the release, to be spoilt. */
function copy(): string {
  const path = join(folder, `copy-${++copies}`);
  cpSync(join(folder, "release"), path, { recursive: true });
  return path;
}

async function refuses(path: string, code: string, words: RegExp, key = publicKey): Promise<void> {
  await assert.rejects(checkPapers(path, key), (error) => isFault(error, code) && words.test(String(error)));
}

test("a folder that is no release is refused", () => refuses(folder, "input-missing", /release's folder/));

test("one changed byte in any file is refused, and the file is named", async () => {
  for (const name of [...files, "sbom.spdx.json"]) {
    const path = copy();
    const content = readFileSync(join(path, name));
    content[content.length >> 1] = (content[content.length >> 1] ?? 0) ^ 1;
    writeFileSync(join(path, name), content);
    await refuses(path, "release-unfit", new RegExp(name.replaceAll(".", "\\.")));
  }
});

test("one changed byte in the provenance is refused", async () => {
  const path = copy();
  const text = readFileSync(join(path, "provenance.intoto.json"), "utf8");
  const payload = Buffer.from((JSON.parse(text) as { payload: string }).payload, "base64").toString("utf8");
  const other = Buffer.from(payload.replace("1.2.3", "1.2.4")).toString("base64");
  writeFileSync(join(path, "provenance.intoto.json"), JSON.stringify({ ...JSON.parse(text), payload: other }));
  await refuses(path, "release-unfit", /not signed by the key/);
});

test("another's key, a file that is missing and one too many are refused", async () => {
  await refuses(copy(), "release-unfit", /not signed/, generateKeyPairSync("ed25519").publicKey);
  const less = copy();
  rmSync(join(less, "disk.img"));
  await refuses(less, "release-unfit", /disk\.img .* cannot be read/);
  const more = copy();
  writeFileSync(join(more, "extra"), "");
  await refuses(more, "release-unfit", /extra is not in the provenance/);
});

test("papers of different releases are refused", async () => {
  const other = copy();
  await seal(other, subjectsOf(other, [...files, "sbom.spdx.json"], "cd".repeat(32)));
  await refuses(other, "release-unfit", /another commit/);
  const none = copy();
  rmSync(join(none, "sbom.spdx.json"));
  await seal(none, subjectsOf(none, files));
  await refuses(none, "release-unfit", /no bill of materials/);
});

test("a whole release is good", async () => {
  const { number, version, commit: found } = await checkPapers(copy(), publicKey);
  assert.deepEqual({ number, version, found }, { number: 1, version: "1.2.3", found: commit });
});

test("while keys are replaced, a release is good by the old key and by the new, and by no other", async () => {
  const [next, path] = [generateKeyPairSync("ed25519"), copy()];
  await seal(path, subjectsOf(path, [...files, "sbom.spdx.json"]), next.privateKey, privateKey);
  for (const key of [publicKey, next.publicKey]) assert.equal((await checkPapers(path, key)).commit, commit);
  await refuses(path, "release-unfit", /not signed/, generateKeyPairSync("ed25519").publicKey);
});

const shown = (metadata: string): string =>
  `({${metadata}'piccolo.number': <uint64 1>, 'version': <'0.1.0'>}, [byte ], ...)`;
const listed = (path: string): string => `d00755 0 0      0 /usr/lib/piccolo\n-00755 0 0 120000 ${path}\n`;

test("a commit with a test's overlay is refused by what it says, and by what is in it", () => {
  const refusedWith = (metadata: string, path: string, words: RegExp): void =>
    assert.throws(
      () => refuseOverlay(shown(metadata), listed(path)),
      (error) => isFault(error, "overlay-in-release") && words.test(String(error)),
    );
  refusedWith("'piccolo.overlay': <'probe'>, ", "/usr/lib/piccolo/piccolod", /overlay probe/);
  refusedWith("'piccolo.overlay': <1>, ", "/usr/lib/piccolo/piccolod", /an overlay/);
  refusedWith("", "/usr/lib/piccolo/test-overlay", /test-overlay/);
  refusedWith("", "/usr/lib/piccolo/test-overlay/probe", /test-overlay/);
  refuseOverlay(shown(""), listed("/usr/lib/piccolo/test-overlays"));
});

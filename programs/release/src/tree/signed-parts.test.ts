import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test, type TestContext } from "node:test";
import { repositoryRoot } from "../config.ts";
import { keyListsOf } from "../firmware/key-lists.ts";
import { makeKeySet } from "../keys/keys.ts";
import { firmwareListsPath, installSignedParts, replacedKeysPath, updateKeysPath } from "./signed-parts.ts";

let folder: string;
let [old, next] = ["", ""];
before(async () => {
  folder = mkdtempSync(join(tmpdir(), "piccolo-signed-"));
  [old, next] = [join(folder, "old"), join(folder, "next")];
  await makeKeySet(old, undefined);
  await makeKeySet(next, undefined, old);
  writeFileSync(join(folder, "busybox"), "a program");
});
after(() => rmSync(folder, { recursive: true }));

/** A tree that a builder with this mask for new files makes. */
function install(
  context: TestContext,
  {
    mask = 0o022,
    signers = [old] as readonly string[],
    firmwareLists = new Map() as ReadonlyMap<string, Uint8Array>,
  } = {},
): string {
  const tree = mkdtempSync(join(folder, "tree-"));
  const former = process.umask(mask);
  context.after(() => process.umask(former));
  mkdirSync(join(tree, "usr/lib/piccolo"), { recursive: true });
  installSignedParts({
    tree,
    catalog: join(repositoryRoot, "catalog"),
    busybox: join(folder, "busybox"),
    architecture: "amd64",
    keys: signers[0] ?? "",
    number: 7,
    epochS: 1_700_000_000,
    replaced: signers.slice(1),
    signers,
    firmwareLists,
  });
  process.umask(former);
  return join(tree);
}

test("what is written has the same modes whoever builds", async (context) => {
  const firmwareLists = await keyListsOf({ keys: next, former: old, enrolled: [], epochS: 1_700_000_000 });
  for (const mask of [0o002, 0o022, 0o000]) {
    const tree = install(context, { mask, signers: [next, old], firmwareLists });
    const product = join(tree, "usr/lib/piccolo");
    const modes = readdirSync(product, { recursive: true, encoding: "utf8" }).map((name) => {
      const found = lstatSync(join(product, name));
      return [found.isDirectory() ? "folder" : "file", (found.mode & 0o7777).toString(8)].join(" ");
    });
    assert.deepEqual([...new Set(modes)].toSorted(), ["file 644", "folder 755"], `umask ${mask.toString(8)}`);
  }
});

test("the image has the keys by which later releases are believed, while keys are replaced both", (context) => {
  const fingerprintsIn = (path: string): readonly string[] => {
    const home = mkdtempSync(join(tmpdir(), "g-"));
    try {
      const args = ["--homedir", home, "--batch", "--with-colons", "--show-keys", path];
      const shown = execFileSync("gpg", args, { stdio: ["ignore", "pipe", "ignore"] }).toString();
      return [...shown.matchAll(/^fpr:+([0-9A-F]{40}):/gm)].map(([, print = ""]) => print);
    } finally {
      rmSync(home, { recursive: true, force: true });
    }
  };
  const [ofOld, ofNext] = [old, next].map((keys) => fingerprintsIn(join(keys, "ostree/updates.gpg")));
  assert.deepEqual(fingerprintsIn(join(install(context), updateKeysPath)), ofOld);
  const both = install(context, { signers: [next, old] });
  assert.deepEqual(fingerprintsIn(join(both, updateKeysPath)), [ofNext, ofOld].flat());
});

test("the image names the keys of sets that were replaced, by which the boot loader of an older device is signed", (context) => {
  const replacedIn = (tree: string): unknown => JSON.parse(readFileSync(join(tree, replacedKeysPath), "utf8"));
  const { db } = JSON.parse(readFileSync(join(old, "fingerprints.json"), "utf8")) as { readonly db: string };
  assert.deepEqual(replacedIn(install(context)), []);
  assert.deepEqual(replacedIn(install(context, { signers: [next, old] })), [db]);
});

test("while keys are replaced, there is a list for the firmware of each device there may be", async (context) => {
  assert.ok(!existsSync(join(install(context), firmwareListsPath)));
  const third = join(folder, "third");
  await makeKeySet(third, undefined, next);
  const lists = await keyListsOf({ keys: third, former: next, enrolled: [old], epochS: 1_700_000_000 });
  const tree = install(context, { signers: [third, next], firmwareLists: lists });
  assert.deepEqual(readdirSync(join(tree, firmwareListsPath)).toSorted(), ["db-3.auth", "db.auth"]);
  const listed = (name: string): number => {
    const bytes = readFileSync(join(tree, firmwareListsPath, name));
    const certificate = (keys: string): Buffer =>
      Buffer.from(readFileSync(join(keys, "secureboot/db.crt"), "utf8").replaceAll(/-----.*-----|\s/g, ""), "base64");
    return [old, next, third].filter((keys) => bytes.includes(certificate(keys))).length;
  };
  assert.deepEqual([listed("db.auth"), listed("db-3.auth")], [2, 3]);
});

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createPublicKey, generateKeyPairSync, type KeyObject, verify, X509Certificate } from "node:crypto";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { isFault } from "@piccolo/fault";
import { UsageError } from "../config.ts";
import { SoftwareToken } from "../../test-support/software-token.ts";
import { makeKeySet, run } from "./keys.ts";
import { placesOf, roles } from "./roles.ts";
import { checkSuccession } from "./successions.ts";
import { parseTokenUri, signBytes, signingKeyOf } from "./signing-key.ts";

let folder: string;
let made: string;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "keys-"));
  made = join(folder, "made");
  await makeKeySet(made, undefined);
});

after(() => rmSync(folder, { recursive: true, force: true }));

let copies = 0;
/** A copy of the made set, to be spoilt. */
function copy(): string {
  const path = join(folder, `copy-${++copies}`);
  cpSync(made, path, { recursive: true });
  return path;
}

const nextOut = (): string => join(folder, `out-${++copies}`);

async function refuses(given: string, code: string): Promise<string> {
  const out = nextOut();
  let message = "";
  await assert.rejects(makeKeySet(out, given), (error) => {
    message = String(error);
    return isFault(error, code);
  });
  assert.ok(!existsSync(out), "nothing is left of a refused set");
  return message;
}

const pem = (key: KeyObject): string | Buffer =>
  key.export({ type: key.type === "private" ? "pkcs8" : "spki", format: "pem" });

test("a key is never written over", async () => {
  await assert.rejects(makeKeySet(made, undefined), (error) => isFault(error, "output-exists"));
});

test("the bare command makes a set in a folder of its own, once", async (context) => {
  const [place, before] = [mkdtempSync(join(folder, "bare-")), process.cwd()];
  context.after(() => process.chdir(before));
  process.chdir(place);
  assert.equal(await run([]), 0);
  assert.ok(existsSync(join(place, "keys/fingerprints.json")));
  await assert.rejects(run([]), (error) => isFault(error, "output-exists"));
});

test("a given set that lacks a key, or one half of it, is refused and the file is named", async () => {
  for (const missing of ["secureboot/db.key", "secureboot/KEK.crt", "pcr/policy.pub", "metadata/ed25519.pem"]) {
    const given = copy();
    rmSync(join(given, missing));
    assert.match(await refuses(given, "key-missing"), new RegExp(missing.replaceAll(".", "\\.")));
  }
  const given = copy();
  rmSync(join(given, "ostree"), { recursive: true });
  await refuses(given, "key-missing");
});

test("a private key that does not belong to its public half is refused", async () => {
  const given = copy();
  writeFileSync(join(given, "secureboot/db.key"), readFileSync(join(given, "secureboot/KEK.key")));
  assert.match(await refuses(given, "key-unfit"), /db does not belong/);
});

test("two roles with one key are refused", async () => {
  const given = copy();
  for (const half of ["key", "crt"])
    cpSync(join(given, `secureboot/KEK.${half}`), join(given, `secureboot/db.${half}`));
  await refuses(given, "keys-not-separate");
});

test("keys of another kind or size than their role needs are refused", async () => {
  const sets: [string, string, { privateKey: KeyObject; publicKey: KeyObject }][] = [
    ["pcr/policy.key", "pcr/policy.pub", generateKeyPairSync("rsa", { modulusLength: 3_072 })],
    ["pcr/policy.key", "pcr/policy.pub", generateKeyPairSync("ec", { namedCurve: "prime256v1" })],
    ["pcr/policy.key", "pcr/policy.pub", generateKeyPairSync("rsa", { modulusLength: 2_048, publicExponent: 3 })],
    ["metadata/ed25519.pem", "metadata/ed25519.pub", generateKeyPairSync("rsa", { modulusLength: 2_048 })],
  ];
  for (const [privatePath, publicPath, { privateKey, publicKey }] of sets) {
    const given = copy();
    writeFileSync(join(given, privatePath), pem(privateKey));
    writeFileSync(join(given, publicPath), pem(publicKey));
    await refuses(given, "key-unfit");
  }
});

test("what is no key is refused without a word of its content", async () => {
  const given = copy();
  writeFileSync(join(given, "metadata/ed25519.pem"), "canary-of-the-content");
  assert.doesNotMatch(await refuses(given, "key-unfit"), /canary/);
  const encrypted = copy();
  const { privateKey } = generateKeyPairSync("ed25519");
  writeFileSync(
    join(encrypted, "metadata/ed25519.pem"),
    privateKey.export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "canary" }),
  );
  await refuses(encrypted, "key-unfit");
  const swapped = copy();
  cpSync(join(swapped, "pcr/policy.key"), join(swapped, "pcr/policy.pub"));
  await refuses(swapped, "key-unfit");
});

test("a token's URI must name a key and must not hold its PIN", () => {
  for (const uri of ["", "file:/key", "pkcs11:token=a", "pkcs11:object=a?pin-value=1234", "pkcs11:object=a b"]) {
    assert.throws(
      () => parseTokenUri(uri, "db.pkcs11"),
      (error) => isFault(error, "key-unfit") && !String(error).includes("1234"),
    );
  }
  assert.equal(parseTokenUri("pkcs11:object=a?pin-source=file:/pin\n", "db.pkcs11").slice(0, 15), "pkcs11:object=a");
});

test("a made set is whole, its own, fit for its roles, and marked as not to be trusted", async () => {
  const other = nextOut();
  const [first, second] = [
    JSON.parse(readFileSync(join(made, "fingerprints.json"), "utf8")),
    await makeKeySet(other, undefined),
  ];
  assert.equal(first.development, true);
  const all = roles.flatMap((role) => [first[role], second[role]]);
  assert.equal(new Set(all).size, roles.length * 2);
  assert.ok(all.every((value) => /^[0-9a-f]{64}$/.test(value)));
  const certificate = new X509Certificate(readFileSync(join(made, "secureboot/db.crt")));
  assert.match(certificate.subject, /development \(not to be trusted\)/);
  for (const role of roles.filter((role) => role !== "ostree")) {
    assert.equal(statSync(placesOf(made, role).privateKey).mode & 0o077, 0, `${role} is for its owner's eyes`);
  }
  assert.equal(statSync(join(made, "ostree")).mode & 0o077, 0);
});

test("a set that replaces another keeps the firmware's own keys, and only such a one can follow it", async () => {
  const [next, foreign, printed] = [
    nextOut(),
    nextOut(),
    JSON.parse(readFileSync(join(made, "fingerprints.json"), "utf8")),
  ];
  assert.equal(await run(["--out", next, "--keep-firmware-keys", made]), 0);
  const kept = roles.filter(
    (role) => printed[role] === JSON.parse(readFileSync(join(next, "fingerprints.json"), "utf8"))[role],
  );
  assert.deepEqual(kept, ["PK", "KEK"]);
  const signature = await signBytes(signingKeyOf(next, "KEK"), Buffer.from("a list"));
  const certificate = new X509Certificate(readFileSync(join(made, "secureboot/KEK.crt")));
  assert.ok(verify("sha256", Buffer.from("a list"), certificate.publicKey, signature));
  checkSuccession(next, [made]);
  await makeKeySet(foreign, undefined);
  assert.throws(
    () => checkSuccession(foreign, [foreign, made]),
    (error) => isFault(error, "key-unfit") && /another PK .*--keep-firmware-keys/.test(error.message),
  );
  await assert.rejects(run(["--out", nextOut(), "--given", made, "--keep-firmware-keys", made]), UsageError);
});

test("the OSTree key signs as GnuPG expects it", () => {
  // A socket's path is short, and the folder of a test may not be.
  const home = mkdtempSync(join(tmpdir(), "g-"));
  cpSync(join(made, "ostree"), home, { recursive: true });
  const gpg = (...args: string[]): Buffer => execFileSync("gpg", ["--homedir", home, "--batch", "--quiet", ...args]);
  try {
    writeFileSync(join(home, "text"), "a commit");
    gpg("--output", join(home, "text.sig"), "--detach-sign", join(home, "text"));
    execFileSync(
      "gpgv",
      ["--quiet", "--keyring", join(made, "ostree/updates.gpg"), join(home, "text.sig"), join(home, "text")],
      {
        stdio: "pipe",
      },
    );
  } finally {
    execFileSync("gpgconf", ["--homedir", home, "--kill", "all"]);
    rmSync(home, { recursive: true, force: true });
  }
});

test("a given set is taken over as it is; made ones stay marked, others are not", async () => {
  const marked = await makeKeySet(nextOut(), made);
  assert.equal(marked.development, true);
  const given = copy();
  rmSync(join(given, "fingerprints.json"));
  const taken = await makeKeySet(nextOut(), given);
  assert.deepEqual({ ...taken, development: true }, marked);
  assert.ok(!("development" in taken));
});

test("keys on a token sign without ever leaving it", async () => {
  const given = copy();
  rmSync(join(given, "fingerprints.json"));
  const token = new SoftwareToken();
  for (const role of ["PK", "KEK", "db", "pcr"] as const) token.take(given, role);
  try {
    const out = nextOut();
    await makeKeySet(out, given);
    assert.ok(!existsSync(join(out, "secureboot/db.key")));
    const signature = await signBytes(signingKeyOf(out, "pcr"), Buffer.from("a policy"));
    const publicKey = createPublicKey(readFileSync(join(out, "pcr/policy.pub")));
    assert.ok(verify("sha256", Buffer.from("a policy"), publicKey, signature));
  } finally {
    token.close();
  }
});

/** Keys that are made to be thrown away: fresh on every call, and marked in what firmware measures and in their list. */
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { runTool } from "../tool.ts";
import { gnupgHomeOf, ostreePublicOf, placesOf, type SecureBootRole } from "./roles.ts";

const rsaBits = 2_048;
const validDays = 3_650;
/** Stands in each certificate, so that whoever looks at a machine's firmware sees what it trusts. */
const organization = "Piccolo-OS development (not to be trusted)";

function writePrivate(path: string, key: KeyObject): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(path, key.export({ type: "pkcs8", format: "pem" }), { mode: 0o600, flag: "wx" });
}

function writePublic(path: string, key: KeyObject): void {
  writeFileSync(path, key.export({ type: "spki", format: "pem" }), { mode: 0o644, flag: "wx" });
}

async function makeSecureBootKey(folder: string, role: SecureBootRole): Promise<void> {
  const { privateKey, publicHalf } = placesOf(folder, role);
  writePrivate(privateKey, generateKeyPairSync("rsa", { modulusLength: rsaBits }).privateKey);
  // The request's own settings, so that no configuration of this machine has a say in the certificate.
  const settings = join(folder, `${role}.cnf`);
  writeFileSync(
    settings,
    [
      "[req]",
      "distinguished_name = name",
      "x509_extensions = extensions",
      "prompt = no",
      "[name]",
      `O = ${organization}`,
      `CN = Piccolo-OS ${role}`,
      "[extensions]",
      "basicConstraints = critical, CA:TRUE",
      "subjectKeyIdentifier = hash",
    ].join("\n"),
  );
  const request = ["req", "-new", "-x509", "-sha256", "-config", settings, "-days", String(validDays)];
  await runTool("openssl", [...request, "-key", privateKey, "-out", publicHalf], { from: "openssl" });
  rmSync(settings);
}

async function makeOstreeKey(folder: string): Promise<void> {
  // GnuPG puts its agent's socket into the home, and a socket's path has 107 bytes at most: made here, then carried over.
  const home = mkdtempSync(join(tmpdir(), "gnupg-"));
  try {
    const gpg = ["--homedir", home, "--batch", "--quiet", "--no-tty"];
    const name = `${organization} <releases@piccolo.invalid>`;
    const make = [
      "--pinentry-mode",
      "loopback",
      "--passphrase",
      "",
      "--quick-generate-key",
      name,
      "ed25519",
      "sign",
      "0",
    ];
    await runTool("gpg", [...gpg, ...make], { from: "gpg" });
    const exported = await runTool("gpg", [...gpg, "--export"], { from: "gpg" });
    await runTool("gpgconf", ["--homedir", home, "--kill", "all"], { from: "gpg" });
    copyGnupgHome(home, gnupgHomeOf(folder));
    writeFileSync(ostreePublicOf(folder), exported, { mode: 0o644 });
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

/** A GnuPG home without the sockets and locks of what ran in it. */
export function copyGnupgHome(from: string, to: string): void {
  mkdirSync(to, { recursive: true, mode: 0o700 });
  chmodSync(to, 0o700);
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    if (entry.isSocket() || entry.name.endsWith(".lock") || entry.name.startsWith(".#")) continue;
    cpSync(join(from, entry.name), join(to, entry.name), { recursive: true, preserveTimestamps: true });
  }
}

/** Writes a set of new keys into an empty folder, whole but for the Secure Boot keys that are not named. */
export async function makeDevelopmentKeys(folder: string, secureBoot: readonly SecureBootRole[]): Promise<void> {
  for (const role of secureBoot) await makeSecureBootKey(folder, role);
  const pcr = generateKeyPairSync("rsa", { modulusLength: rsaBits });
  writePrivate(placesOf(folder, "pcr").privateKey, pcr.privateKey);
  writePublic(placesOf(folder, "pcr").publicHalf, pcr.publicKey);
  const metadata = generateKeyPairSync("ed25519");
  writePrivate(placesOf(folder, "metadata").privateKey, metadata.privateKey);
  writePublic(placesOf(folder, "metadata").publicHalf, metadata.publicKey);
  await makeOstreeKey(folder);
}

/** Keys a builder brings: taken as they are, after each was seen to sign what its public half verifies. */
import { type KeyObject, verify } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { releaseFaults } from "../faults.ts";
import { runTool } from "../tool.ts";
import { copyGnupgHome } from "./development.ts";
import { publicKeyOf } from "./read-key.ts";
import { fingerprintsOf, gnupgHomeOf, ostreePublicOf, placesOf, roles } from "./roles.ts";
import { signBytes, signingKeyOf, type SigningRole } from "./signing-key.ts";

const probe = Buffer.from("piccolo release key check");
/** Firmware knows no larger ones everywhere, and smaller ones no longer protect. */
const rsaBits = { least: 2_048, most: 4_096 };

function checkKind(role: SigningRole, key: KeyObject): void {
  const { asymmetricKeyType: kind, asymmetricKeyDetails: details } = key;
  if (role === "metadata") {
    if (kind !== "ed25519") throw releaseFaults.fault("key-unfit", "metadata needs an Ed25519 key");
    return;
  }
  const bits = details?.modulusLength ?? 0;
  // The chip checks PCR policies, and many know RSA keys of 2048 bits only.
  const most = role === "pcr" ? rsaBits.least : rsaBits.most;
  if (kind !== "rsa" || bits < rsaBits.least || bits > most || details?.publicExponent !== 65_537n) {
    const size = most === rsaBits.least ? `${most} bits` : `${rsaBits.least} to ${most} bits`;
    throw releaseFaults.fault("key-unfit", `${role} needs an RSA key of ${size} with exponent 65537`);
  }
}

/** Checks one key of a set where it lies. */
async function checkKey(folder: string, role: SigningRole): Promise<void> {
  const publicKey = publicKeyOf(folder, role);
  checkKind(role, publicKey);
  const key = signingKeyOf(folder, role);
  if (role === "metadata" && key.kind === "token") {
    throw releaseFaults.fault("key-unfit", "metadata needs its key in a file: tokens sign with RSA only");
  }
  const signature = await signBytes(key, probe);
  if (!verify(role === "metadata" ? null : "sha256", probe, publicKey, signature)) {
    const { publicHalf } = placesOf(folder, role);
    throw releaseFaults.fault("key-unfit", `the private key of ${role} does not belong to ${publicHalf}`);
  }
}

async function takeOstreeHome(given: string, folder: string): Promise<void> {
  const from = gnupgHomeOf(given);
  if (!existsSync(from)) throw releaseFaults.fault("key-missing", `${from}, a GnuPG home with one key, is missing`);
  const home = mkdtempSync(join(tmpdir(), "gnupg-"));
  const gpg = (...args: string[]): Promise<Buffer> =>
    runTool("gpg", ["--homedir", home, "--batch", "--quiet", "--no-tty", ...args], { from: "gpg" });
  try {
    copyGnupgHome(from, home);
    const listed = (await gpg("--list-secret-keys", "--with-colons")).toString();
    const secrets = listed.split("\n").filter((line) => line.startsWith("sec:")).length;
    if (secrets !== 1) throw releaseFaults.fault("key-unfit", `${from} has ${secrets} secret keys; it needs one`);
    const signed = join(home, "probe");
    writeFileSync(signed, probe);
    // A locked key would ask a person, whom a pipeline has not got.
    await gpg("--pinentry-mode", "error", "--output", `${signed}.sig`, "--detach-sign", signed);
    await gpg("--trust-model", "always", "--verify", `${signed}.sig`, signed);
    const fingerprint = /^sec:(?:[^\n]*\n)fpr:+([0-9A-F]{40}):/m.exec(listed)?.[1] ?? "";
    const exported = await gpg("--export", fingerprint);
    rmSync(signed);
    rmSync(`${signed}.sig`);
    await runTool("gpgconf", ["--homedir", home, "--kill", "all"], { from: "gpg" });
    copyGnupgHome(home, gnupgHomeOf(folder));
    writeFileSync(ostreePublicOf(folder), exported, { mode: 0o644 });
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

/** Copies one key of a given set. Throws `key-missing` or `key-unfit` for one that cannot sign. */
export async function takeGivenKey(given: string, folder: string, role: SigningRole): Promise<void> {
  await checkKey(given, role);
  const [from, to] = [placesOf(given, role), placesOf(folder, role)];
  mkdirSync(dirname(to.publicHalf), { recursive: true, mode: 0o700 });
  for (const half of ["privateKey", "token", "publicHalf"] as const) {
    if (!existsSync(from[half])) continue;
    copyFileSync(from[half], to[half]);
    chmodSync(to[half], half === "publicHalf" ? 0o644 : 0o600);
  }
}

/** Copies a given set into an empty folder. Throws `key-missing` or `key-unfit` for what cannot sign a release. */
export async function takeGivenKeys(given: string, folder: string): Promise<void> {
  for (const role of roles.filter((role): role is SigningRole => role !== "ostree")) {
    await takeGivenKey(given, folder, role);
  }
  await takeOstreeHome(given, folder);
}

/** Whether a folder says of itself that its keys are to be thrown away: giving them does not make them better. */
export function isDevelopmentSet(folder: string): boolean {
  const path = fingerprintsOf(folder);
  if (!existsSync(path)) return false;
  try {
    const said: unknown = JSON.parse(readFileSync(path, "utf8"));
    return typeof said === "object" && said !== null && "development" in said;
  } catch (cause) {
    throw releaseFaults.fault("key-unfit", `${path} is no list of fingerprints`, { cause });
  }
}

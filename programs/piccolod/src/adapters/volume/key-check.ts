import { createHmac, hkdfSync } from "node:crypto";
import { closeSync, existsSync, fsyncSync, openSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname } from "node:path";
import { equalConstantTime, toUtf8 } from "@piccolo/bytes";
import { volumeFaults, volumeKeyBytes } from "../../security/volume.ts";

/** One use of a volume's key; 32 bytes. */
export function deriveFromVolumeKey(key: Uint8Array, use: string): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", key, new Uint8Array(0), toUtf8(`piccolo/volume/v1/${use}`), volumeKeyBytes));
}

const tagBytes = 32;

function macOf(key: Uint8Array, config: Uint8Array): Uint8Array {
  return createHmac("sha256", deriveFromVolumeKey(key, "config")).update(config).digest();
}

/** Beside a volume lies what tells a wrong key from a changed configuration; neither helps to find the key. */
export function writeKeyCheck(path: string, key: Uint8Array, config: Uint8Array): void {
  writeFileSync(path, Buffer.concat([deriveFromVolumeKey(key, "check"), macOf(key, config)]), { mode: 0o600 });
  fsyncPath(path);
}

/** Throws `volume-wrong-key`, `volume-damaged`. */
export function verifyKeyCheck(path: string, key: Uint8Array, config: Uint8Array): void {
  let check: Uint8Array;
  try {
    check = readFileSync(path);
  } catch (cause) {
    throw volumeFaults.fault("volume-damaged", `${path} cannot be read: the volume is damaged`, { cause });
  }
  if (check.length !== volumeKeyBytes + tagBytes) {
    throw volumeFaults.fault("volume-damaged", `${path} is damaged: the volume cannot be opened safely`);
  }
  if (!equalConstantTime(check.subarray(0, volumeKeyBytes), deriveFromVolumeKey(key, "check"))) {
    throw volumeFaults.fault("volume-wrong-key", "the key is another volume's");
  }
  if (!equalConstantTime(check.subarray(volumeKeyBytes), macOf(key, config))) {
    throw volumeFaults.fault("volume-damaged", "the volume's configuration was changed from outside: it stays closed");
  }
}

/** A file or a folder's list of names. */
export function fsyncPath(path: string): void {
  const handle = openSync(path, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** Whether somebody put a link in a place of the volume's, which would lead it elsewhere. */
export function isLink(path: string): boolean {
  const folder = dirname(path);
  if (!existsSync(folder)) return false;
  // The folder tells: whoever asks a mount itself waits for a server that may hang.
  const entry = readdirSync(folder, { withFileTypes: true }).find(({ name }) => name === basename(path));
  return entry?.isSymbolicLink() === true;
}

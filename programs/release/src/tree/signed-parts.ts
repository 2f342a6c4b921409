/**
 * What a release's tree has that hangs on its keys: its own apps under its signature, the keys whose signature makes a later release one of
 * ours, and while keys are replaced, what the device tells the firmware (docs/spec/release-keys.md, rules 11, 14 and 15).
 */
import { chmodSync, lchownSync, lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fingerprintOf, publicKeyOf } from "../keys/read-key.ts";
import { ostreePublicOf } from "../keys/roles.ts";
import { installOwnApps, type OwnApps } from "./own-apps.ts";

const productPath = "usr/lib/piccolo";
/** Exported OpenPGP keys, one behind the other, as `ostree remote add --gpg-import` takes them. */
export const updateKeysPath = `${productPath}/updates.gpg`;
export const firmwareListsPath = `${productPath}/firmware`;
/** Fingerprints of the `db` keys that sign no release any more, and the boot loaders of older devices still. */
export const replacedKeysPath = `${productPath}/replaced-keys.json`;

export interface SignedParts extends OwnApps {
  /** Folders of the sets that sign the release. */
  readonly signers: readonly string[];
  /** File name to what it holds; none where no key is replaced. */
  readonly firmwareLists: ReadonlyMap<string, Uint8Array>;
}

export function installSignedParts({ signers, firmwareLists, ...apps }: SignedParts): void {
  const { tree } = apps;
  installOwnApps(apps);
  writeFileSync(join(tree, updateKeysPath), Buffer.concat(signers.map((keys) => readFileSync(ostreePublicOf(keys)))));
  const replaced = apps.replaced.map((keys) => fingerprintOf(publicKeyOf(keys, "db")));
  writeFileSync(join(tree, replacedKeysPath), `${JSON.stringify(replaced)}\n`);
  if (firmwareLists.size > 0) mkdirSync(join(tree, firmwareListsPath), { recursive: true });
  for (const [name, list] of firmwareLists) writeFileSync(join(tree, firmwareListsPath, name), list);
  plainOwnership(join(tree, productPath));
}

/** Everything belongs to root, no program gives rights to whoever starts it, and nothing hangs on who builds: the folder's content. */
export function plainOwnership(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    lchownSync(path, 0, 0);
    if (entry.isSymbolicLink()) continue;
    if (!entry.isFile() && !entry.isDirectory()) throw new Error(`${path} is neither file, folder nor link`);
    chmodSync(path, lstatSync(path).mode & 0o755);
    if (entry.isDirectory()) plainOwnership(path);
  }
}

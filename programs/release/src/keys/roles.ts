/** Who signs what in a release: six roles, a key each, so that losing one loses one. `docs/spec/release-keys.md`. */
import { join } from "node:path";

/** What firmware believes: the platform key admits key exchange keys, these admit the keys that boot. */
export const secureBootRoles = ["PK", "KEK", "db"] as const;
export type SecureBootRole = (typeof secureBootRoles)[number];

/** What stays while the other keys are replaced: firmware takes a change of its lists from these alone. */
export const firmwareRoles = ["PK", "KEK"] as const satisfies readonly SecureBootRole[];

/** Who signs which list: the platform key itself and the list of key exchange keys, these the list of what may boot. */
export const listSigners: Readonly<Record<SecureBootRole, SecureBootRole>> = { PK: "PK", KEK: "PK", db: "KEK" };

/** Beside these: who signs PCR policies, OSTree commits, and release metadata. */
export const roles = [...secureBootRoles, "pcr", "ostree", "metadata"] as const;
export type Role = (typeof roles)[number];

export function isSecureBootRole(role: Role): role is SecureBootRole {
  return (secureBootRoles as readonly Role[]).includes(role);
}

/** Where a role's halves lie in a folder of keys. OSTree's signing half lies in a GnuPG home instead of a file. */
export interface KeyPlaces {
  /** PEM. Absent where a token keeps the key. */
  readonly privateKey: string;
  /** A PKCS#11 URI (RFC 7512), instead of the private key. */
  readonly token: string;
  /** PEM: a certificate for Secure Boot, else a public key. */
  readonly publicHalf: string;
}

export function placesOf(folder: string, role: Exclude<Role, "ostree">): KeyPlaces {
  const at = (name: string): string => join(folder, name);
  if (isSecureBootRole(role)) {
    return {
      privateKey: at(`secureboot/${role}.key`),
      token: at(`secureboot/${role}.pkcs11`),
      publicHalf: at(`secureboot/${role}.crt`),
    };
  }
  return role === "pcr"
    ? { privateKey: at("pcr/policy.key"), token: at("pcr/policy.pkcs11"), publicHalf: at("pcr/policy.pub") }
    : {
        privateKey: at("metadata/ed25519.pem"),
        token: at("metadata/ed25519.pkcs11"),
        publicHalf: at("metadata/ed25519.pub"),
      };
}

export const gnupgHomeOf = (folder: string): string => join(folder, "ostree");
/** The public half of the OSTree key, as `ostree remote gpg-import -k` takes it. */
export const ostreePublicOf = (folder: string): string => join(folder, "ostree/updates.gpg");
export const fingerprintsOf = (folder: string): string => join(folder, "fingerprints.json");

/** `fingerprints.json`: SHA-256 of each public key's DER form (SubjectPublicKeyInfo), in hexadecimal. */
export type Fingerprints = Readonly<Record<Role, string>> & {
  /** Only in sets that were made to be thrown away. */
  readonly development?: true;
};

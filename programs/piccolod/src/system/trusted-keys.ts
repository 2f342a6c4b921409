/**
 * Fingerprints (`docs/spec/release-keys.md`, rule 4) of the keys production releases are signed with. They are part of the daemon, which
 * the signed system image authenticates, and no build option changes them: what was signed with any other key is shown as
 * untrusted, by whatever name it calls itself. There is no production release yet, and therefore no key.
 */
export const trustedKeys: ReadonlySet<string> = new Set<string>();

/** Sets of keys of which one replaced the other: docs/spec/release-keys.md, rule 10. */
import { releaseFaults } from "../faults.ts";
import { fingerprintOf, publicKeyOf } from "./read-key.ts";
import { firmwareRoles } from "./roles.ts";

/** Of sets in the order in which one replaced the other, those that a device of each has got since it was installed; the shortest first. */
export function endsOf(sets: readonly string[]): readonly (readonly string[])[] {
  return sets.map((_, at) => sets.slice(sets.length - 1 - at));
}

/**
 * Throws `key-unfit` where a set cannot follow an earlier one: devices of that one have its `PK` and `KEK` in their firmware for good, and take
 * from no other key what later releases change there.
 */
export function checkSuccession(keys: string, earlier: readonly string[]): void {
  for (const folder of earlier) {
    const other = firmwareRoles.find(
      (role) => fingerprintOf(publicKeyOf(keys, role)) !== fingerprintOf(publicKeyOf(folder, role)),
    );
    if (other === undefined) continue;
    throw releaseFaults.fault(
      "key-unfit",
      `${keys} has another ${other} than ${folder}, which devices keep: make it with keys --keep-firmware-keys ${folder}`,
    );
  }
}

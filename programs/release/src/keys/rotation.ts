/** How keys are replaced without anybody noticing: three releases, of which the middle one is signed by both sets. */
import type { Role } from "./roles.ts";

export type KeySetName = "old" | "new";

export interface RotationStep {
  readonly release: "A" | "B" | "C";
  /** Who signs the release, in each role that signs releases. */
  readonly signs: Readonly<Record<Exclude<Role, "PK" | "KEK">, readonly KeySetName[]>>;
  /** Whose keys firmware lets start programs while the release runs: what the release writes into `db`. */
  readonly enrolled: readonly KeySetName[];
  /** For which key's policies the release seals, once it runs and its volume is open. */
  readonly sealsFor: KeySetName;
}

const by = (...names: readonly KeySetName[]): RotationStep["signs"] => ({
  db: names,
  pcr: names,
  ostree: names,
  metadata: names,
});

/**
 * A device that starts B in the way of A (old keys) seals for the new key while the volume is open, and only then lets `db` have the new
 * certificate alone; so C opens the volume as B did, and no phrase is asked. A device that missed B takes B first: it is a barrier.
 */
export const rotation: readonly RotationStep[] = [
  { release: "A", signs: by("old"), enrolled: ["old"], sealsFor: "old" },
  { release: "B", signs: by("old", "new"), enrolled: ["old", "new"], sealsFor: "new" },
  { release: "C", signs: by("new"), enrolled: ["new"], sealsFor: "new" },
];

/** Whether a device that runs `from` starts `to`, believes it, and opens its volume in it. */
export function goesOn(from: RotationStep, to: RotationStep): boolean {
  const shares = (names: readonly KeySetName[], others: readonly KeySetName[]): boolean =>
    names.some((name) => others.includes(name));
  return (
    shares(to.signs.db, from.enrolled) &&
    to.signs.pcr.includes(from.sealsFor) &&
    shares(to.signs.ostree, from.signs.ostree) &&
    shares(to.signs.metadata, from.signs.metadata)
  );
}

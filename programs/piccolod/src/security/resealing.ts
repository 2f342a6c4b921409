/** Seals anew all that the chip is still to open, so that nothing that was sealed before opens any more. */
import { type Argon2id, type PasswordCost, pepperBytes, sealPasswordSlot } from "@piccolo/envelope";
import { isFault } from "@piccolo/fault";
import type { World } from "@piccolo/world";
import type { OutsideRecord } from "./outside-record.ts";
import type { SecurityChip } from "./security-chip.ts";

/** Around the one write that changes what the chip opens, and the step that shuts out what was before. */
export const resealCrashPoints = ["before-reseal", "after-reseal", "after-superseding"] as const;
export type ResealCrashPoint = (typeof resealCrashPoints)[number];

export type Sealed = Pick<OutsideRecord, "sealedPepper" | "sealedVolumeKey">;

export interface ResealingOptions {
  readonly chip: SecurityChip;
  readonly argon2: Argon2id;
  readonly world: World;
  readonly cost: PasswordCost;
  readonly floor: PasswordCost;
  readonly crashPoint: (name: ResealCrashPoint) => void;
  readonly report: (event: string, facts: Readonly<Record<string, unknown>>) => void;
}

export interface Resealed {
  /** The root secret (32 bytes) that the password opens, and whose it is. */
  readonly root: Uint8Array;
  readonly account: Uint8Array;
  readonly epoch: number;
  readonly password: string;
  /** Absent where the device asks for its password at boot. */
  readonly volumeKey: Uint8Array | undefined;
}

/**
 * A new pepper with the password's slot for it, and the volume key, all sealed for the next generation. `write` makes
 * them durable in one change of the record; only then does the chip count up. A power cut before that leaves a record
 * that opens, the old one or the new one, and the next start counts up (`supersedeOlder`).
 */
export async function reseal(
  options: ResealingOptions,
  { volumeKey, ...of }: Resealed,
  write: (passwordSlot: Uint8Array, sealed: Sealed) => void,
): Promise<void> {
  const { chip, argon2, world, cost, floor, crashPoint, report } = options;
  const pepper = world.randomBytes(pepperBytes);
  try {
    const passwordSlot = await sealPasswordSlot({ ...of, pepper, cost, floor, argon2, world });
    const sealedPepper = await chip.seal(pepper, "pepper", "next");
    const sealedVolumeKey = volumeKey === undefined ? undefined : await chip.seal(volumeKey, "volume", "next");
    const sealed = { sealedPepper, sealedVolumeKey };
    crashPoint("before-reseal");
    write(passwordSlot, sealed);
    crashPoint("after-reseal");
    await supersedeOlder(chip, sealed, report);
    crashPoint("after-superseding");
  } finally {
    pepper.fill(0);
  }
}

/** What lies in the record by now shuts out what was sealed before it. Where the chip cannot do it now, the next start does. */
export async function supersedeOlder(
  chip: SecurityChip,
  { sealedPepper, sealedVolumeKey }: Sealed,
  report: ResealingOptions["report"],
): Promise<void> {
  // Both are of one generation: what is sealed for an owner is sealed together.
  const blob = sealedPepper ?? sealedVolumeKey;
  if (blob === undefined) return;
  try {
    await chip.supersede(blob);
  } catch (error) {
    if (!isFault(error)) throw error;
    report("older-seals-still-open", { code: error.code });
  }
}

/** Nothing that was sealed until now opens any more. Where the chip cannot do it now, the volume that is made next does. */
export async function supersedeAll(
  chip: SecurityChip,
  world: Pick<World, "randomBytes">,
  report: ResealingOptions["report"],
): Promise<void> {
  try {
    // It seals nothing that anybody needs: the chip counts on to the generation of a blob.
    await chip.supersede(await chip.seal(world.randomBytes(pepperBytes), "pepper", "next"));
  } catch (error) {
    if (!isFault(error)) throw error;
    report("older-seals-still-open", { code: error.code });
  }
}

/**
 * When a machine hangs before the product has begun, which says nothing of it: such a start is repeated, counted and
 * reported. Two ways are known. The emulated firmware hangs: a start without one word on the serial line, and nothing read
 * or written. Or the emulator gives a second processor no ticks from the first one on: the kernel names that within half a
 * minute. Whatever else says one word is judged as it is.
 */

/** How long the firmware is silent after power-on on a machine that has nothing else to do. */
const quietMs = 6_000;
/** Emulation among other work is slow; nothing but a hang is this slow. */
const silentMs = 15 * quietMs;
const stuckMs = 5 * quietMs;
/** How often one start of a machine is repeated. */
export const firmwareRepeatsMax = 2;
/** Of a release that is to be found good: the boot loader counts a start that hung after it, too. */
export const triesOfWorking = 1 + firmwareRepeatsMax;

/** What the kernel says of a processor that has had no timer's tick since it was started (kernel/rcu/tree_stall.h). */
const withoutTicks = /rcu_preempt detected stalls[\s\S]{0,400}\(0 ticks this GP\)[\s\S]*Possible timer handling issue/;
/** Once systemd starts things, both processors have run. */
const hasBegun = /Starting |Started |Reached target /;

export function isWithoutTicks(said: string): boolean {
  const found = withoutTicks.exec(said);
  return found !== null && !hasBegun.test(said.slice(0, found.index));
}

export interface FirmwareSeen {
  /** Whether anything at all was written on the serial line: firmware, boot loader, or kernel. */
  readonly hasSpoken: boolean;
  readonly sincePowerOnMs: number;
  /** Since a disk or the firmware's own memory was last seen to be used. */
  readonly sinceProgressMs: number;
  /** How often this start was repeated already. */
  readonly repeats: number;
}

export type FirmwareVerdict = "past" | "wait" | "power-on-again" | "give-up";

export function decideFirmware(seen: FirmwareSeen): FirmwareVerdict {
  if (seen.hasSpoken) return "past";
  if (seen.sincePowerOnMs < silentMs || seen.sinceProgressMs < stuckMs) return "wait";
  return seen.repeats < firmwareRepeatsMax ? "power-on-again" : "give-up";
}

/** Operations of all drives, of QEMU's `query-blockstats`: what changes while a firmware is at work. */
export function operationsOf(blockStatistics: unknown): number {
  if (!Array.isArray(blockStatistics)) return 0;
  const counts = (blockStatistics as readonly { readonly stats?: Readonly<Record<string, unknown>> }[]).flatMap(
    ({ stats }) => ["rd_operations", "wr_operations", "flush_operations"].map((name) => Number(stats?.[name] ?? 0)),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

import type { ContainerUsage } from "./runtime/container-runtime.ts";

export interface UsagePoint {
  readonly atMs: number;
  /** Of one processor, in thousandths. */
  readonly milliCpus: number;
  readonly memoryBytes: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  readonly readBytes: number;
  readonly writtenBytes: number;
  /** What the app's volumes take of the disk; absent where that could not be found out. */
  readonly diskBytes?: number;
}

const keptMs = 3_600_000;

/** What an app used, point by point, for the last hour; counters of containers become rates and sums. */
export class UsageSeries {
  readonly #points: UsagePoint[] = [];
  #last: { readonly atMs: number; readonly cpuMs: ReadonlyMap<string, number> } | undefined;

  get points(): readonly UsagePoint[] {
    return this.#points;
  }

  add(atMs: number, usages: readonly ContainerUsage[], diskBytes: number | undefined): void {
    const sum = (of: (usage: ContainerUsage) => number): number => usages.reduce((total, one) => total + of(one), 0);
    const last = this.#last;
    const spanMs = last === undefined ? 0 : atMs - last.atMs;
    // A container that was started again counts from zero: what it used before is known, what between is not.
    const usedMs = sum(({ name, cpuMs }) => Math.max(0, cpuMs - Math.min(last?.cpuMs.get(name) ?? cpuMs, cpuMs)));
    this.#points.push({
      atMs,
      milliCpus: spanMs > 0 ? Math.round((usedMs / spanMs) * 1_000) : 0,
      memoryBytes: sum((one) => one.memoryBytes),
      receivedBytes: sum((one) => one.receivedBytes),
      sentBytes: sum((one) => one.sentBytes),
      readBytes: sum((one) => one.readBytes),
      writtenBytes: sum((one) => one.writtenBytes),
      ...(diskBytes === undefined ? {} : { diskBytes }),
    });
    this.#last = { atMs, cpuMs: new Map(usages.map(({ name, cpuMs }) => [name, cpuMs])) };
    // Points far ahead are of a clock that has been set back since.
    while (Math.abs((this.#points[0]?.atMs ?? atMs) - atMs) > keptMs) this.#points.shift();
  }
}

/** While the device runs: what each app uses, every few seconds, of the last hour. */
import type { World } from "@piccolo/world";
import { isOperatingFailure } from "../operating-failure.ts";
import type { ContainerRuntime } from "./runtime/container-runtime.ts";
import type { AppStorage } from "./runtime/app-storage.ts";
import type { AppStore } from "./store.ts";
import { type UsagePoint, UsageSeries } from "./usage-series.ts";

const measureMs = 5_000;

export interface UsageMeterOptions {
  readonly runtime: Pick<ContainerRuntime, "usage">;
  /** Asked so often, it costs no look at every file: an app's volumes are files of a known size. */
  readonly storage: Pick<AppStorage, "usedBytes">;
  readonly store: Pick<AppStore, "all">;
  readonly world: World;
}

export class UsageMeter {
  readonly #options: UsageMeterOptions;
  readonly #series = new Map<string, UsageSeries>();

  constructor(options: UsageMeterOptions) {
    this.#options = options;
  }

  /** Until the signal. */
  async run(signal: AbortSignal): Promise<void> {
    const { world } = this.#options;
    await world.sleep(measureMs, signal).catch(() => undefined);
    while (!signal.aborted) {
      await this.#measure().catch(orOperatingFailure);
      await world.sleep(measureMs, signal).catch(() => undefined);
    }
  }

  async #measure(): Promise<void> {
    const { world, runtime, store } = this.#options;
    const usages = await runtime.usage();
    if (usages.length === 0) return;
    for (const { record } of store.all()) {
      const own = usages.filter(({ name }) => name.startsWith(`${record.app}.`));
      if (own.length === 0) continue;
      let series = this.#series.get(record.app);
      if (series === undefined) this.#series.set(record.app, (series = new UsageSeries()));
      series.add(world.nowMs(), own, this.#diskBytes(record.app));
    }
  }

  #diskBytes(app: string): number | undefined {
    try {
      return Object.values(this.#options.storage.usedBytes(app)).reduce((sum, bytes) => sum + bytes, 0);
    } catch (error) {
      if (isOperatingFailure(error)) return undefined;
      throw error;
    }
  }

  /** Oldest first. */
  of(app: string): readonly UsagePoint[] {
    return this.#series.get(app)?.points ?? [];
  }
}

/** What is not measured now is measured the next time. */
function orOperatingFailure(error: unknown): void {
  if (!isOperatingFailure(error)) throw error;
}

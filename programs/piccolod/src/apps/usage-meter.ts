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
  /** An app that is installed again is another one. */
  readonly #series = new Map<string, { readonly installedAtMs: number; readonly series: UsageSeries }>();

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
    const installed = store.all();
    const apps = new Set(installed.map(({ record }) => record.app));
    for (const app of this.#series.keys()) if (!apps.has(app)) this.#series.delete(app);
    for (const { record, installedAtMs } of installed) {
      const own = usages.filter(({ name }) => name.startsWith(`${record.app}.`));
      if (own.length === 0) continue;
      const known = this.#series.get(record.app);
      const kept = known?.installedAtMs === installedAtMs ? known : { installedAtMs, series: new UsageSeries() };
      this.#series.set(record.app, kept);
      kept.series.add(world.nowMs(), own, this.#diskBytes(record.app));
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
  of(app: string, installedAtMs: number): readonly UsagePoint[] {
    const kept = this.#series.get(app);
    return kept?.installedAtMs === installedAtMs ? kept.series.points : [];
  }
}

/** What is not measured now is measured the next time. */
function orOperatingFailure(error: unknown): void {
  if (!isOperatingFailure(error)) throw error;
}

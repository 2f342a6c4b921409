/** Whether a running app goes on answering: asked at a calm pace, beside its lane, so that nothing waits for the answer. */
import type { World } from "@piccolo/world";
import { isOperatingFailure } from "../operating-failure.ts";
import type { Health, Known } from "./plan-types.ts";

/** So often in a row nothing has to come before an app counts as not answering, or an answer before it counts as well. */
export const missesMax = 3;
export const answersMin = 3;

/** Of a page. */
export const healthEveryMs = 30_000;
/** Commands are run seldom, since each leaves a process that watches it for minutes. */
const commandsTimes = 2;

export const unasked: Health = { misses: 0, answers: 0, silent: undefined };

export interface HealthWatchOptions {
  readonly world: World;
  readonly stopping: AbortSignal;
  readonly everyMs: number;
  /** Whether commands are part of it. */
  readonly hasCommands: () => boolean;
  /** The part that does not answer within the bound; undefined where all do. */
  readonly silentPart: (timeoutMs: number) => Promise<Known<string | undefined>>;
  /** It is time to plan anew. */
  readonly due: () => void;
}

export class HealthWatch {
  readonly #options: HealthWatchOptions;
  #watched: AbortController | undefined;
  #running: Promise<void> = Promise.resolve();
  /** Since the app was opened to visitors, in a row. */
  now: Health = unasked;

  constructor(options: HealthWatchOptions) {
    this.#options = options;
  }

  /** Goes on where it is under way already. */
  begin(): void {
    if (this.#watched !== undefined || this.#options.stopping.aborted) return;
    const watched = new AbortController();
    this.#watched = watched;
    const run = this.#run(AbortSignal.any([watched.signal, this.#options.stopping]));
    this.#running = Promise.all([this.#running, run]).then(() => undefined);
  }

  /** Resolves when nothing is asked any more, which is after an answer or its bound: it is read by what is in the records. */
  async ended(): Promise<void> {
    await this.#running;
  }

  /** Nothing is known of it from now on. */
  end(): void {
    this.#watched?.abort(new Error("the app is not open any more"));
    this.#watched = undefined;
    this.now = unasked;
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { world, everyMs, hasCommands, silentPart, due } = this.#options;
    while (!signal.aborted) {
      const asksParts = await known(async () => ({ known: true, value: hasCommands() }));
      const times = asksParts.known && asksParts.value ? commandsTimes : 1;
      const isOver = await world.sleep(times * everyMs, signal).then(
        () => false,
        () => true,
      );
      if (isOver) return;
      const part = await known(() => silentPart(Math.ceil(everyMs / 3)));
      if (signal.aborted) return;
      if (!part.known) continue;
      const silent = part.value;
      const { misses, answers } = this.now;
      this.now =
        silent === undefined
          ? { misses: 0, answers: answers + 1, silent: undefined }
          : { misses: misses + 1, answers: 0, silent };
      if (this.now.misses >= missesMax || this.now.answers === answersMin) due();
    }
  }
}

/** Where it cannot be asked, as while the runtime is away or the disk fails, nothing is known. */
async function known<T>(ask: () => Promise<Known<T>>): Promise<Known<T>> {
  try {
    return await ask();
  } catch (error) {
    if (isOperatingFailure(error)) return { known: false, reason: error.message };
    throw error;
  }
}

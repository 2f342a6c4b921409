/** What the parts of an app said last: kept with a change's failure, because undoing the change removes them and their log. */
import { isFault } from "@piccolo/fault";
import type { World } from "@piccolo/world";
import type { Generation, SaidLine } from "./plan-types.ts";
import type { ContainerRuntime, LogLine } from "./runtime/container-runtime.ts";
import { containerName } from "./specs.ts";

/** Of each part. */
export const lastLinesMax = 200;
const lineCharactersMax = 1_000;
/** Of all parts together: it lies in the app's record. */
export const lastCharactersMax = 32_768;
const readMs = 5_000;

/** Oldest first; without those of a part whose log cannot be read, since the failure is told in any case. */
export async function lastWords(
  { runtime, world, signal }: { runtime: Pick<ContainerRuntime, "logs">; world: World; signal: AbortSignal },
  app: string,
  { number, manifest }: Generation,
): Promise<readonly SaidLine[]> {
  const late = new AbortController();
  const either = AbortSignal.any([signal, late.signal]);
  const over = new AbortController();
  const slept = world.sleep(readMs, AbortSignal.any([over.signal, signal])).then(
    () => late.abort(new Error("the log takes too long")),
    () => undefined,
  );
  try {
    const parts = manifest.services.map(async ({ name }) => {
      const lines: SaidLine[] = [];
      try {
        for await (const line of runtime.logs(containerName(app, number, name), {
          tail: lastLinesMax,
          signal: either,
        })) {
          lines.push(saidLine(name, line));
          if (lines.length > lastLinesMax) lines.shift();
        }
      } catch (error) {
        if (!isFault(error) && !either.aborted) throw error;
      }
      return lines;
    });
    return bounded((await Promise.all(parts)).flat());
  } finally {
    over.abort(new Error("all is read"));
    await slept;
  }
}

function saidLine(service: string, { atMs, stream, text }: LogLine): SaidLine {
  return { service, atMs, stream: stream === "stdout" ? "out" : "err", text: text.slice(0, lineCharactersMax) };
}

/** The newest that fit. */
function bounded(lines: readonly SaidLine[]): readonly SaidLine[] {
  const sorted = lines.toSorted((a, b) => a.atMs - b.atMs);
  let left = lastCharactersMax;
  let first = sorted.length;
  while (first > 0 && (left -= sorted[first - 1]?.text.length ?? 0) >= 0) first--;
  return sorted.slice(first);
}

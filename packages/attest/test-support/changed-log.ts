/** Recorded logs with a change, and the parts that changes are made of. */
import { eventTypes } from "../src/index.ts";
import { type BootName, recordedBoot } from "./boot-logs.ts";
import { digestsOf, putTogether, type RawEvent, type RawLog, spliceOf, takeApart } from "./log-writer.ts";
import type { LogInput } from "./vector.ts";

export type Change = (log: RawLog) => void;
export type Add = (
  name: string,
  rule: string,
  about: string,
  operation: { operation: string; input: unknown },
  fault?: string,
) => void;

export function changedLog(name: BootName, change: Change): LogInput {
  const from = recordedBoot(name).log;
  const log = takeApart(from);
  change(log);
  return { log: name, splice: spliceOf(from, putTogether(log)) };
}

export function event(log: RawLog, at: number): RawEvent {
  const found = log.events[at];
  if (found === undefined) throw new Error(`the recorded log has no event ${at}`);
  return found;
}

export const measured = (pcr: number, type: number, data: Uint8Array): RawEvent => ({
  pcr,
  type,
  data,
  digests: digestsOf(data),
});
export const find = (log: RawLog, pcr: number, type: keyof typeof eventTypes): number =>
  log.events.findIndex((entry) => entry.pcr === pcr && entry.type === eventTypes[type]);
export const zeroed = (entry: RawEvent): RawEvent["digests"] =>
  entry.digests.map(({ algorithm, digest }) => ({ algorithm, digest: new Uint8Array(digest.length) }));

import { useEffect, useState } from "react";
import { backoffMs } from "../api/backoff.ts";
import { apiBase } from "../api/device.ts";
import { whileSeen } from "../api/while-seen.ts";
import { parseLine, type ShownLine, withLines } from "./log-lines.ts";

export interface FollowedLog {
  readonly lines: readonly ShownLine[];
  readonly state: "reading" | "following" | "broken";
}

/** Many lines come in bursts; they are shown together. */
const gatherMs = 100;
const nothing: FollowedLog = { lines: [], state: "reading" };

/** What the app says, from its newest lines on, for as long as the page shows it. */
export function useFollowedLog(id: string, query: string): FollowedLog {
  const [log, setLog] = useState<FollowedLog>(nothing);
  useEffect(() => {
    setLog(nothing);
    let source: EventSource | undefined;
    let retry: number | undefined;
    let gathering: number | undefined;
    let failures = 0;
    let key = 0;
    let waiting: ShownLine[] = [];
    const show = (): void => {
      gathering = undefined;
      const coming = waiting;
      waiting = [];
      setLog((before) => ({ lines: withLines(before.lines, coming), state: "following" }));
    };
    const connect = (): void => {
      const search = query === "" ? "" : `?${new URLSearchParams({ q: query }).toString()}`;
      const current = new EventSource(`${apiBase}/apps/${encodeURIComponent(id)}/logs/follow${search}`);
      source = current;
      current.addEventListener("open", () => {
        failures = 0;
        // It begins with the newest lines again.
        waiting = [];
        setLog({ lines: [], state: "following" });
      });
      current.addEventListener("line", (message) => {
        const line = parseLine((message as MessageEvent<unknown>).data);
        if (line === undefined) return;
        waiting.push({ ...line, key: key++ });
        gathering ??= window.setTimeout(show, gatherMs);
      });
      current.addEventListener("error", () => {
        current.close();
        failures += 1;
        setLog((before) => ({ ...before, state: "broken" }));
        retry = window.setTimeout(connect, backoffMs(failures, Math.random()));
      });
    };
    // What is shown stays meanwhile: it begins with the newest lines again.
    return whileSeen({
      begin: connect,
      rest: () => {
        source?.close();
        window.clearTimeout(retry);
        window.clearTimeout(gathering);
        gathering = undefined;
      },
    });
  }, [id, query]);
  return log;
}

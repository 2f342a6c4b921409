/** Keeps what is cached in step with the device for as long as someone is signed in. */
import type { DeviceEvent } from "@piccolo/device-api";
import { useQueryClient } from "@tanstack/react-query";
import { createContext, use, useEffect, useState, type ReactNode } from "react";
import type { Uploads } from "../uploads/uploads.ts";
import { changesWait } from "./changes-wait.ts";
import { apiBase } from "./device.ts";
import { openEventStream } from "./event-stream.ts";
import { effectsOf, readNow } from "./events.ts";
import { keys, type CacheKey } from "./keys.ts";
import { readingIn } from "./reading.ts";

export type LiveState = "connecting" | "up" | "down";

const LiveContext = createContext<LiveState>("connecting");

export const useLive = (): LiveState => use(LiveContext);

/** Many events come in bursts; what they make stale is read once after each. */
const gatherMs = 250;

/** So often a page that nobody sees asks how the device is. */
const unseenMs = 15_000;

export function Live({ uploads, children }: { uploads: Uploads; children: ReactNode }) {
  const client = useQueryClient();
  const [state, setState] = useState<LiveState>("connecting");

  useEffect(() => {
    const stale = new Map<string, CacheKey>();
    let timer: number | undefined;
    const flush = (): void => {
      const now = readNow([...stale.values()], (queryKey) => readingIn(client, queryKey));
      for (const queryKey of now) {
        stale.delete(JSON.stringify(queryKey));
        void client.invalidateQueries({ queryKey });
      }
      timer = stale.size > 0 ? window.setTimeout(flush, gatherMs) : undefined;
    };
    const onEvent = (event: DeviceEvent): void => {
      if (event.type === "upload") uploads.dispatch({ type: "durable", uploadId: event.id, bytes: event.offsetBytes });
      if (event.type === "upload-gone") uploads.dispatch({ type: "gone", uploadId: event.id });
      if (event.type === "resync") uploads.findLeftovers();
      if (event.type === "resync" || event.type === "placement") uploads.askPlacement();
      if (event.type === "network") changesWait.seen(event.network.waitingChanges);
      const effects = effectsOf(event);
      for (const { key, value } of effects.set) {
        // An answer on its way is perhaps older than the event, and would bring back what was: it is read once more instead.
        if (client.isFetching({ queryKey: key, exact: true }) > 0) {
          void client.cancelQueries({ queryKey: key, exact: true });
          stale.set(JSON.stringify(key), key);
        }
        client.setQueryData(key, value);
      }
      for (const key of effects.stale) stale.set(JSON.stringify(key), key);
      if (stale.size > 0) timer ??= window.setTimeout(flush, gatherMs);
    };
    const stream = openEventStream({
      url: `${apiBase}/events`,
      onEvent,
      onState: (now) => {
        setState(now);
        // A stream may end because the session did: asking tells the two apart.
        if (now === "down") void client.invalidateQueries({ queryKey: keys.status });
      },
    });
    // While nobody sees the page it hears of nothing, and what it shows must go all the same once the device is locked.
    const unseen = window.setInterval(() => {
      if (document.visibilityState === "hidden") void client.invalidateQueries({ queryKey: keys.status });
    }, unseenMs);
    uploads.findLeftovers();
    return () => {
      stream.close();
      window.clearInterval(unseen);
      window.clearTimeout(timer);
    };
  }, [client, uploads]);

  return <LiveContext value={state}>{children}</LiveContext>;
}

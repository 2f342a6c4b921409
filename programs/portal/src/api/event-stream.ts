/**
 * Listens to the device. Every break is followed by a new stream after a growing wait, and every stream begins with a
 * `resync`, so that what happened before it is read and never guessed. A page that nobody sees holds none.
 */
import type { DeviceEvent } from "@piccolo/device-api";
import { backoffMs } from "./backoff.ts";
import { eventTypes, parseEvent } from "./events.ts";
import { whileSeen } from "./while-seen.ts";

export interface EventStreamOptions {
  readonly url: string;
  readonly onEvent: (event: DeviceEvent) => void;
  readonly onState: (state: "up" | "down") => void;
}

export function openEventStream(options: EventStreamOptions): { readonly close: () => void } {
  let source: EventSource | undefined;
  let timer: number | undefined;
  let failures = 0;
  let closed = false;

  const connect = (): void => {
    timer = undefined;
    const current = new EventSource(options.url);
    source = current;
    current.addEventListener("open", () => {
      failures = 0;
      options.onState("up");
      // Also the first time: what the page read before the stream was open may have changed since.
      options.onEvent({ type: "resync" });
    });
    current.addEventListener("error", () => {
      current.close();
      if (closed || source !== current) return;
      failures += 1;
      options.onState("down");
      timer = window.setTimeout(connect, backoffMs(failures, Math.random()));
    });
    for (const type of eventTypes)
      current.addEventListener(type, (message) => {
        const event = parseEvent(type, String((message as MessageEvent<unknown>).data));
        if (event !== undefined) options.onEvent(event);
      });
  };

  const rest = (): void => {
    source?.close();
    source = undefined;
    window.clearTimeout(timer);
    timer = undefined;
  };
  const begin = (): void => {
    if (source !== undefined && timer === undefined) return;
    window.clearTimeout(timer);
    connect();
  };
  // A device that is back, or a lid that is opened again, should not wait for the timer.
  const hurry = (): void => {
    if (document.visibilityState !== "hidden") begin();
  };
  window.addEventListener("online", hurry);
  const letGo = whileSeen({ begin, rest });

  return {
    close: () => {
      closed = true;
      letGo();
      window.removeEventListener("online", hurry);
    },
  };
}

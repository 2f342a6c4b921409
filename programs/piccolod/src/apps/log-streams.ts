/** GET /apps/{id}/logs/follow: what an app says, line by line, as long as the page is open. */
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { toHex } from "@piccolo/bytes";
import type { AppLogLine } from "@piccolo/device-api";
import { isFault } from "@piccolo/fault";
import type { World } from "@piccolo/world";
import { httpFaults } from "../http/faults.ts";
import type { StreamCall } from "../http/server.ts";
import type { Apps } from "./apps.ts";
import type { LogLine } from "./runtime/container-runtime.ts";

const mostStreams = 24;
const heartbeatMs = 15_000;
/** A container that has ended may be started again, or another one may take its place. */
const lookAgainMs = 500;
/** Without a search; one goes through all that is kept, which is bounded on the disk. */
const firstLines = 500;

interface Stream {
  readonly res: ServerResponse;
  readonly session: string;
}

export interface LogStreamsOptions {
  readonly apps: Pick<Apps, "logParts" | "logSource" | "logsOf">;
  readonly world: World;
  /** Tells the listener the hex hash of each session that ends. */
  readonly onSessionEnd: (listener: (tokenHash: string) => void) => void;
}

/** Where the reading of a part stands: what came last, and how many lines bore its time. */
interface Place {
  source: string | undefined;
  atMs: number;
  sameTime: number;
}

export class LogStreams {
  readonly #options: LogStreamsOptions;
  readonly #streams = new Set<Stream>();

  constructor(options: LogStreamsOptions) {
    this.#options = options;
    options.onSessionEnd((session) => {
      for (const stream of this.#streams) if (stream.session === session) stream.res.destroy();
    });
  }

  /** Throws `too-many-streams`, `app-not-found`. */
  readonly handle = async ({ res, caller, params: [id = ""], query }: StreamCall): Promise<void> => {
    if (this.#streams.size >= mostStreams) {
      throw httpFaults.fault("too-many-streams", "too many pages of this device are open; close one");
    }
    const only = query.get("service");
    const names = this.#options.apps.logParts(id).filter((name) => only === null || name === only);
    const wanted = (query.get("q") ?? "").slice(0, 200).toLowerCase();
    res.writeHead(200, { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-store" });
    res.write("retry: 2000\n\n");
    const stream = { res, session: toHex(caller.session?.tokenHash ?? new Uint8Array(0)) };
    const over = new AbortController();
    this.#streams.add(stream);
    res.once("close", () => {
      this.#streams.delete(stream);
      over.abort(new Error("nobody listens any more"));
    });
    void this.#beat(res, over.signal);
    await Promise.all(names.map((name) => this.#follow(id, name, wanted, res, over.signal)));
    res.end();
  };

  /** Until nobody listens or the app is gone. */
  async #follow(id: string, service: string, wanted: string, res: ServerResponse, signal: AbortSignal): Promise<void> {
    const { apps, world } = this.#options;
    const place: Place = { source: undefined, atMs: 0, sameTime: 0 };
    while (!signal.aborted) {
      try {
        const source = await apps.logSource(id, service);
        if (source !== place.source) Object.assign(place, { source, atMs: 0, sameTime: 0 });
        const range = wanted === "" ? { tail: firstLines } : {};
        await this.#read(
          apps.logsOf(source, { follow: true, ...range, signal }),
          place,
          async ({ atMs, stream, text }) => {
            if (!text.toLowerCase().includes(wanted)) return;
            const line: AppLogLine = { service, atMs, stream: stream === "stdout" ? "out" : "err", text };
            // Who reads slowly holds up the reading, and nothing piles up here.
            if (!res.write(`event: line\ndata: ${JSON.stringify(line)}\n\n`)) await once(res, "drain", { signal });
          },
        );
      } catch (error) {
        if (signal.aborted || isFault(error, "app-not-found")) return;
        // Between two containers there is none, and what runs them may just be starting again.
        if (!isFault(error)) throw error;
      }
      await world.sleep(lookAgainMs, signal).catch(() => undefined);
    }
  }

  /** Lines that were read before, from the same container, are passed over. */
  async #read(lines: AsyncIterable<LogLine>, place: Place, take: (line: LogLine) => Promise<void>): Promise<void> {
    const { atMs: seenMs, sameTime: seenThen } = place;
    let then = 0;
    for await (const line of lines) {
      if (line.atMs < seenMs || (line.atMs === seenMs && ++then <= seenThen)) continue;
      place.sameTime = line.atMs === place.atMs ? place.sameTime + 1 : 1;
      place.atMs = line.atMs;
      await take(line);
    }
  }

  async #beat(res: ServerResponse, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#options.world.sleep(heartbeatMs, signal).catch(() => undefined);
      if (!signal.aborted && res.writableLength === 0) res.write(": still here\n\n");
    }
  }

  stop(): void {
    for (const { res } of this.#streams) res.destroy();
  }
}

import type { IncomingMessage, ServerResponse } from "node:http";
import { toHex } from "@piccolo/bytes";
import type { DeviceEvent } from "@piccolo/device-api";
import type { World } from "@piccolo/world";
import type { StreamCall } from "../http/server.ts";
import { httpFaults } from "../http/faults.ts";

const mostKept = 512;
const mostStreams = 48;
const heartbeatMs = 15_000;
/** A client that reads slower than this much behind is cut off; it comes back and reads anew. */
const backlogBytes = 1024 * 1024;

interface Sent {
  readonly id: number;
  readonly text: string;
}

interface Stream {
  readonly res: ServerResponse;
  readonly session: string;
}

/** GET /events: what happens, to every page that listens, in one order with growing ids. */
export class EventHub {
  readonly #world: World;
  readonly #streams = new Set<Stream>();
  readonly #stopping = new AbortController();
  #kept: Sent[] = [];
  #lastId: number;

  constructor(world: World) {
    this.#world = world;
    // Ids of an earlier run of the device are below, so that whoever comes back with one is told to read anew.
    this.#lastId = world.nowMs() * 1000;
    void this.#beat();
  }

  publish({ type, ...rest }: DeviceEvent): void {
    const id = ++this.#lastId;
    const text = `id: ${id}\nevent: ${type}\ndata: ${JSON.stringify(rest)}\n\n`;
    this.#kept.push({ id, text });
    if (this.#kept.length > mostKept) this.#kept = this.#kept.slice(-mostKept);
    for (const stream of this.#streams) this.#send(stream, text);
  }

  readonly handle = async ({ req, res, caller }: StreamCall): Promise<void> => {
    if (this.#streams.size >= mostStreams) {
      throw httpFaults.fault("too-many-streams", "too many pages of this device are open; close one");
    }
    res.setHeader("content-type", "text/event-stream; charset=utf-8");
    res.setHeader("cache-control", "no-store");
    res.writeHead(200);
    const stream: Stream = { res, session: toHex(caller.session?.tokenHash ?? new Uint8Array(0)) };
    res.write(`retry: 2000\n\n${this.#missed(req)}`);
    this.#streams.add(stream);
    res.on("close", () => this.#streams.delete(stream));
  };

  /** Ends the streams of a session that is over. */
  endSession(session: string): void {
    for (const stream of this.#streams) if (stream.session === session) stream.res.destroy();
  }

  stop(): void {
    this.#stopping.abort();
    for (const { res } of this.#streams) res.end();
    this.#streams.clear();
  }

  /** What a client that comes back has missed, or word that too much is gone. An id alone only sets where it stands. */
  #missed(req: IncomingMessage): string {
    const header = req.headers["last-event-id"];
    if (typeof header !== "string" || header === "") return `id: ${this.#lastId}\n\n`;
    const seen = /^\d{1,16}$/.test(header) ? Number(header) : Number.NaN;
    const isKnown = seen === this.#lastId || this.#kept.some(({ id }) => id === seen + 1);
    if (!isKnown) return `id: ${this.#lastId}\nevent: resync\ndata: {}\n\n`;
    return this.#kept
      .filter(({ id }) => id > seen)
      .map(({ text }) => text)
      .join("");
  }

  #send(stream: Stream, text: string): void {
    if (stream.res.writableLength > backlogBytes) stream.res.destroy();
    else stream.res.write(text);
  }

  async #beat(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await this.#world.sleep(heartbeatMs, signal).catch(() => undefined);
      for (const stream of this.#streams) this.#send(stream, ": still here\n\n");
    }
  }
}

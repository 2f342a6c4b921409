import { type IncomingMessage, request } from "node:http";
import type { Client } from "./device.ts";

export interface ReadEvent {
  readonly id: string;
  readonly type: string;
  readonly data: unknown;
}

/** A page that listens to GET /events. */
export class EventReader {
  readonly events: ReadEvent[] = [];
  /** What the stream said last about where it stands. */
  lastId = "";
  status = 0;
  closed = false;
  #reply: IncomingMessage | undefined;
  #wake: () => void = () => undefined;

  static async open(client: Client, lastEventId?: string): Promise<EventReader> {
    const reader = new EventReader();
    const { port, host } = new URL(client.origin);
    const headers = {
      host,
      cookie: client.cookie,
      ...(lastEventId === undefined ? {} : { "last-event-id": lastEventId }),
    };
    await new Promise<void>((resolve, reject) => {
      const outgoing = request({ host: "127.0.0.1", port, path: "/api/v1/events", agent: false, headers }, (reply) => {
        reader.#listen(reply);
        resolve();
      });
      outgoing.on("error", reject);
      outgoing.end();
    });
    return reader;
  }

  #listen(reply: IncomingMessage): void {
    this.#reply = reply;
    this.status = reply.statusCode ?? 0;
    let text = "";
    reply.setEncoding("utf8");
    reply.on("data", (part: string) => {
      text += part;
      for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
        this.#take(text.slice(0, end));
        text = text.slice(end + 2);
      }
      this.#wake();
    });
    reply.on("error", () => undefined);
    reply.on("close", () => {
      this.closed = true;
      this.#wake();
    });
  }

  #take(block: string): void {
    const fields = new Map(
      block.split("\n").map((line) => [line.split(": ")[0] ?? "", line.slice(line.indexOf(": ") + 2)]),
    );
    this.lastId = fields.get("id") ?? this.lastId;
    const data = fields.get("data");
    if (data !== undefined)
      this.events.push({ id: this.lastId, type: fields.get("event") ?? "", data: JSON.parse(data) });
  }

  /** Resolves when what has been read satisfies the test. */
  async until(test: (reader: EventReader) => boolean): Promise<void> {
    while (!test(this)) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  close(): void {
    this.#reply?.destroy();
  }
}

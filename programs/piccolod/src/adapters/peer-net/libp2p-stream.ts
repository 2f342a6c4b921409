import type { Libp2p } from "libp2p";
import { encodeFraming } from "@piccolo/wire";
import type { Message } from "@piccolo/storage/ports";
import { unreachable } from "./faults.ts";
import type { IdleWatch } from "./idle-watch.ts";
import type { ChunkSource } from "./message-inlet.ts";

export type Connection = ReturnType<Libp2p["getConnections"]>[number];
export type Stream = Awaited<ReturnType<Connection["newStream"]>>;

/** Read ahead of whoever pulls: enough to keep the channel busy. */
const highWaterBytes = 262_144;
const sliceBytes = 131_072;

/** The bytes of a libp2p stream, pulled. What is not pulled stays within the stream's window at the sender. */
export class StreamSource implements ChunkSource {
  readonly #stream: Stream;
  readonly #watch: IdleWatch;
  readonly #chunks: Uint8Array[] = [];
  #waitingBytes = 0;
  #ended = false;
  #broken: Error | undefined;
  #wake: (() => void) | undefined;

  constructor(stream: Stream, watch: IdleWatch) {
    this.#stream = stream;
    this.#watch = watch;
    stream.addEventListener("message", (event) => {
      watch.touch();
      const { data } = event;
      for (const chunk of data instanceof Uint8Array ? [data] : data) {
        this.#chunks.push(chunk);
        this.#waitingBytes += chunk.length;
      }
      if (this.#waitingBytes >= highWaterBytes && stream.readStatus === "readable") stream.pause();
      this.#wake?.();
    });
    stream.addEventListener("remoteCloseWrite", () => {
      this.#ended = true;
      this.#wake?.();
    });
    stream.addEventListener("close", (event) => {
      if (!this.#ended) this.fail(event.error ?? new Error("the connection closed"));
      this.#wake?.();
    });
    // What happened before there was anybody to hear it is not told again.
    if (stream.status === "open" || stream.status === "closing") this.#ended = stream.remoteWriteStatus === "closed";
    else this.fail(new Error(`the stream is ${stream.status}`));
  }

  /** Ends the waiting of whoever pulls. */
  fail(reason: Error): void {
    this.#broken ??= reason;
    this.#wake?.();
  }

  async next(): Promise<Uint8Array | undefined> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) {
        this.#waitingBytes -= chunk.length;
        return chunk;
      }
      if (this.#stream.readStatus === "paused") this.#stream.resume();
      if (this.#chunks.length > 0) continue;
      if (this.#broken !== undefined) throw unreachable("the connection to the device broke", this.#broken);
      if (this.#ended && this.#stream.readBufferLength === 0) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#watch.touch();
    }
  }
}

/** Sends a message and closes this direction, never ahead of what the other side takes by more than its window. */
export async function sendMessage(stream: Stream, message: Message, watch: IdleWatch): Promise<void> {
  const bodyBytes = message.body.reduce((sum, part) => sum + part.length, 0);
  await send(stream, encodeFraming(message.frame, bodyBytes), watch);
  for (const part of message.body) {
    for (let at = 0; at < part.length; at += sliceBytes) {
      await send(stream, part.subarray(at, at + sliceBytes), watch);
    }
  }
  await stream.close();
}

async function send(stream: Stream, bytes: Uint8Array, watch: IdleWatch): Promise<void> {
  await writable(stream);
  if (stream.writeStatus !== "writable") throw unreachable("the connection to the device closed");
  stream.send(bytes);
  watch.touch();
}

function writable(stream: Stream): Promise<void> {
  if (!stream.writableNeedsDrain) return Promise.resolve();
  return new Promise((resolve) => {
    const onDrain = (): void => {
      stream.removeEventListener("drain", onDrain);
      stream.removeEventListener("close", onDrain);
      resolve();
    };
    stream.addEventListener("drain", onDrain);
    stream.addEventListener("close", onDrain);
  });
}

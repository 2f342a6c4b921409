import assert from "node:assert/strict";
import { ByteReader, ByteWriter, malformed } from "@piccolo/bytes";
import { maxFrameBytes } from "./format.ts";

/** Bytes in front of a frame: its length and that of the body behind it. */
export const prefixBytes = 12;

/** The frame as it goes on a stream, before its body. */
export function encodeFraming(frame: Uint8Array, bodyBytes: number): Uint8Array<ArrayBuffer> {
  assert.ok(frame.length >= 1 && frame.length <= maxFrameBytes, `a frame of ${frame.length} bytes`);
  return new ByteWriter().u32(frame.length).u64(bodyBytes).raw(frame).finish();
}

export type FramingEvent =
  | { readonly type: "frame"; readonly frame: Uint8Array; readonly bodyBytes: number }
  /** A piece of the body; a view of the pushed bytes. */
  | { readonly type: "body"; readonly bytes: Uint8Array }
  | { readonly type: "end" };

/**
 * Takes one message (prefix, frame, body) off a stream, however its bytes are cut. It keeps at most the prefix and one
 * frame, and throws `malformed` as soon as the prefix announces more than its bounds, before any of that arrives. After
 * a throw it is not used any more.
 */
export class FrameReader {
  readonly #maxBodyBytes: number;
  readonly #prefix = new Uint8Array(prefixBytes);
  #prefixLength = 0;
  #frame: Uint8Array<ArrayBuffer> | undefined;
  #frameLength = 0;
  #bodyBytes = 0;
  #bodyLeft = 0;
  #state: "prefix" | "frame" | "body" | "end" = "prefix";

  constructor(limits: { readonly maxBodyBytes: number }) {
    this.#maxBodyBytes = limits.maxBodyBytes;
  }

  /** Whether the whole message has come. */
  get ended(): boolean {
    return this.#state === "end";
  }

  push(bytes: Uint8Array): FramingEvent[] {
    const events: FramingEvent[] = [];
    let rest = bytes;
    while (rest.length > 0) {
      switch (this.#state) {
        case "prefix":
          rest = this.#takePrefix(rest);
          break;
        case "frame":
          rest = this.#takeFrame(rest, events);
          break;
        case "body":
          rest = this.#takeBody(rest, events);
          break;
        case "end":
          throw malformed(`${rest.length} bytes follow the message`);
      }
    }
    return events;
  }

  /** To be called when the stream has ended: throws `malformed` if the message has not. */
  finish(): void {
    if (this.#state !== "end") throw malformed("the stream ends within a message");
  }

  #takePrefix(bytes: Uint8Array): Uint8Array {
    const taken = bytes.subarray(0, prefixBytes - this.#prefixLength);
    this.#prefix.set(taken, this.#prefixLength);
    this.#prefixLength += taken.length;
    if (this.#prefixLength === prefixBytes) {
      const reader = new ByteReader(this.#prefix);
      const frameBytes = reader.u32();
      if (frameBytes < 1 || frameBytes > maxFrameBytes) throw malformed(`a frame of ${frameBytes} bytes is announced`);
      this.#bodyBytes = reader.u64();
      if (this.#bodyBytes > this.#maxBodyBytes) {
        throw malformed(`a body of ${this.#bodyBytes} bytes is announced, over the bound of ${this.#maxBodyBytes}`);
      }
      this.#frame = new Uint8Array(frameBytes);
      this.#state = "frame";
    }
    return bytes.subarray(taken.length);
  }

  #takeFrame(bytes: Uint8Array, events: FramingEvent[]): Uint8Array {
    const frame = this.#frame;
    assert.ok(frame !== undefined);
    const taken = bytes.subarray(0, frame.length - this.#frameLength);
    frame.set(taken, this.#frameLength);
    this.#frameLength += taken.length;
    if (this.#frameLength === frame.length) {
      this.#frame = undefined;
      this.#bodyLeft = this.#bodyBytes;
      events.push({ type: "frame", frame, bodyBytes: this.#bodyBytes });
      this.#endOrBody(events);
    }
    return bytes.subarray(taken.length);
  }

  #takeBody(bytes: Uint8Array, events: FramingEvent[]): Uint8Array {
    const taken = bytes.subarray(0, this.#bodyLeft);
    this.#bodyLeft -= taken.length;
    events.push({ type: "body", bytes: taken });
    this.#endOrBody(events);
    return bytes.subarray(taken.length);
  }

  #endOrBody(events: FramingEvent[]): void {
    this.#state = this.#bodyLeft === 0 ? "end" : "body";
    if (this.#state === "end") events.push({ type: "end" });
  }
}

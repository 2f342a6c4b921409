import type { Libp2p } from "libp2p";
import { encodeFraming } from "@piccolo/wire";
import type { Message } from "@piccolo/storage/ports";
import { ChunkQueue } from "./chunk-queue.ts";
import { unreachable } from "./faults.ts";
import type { IdleWatch } from "./idle-watch.ts";

export type Connection = ReturnType<Libp2p["getConnections"]>[number];
export type Stream = Awaited<ReturnType<Connection["newStream"]>>;

const sliceBytes = 131_072;

/** The bytes of a libp2p stream, pulled. What is not pulled stays within the stream's window at the sender. */
export function streamSource(stream: Stream, watch: IdleWatch): ChunkQueue {
  const queue = new ChunkQueue(watch, {
    pause: () => {
      if (stream.readStatus === "readable") stream.pause();
    },
    resume: () => {
      if (stream.readStatus === "paused") stream.resume();
    },
  });
  stream.addEventListener("message", ({ data }) => {
    for (const chunk of data instanceof Uint8Array ? [data] : data) queue.push(chunk);
  });
  stream.addEventListener("remoteCloseWrite", () => queue.end());
  stream.addEventListener("close", ({ error }) => queue.fail(error ?? new Error("the connection closed")));
  // What happened before there was anybody to hear it is not told again.
  if (stream.status !== "open" && stream.status !== "closing") queue.fail(new Error(`the stream is ${stream.status}`));
  else if (stream.remoteWriteStatus === "closed") queue.end();
  return queue;
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
  watch.touch(bytes.length);
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

import type { IncomingMessage, OutgoingMessage } from "node:http";
import type { Message } from "@piccolo/storage/ports";
import { encodeFraming } from "@piccolo/wire";
import { ChunkQueue } from "./chunk-queue.ts";
import { unreachable } from "./faults.ts";
import type { IdleWatch } from "./idle-watch.ts";

const sliceBytes = 262_144;

/** The content of an HTTP message, pulled; what is not pulled stays in the sender's and the receiver's socket buffers. */
export function contentSource(message: IncomingMessage, watch: IdleWatch): ChunkQueue {
  const queue = new ChunkQueue(watch, { pause: () => message.pause(), resume: () => message.resume() });
  message.on("data", (chunk: Buffer) => queue.push(chunk));
  message.on("end", () => queue.end());
  message.on("error", (error) => queue.fail(error));
  message.on("close", () => queue.fail(new Error("the connection closed")));
  return queue;
}

/** Length of the content that carries the message. */
export function contentBytes(message: Message): number {
  return 12 + message.frame.length + message.body.reduce((sum, part) => sum + part.length, 0);
}

/** Sends a message as the content and ends it, as fast as the other side takes it. */
export async function sendContent(to: OutgoingMessage, message: Message, watch: IdleWatch): Promise<void> {
  const bodyBytes = message.body.reduce((sum, part) => sum + part.length, 0);
  await send(to, encodeFraming(message.frame, bodyBytes), watch);
  for (const part of message.body) {
    for (let at = 0; at < part.length; at += sliceBytes) {
      await send(to, part.subarray(at, at + sliceBytes), watch);
    }
  }
  await new Promise<void>((resolve, reject) => {
    to.once("close", () => reject(unreachable("the connection to the device closed")));
    to.end(() => {
      watch.touch(0);
      resolve();
    });
  });
}

function send(to: OutgoingMessage, bytes: Uint8Array, watch: IdleWatch): Promise<void> {
  watch.touch(bytes.length);
  if (to.destroyed) return Promise.reject(unreachable("the connection to the device closed"));
  if (to.write(bytes)) return Promise.resolve();
  return new Promise((resolve) => {
    const onMove = (): void => {
      to.off("drain", onMove);
      to.off("close", onMove);
      resolve();
    };
    to.on("drain", onMove);
    to.on("close", onMove);
  });
}

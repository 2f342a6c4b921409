import { isFault } from "@piccolo/fault";
import type { Message, PeerHandler } from "@piccolo/storage/ports";
import { encodeResponse, refusal } from "@piccolo/wire";
import type { IdleWatch } from "./idle-watch.ts";
import type { MessageInlet } from "./message-inlet.ts";

export type Log = (event: string, facts: Readonly<Record<string, unknown>>) => void;

export interface Exchange {
  readonly deviceKey: Uint8Array;
  readonly handler: PeerHandler;
  readonly inlet: MessageInlet;
  readonly watch: IdleWatch;
  /** Aborted when the asker is gone or silent, or this device stops. */
  readonly signal: AbortSignal;
  /** `wholeRequest` is false where a part of the body was left unread. */
  readonly respond: (response: Message, wholeRequest: boolean) => Promise<void>;
  readonly log: Log;
}

/**
 * Serves one request, whatever channel it came on: the frame is judged before the body is read, failures of the handler
 * become `internal`, and what was admitted is released once, after the response is sent or the channel broke.
 */
export async function serveExchange(exchange: Exchange): Promise<void> {
  const { deviceKey, handler, inlet, watch, signal, respond, log } = exchange;
  let release = (): void => undefined;
  let response: Message | undefined;
  let wholeRequest = false;
  try {
    const { frame, bodyBytes } = await inlet.frame();
    const admitted = handler.admit(deviceKey, frame);
    if ("refusal" in admitted) {
      response = admitted.refusal;
    } else {
      release = admitted.release;
      if (bodyBytes > admitted.bodyBytes) {
        response = refused("malformed", "the body is longer than granted");
      } else {
        const body = await inlet.body();
        wholeRequest = true;
        watch.pause();
        response = await orAborted(handler.handle(deviceKey, { frame, body }, signal), signal);
        watch.resume();
      }
    }
    await respond(response, wholeRequest);
  } catch (error) {
    signal.throwIfAborted();
    if (response !== undefined) throw error;
    watch.resume();
    if (isFault(error, "malformed") && !wholeRequest) {
      await respond(refused("malformed", error.message), false);
    } else {
      log("request-failed", { message: error instanceof Error ? error.message : "unknown" });
      await respond(refused("internal", "the device could not do it; ask again later"), wholeRequest);
    }
  } finally {
    release();
  }
}

function refused(code: "malformed" | "internal", message: string): Message {
  return { frame: encodeResponse(refusal(code, message)), body: [] };
}

/** The promise, unless the signal is aborted first. */
export async function orAborted<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    if (signal.aborted) onAbort();
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
    // Whichever lost the race may still reject; nobody waits for it any more.
    promise.catch(() => undefined);
    aborted.promise.catch(() => undefined);
  }
}

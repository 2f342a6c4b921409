import { discard } from "@piccolo/bytes";
import { isFault } from "@piccolo/fault";
import { type Message, orAborted, type PeerHandler } from "@piccolo/storage/ports";
import { encodeResponse, maxBodyBytes, refusal } from "@piccolo/wire";
import type { IdleWatch } from "./idle-watch.ts";
import type { World } from "@piccolo/world";
import type { ChunkSource, MessageInlet } from "./message-inlet.ts";

export type Log = (event: string, facts: Readonly<Record<string, unknown>>) => void;

/**
 * What a member who has memory reserved here has to move. An owner's device gives up below twice as much by itself,
 * since it sends in slices, each within the silence allowed; so an honest one never comes near it.
 */
export const leastBytesPerSecond = 2_048;

export interface Exchange {
  readonly deviceKey: Uint8Array;
  readonly handler: PeerHandler;
  readonly inlet: MessageInlet;
  readonly watch: IdleWatch;
  /** Aborted when the asker is gone or silent, or this device stops. */
  readonly signal: AbortSignal;
  readonly respond: (response: Message) => Promise<void>;
  readonly log: Log;
}

/**
 * Serves one request, whatever channel it came on: the frame is judged before the body is read, failures of the handler
 * become `internal`, and what was admitted is released once, after the response is sent or the channel broke, and the
 * handler is done. Resolves to whether the whole request was read.
 */
export async function serveExchange(exchange: Exchange): Promise<boolean> {
  const { deviceKey, handler, inlet, watch, signal, respond, log } = exchange;
  let release = (): void => undefined;
  let handled: Promise<unknown> = Promise.resolve();
  let response: Message | undefined;
  let wholeRequest = false;
  let spent: readonly Uint8Array[] = [];
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
        const handling = handler.handle(deviceKey, { frame, body }, signal);
        handled = handling;
        response = await orAborted(handling, signal);
        spent = body;
        watch.resume();
      }
    }
    await respond(response);
    // Now neither the handler nor the channel reads them; after a failure one of them might.
    spent.forEach(discard);
    response.release?.();
  } catch (error) {
    signal.throwIfAborted();
    if (response !== undefined) throw error;
    watch.resume();
    if (isFault(error, "malformed") && !wholeRequest) {
      await respond(refused("malformed", error.message));
    } else {
      log("request-failed", { message: error instanceof Error ? error.message : "unknown" });
      await respond(refused("internal", "the device could not do it; ask again later"));
    }
  } finally {
    // A handler that is left behind goes on with the body: what is reserved for it is not free before it ends.
    handled.then(release, release);
  }
  return wholeRequest;
}

/** How long an asker that was refused early may take to hear it, and how much is read of it meanwhile: one body. */
const lingerMs = 5_000;
const lingerBytes = maxBodyBytes;

/**
 * Throws away what an asker still sends that was refused before its request was read. Closing the channel on it at once
 * could take the refusal along; an asker that has heard it stops by itself.
 */
export async function discardRest(source: Pick<ChunkSource, "next">, world: World, signal: AbortSignal): Promise<void> {
  const over = new AbortController();
  const late = world.sleep(lingerMs, AbortSignal.any([over.signal, signal]));
  const discarded = (async (): Promise<void> => {
    let discardedBytes = 0;
    while (!over.signal.aborted && discardedBytes <= lingerBytes) {
      const chunk = await source.next();
      if (chunk === undefined) return;
      discardedBytes += chunk.length;
    }
  })();
  try {
    await Promise.race([late, discarded]);
  } catch {
    // The asker closed the channel, which is what it should do.
  } finally {
    over.abort();
    late.catch(() => undefined);
    discarded.catch(() => undefined);
  }
}

function refused(code: "malformed" | "internal", message: string): Message {
  return { frame: encodeResponse(refusal(code, message)), body: [] };
}

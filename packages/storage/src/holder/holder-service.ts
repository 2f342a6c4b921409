import { discard, equalConstantTime, toHex } from "@piccolo/bytes";
import { isFault } from "@piccolo/fault";
import {
  decodeRequest,
  encodeResponse,
  type Hello,
  refusal,
  type Refused,
  type Request,
  requestBodyBytes,
  type Response,
  toRefusal,
} from "@piccolo/wire";
import { cellBytes, decodeHeader } from "../fragment/index.ts";
import { BytesUnderWay } from "./bytes-under-way.ts";
import type { Message, PeerHandler } from "../ports/index.ts";
import type { HolderStore } from "./holder-store.ts";

/** Bytes under way at once, of one member and of all together: bodies that come in, and cells that go out. More is `busy`. */
const storing = { mostPerMember: 32 * 1024 * 1024, mostOfAll: 96 * 1024 * 1024 };
const serving = { mostPerMember: 64 * 1024 * 1024, mostOfAll: 128 * 1024 * 1024 };
const busyRetryMs = 200;

export interface HolderServiceOptions {
  readonly store: HolderStore;
  /** The account (32 bytes) whose current device has this key; undefined = not a member. */
  readonly memberOf: (deviceKey: Uint8Array) => Uint8Array | undefined;
  /** Answers a member's hello, and learns from it. */
  readonly hello: (account: Uint8Array, hello: Hello) => Hello;
  readonly report: (event: string, facts: Readonly<Record<string, unknown>>) => void;
}

function answer(response: Response, body: readonly Uint8Array[] = []): Message {
  return { frame: encodeResponse(response), body };
}

/**
 * Decides who may ask for what: members only, each about fragments of their own account, within bounds. Who asks is
 * known from the channel, never from the message.
 */
export class HolderService implements PeerHandler {
  readonly #options: HolderServiceOptions;
  readonly #storing = new BytesUnderWay(storing);
  readonly #serving = new BytesUnderWay(serving);

  constructor(options: HolderServiceOptions) {
    this.#options = options;
  }

  admit(
    deviceKey: Uint8Array,
    frame: Uint8Array,
  ): { readonly bodyBytes: number; readonly release: () => void } | { readonly refusal: Message } {
    try {
      const { account, request } = this.#authorize(deviceKey, frame);
      if (request.type === "store") {
        const header = decodeHeader(request.headerBytes);
        if (!equalConstantTime(header.key.account, account)) return refuse(notYours());
        if (header.fragmentBytes !== request.bodyBytes) {
          return refuse(refusal("malformed", "the body is not as long as the header says"));
        }
      }
      const bodyBytes = requestBodyBytes(request);
      const release =
        request.type === "fetch"
          ? this.#serving.reserve(toHex(account), request.cellCount * cellBytes)
          : this.#storing.reserve(toHex(account), bodyBytes);
      if (release === undefined) return refuse(refusal("busy", "too much is under way at once", busyRetryMs));
      return { bodyBytes, release };
    } catch (error) {
      return refuse(this.#refusalOf(error));
    }
  }

  /** Throws a refusal where the asker is a stranger or names an account that is not theirs. */
  #authorize(deviceKey: Uint8Array, frame: Uint8Array): { readonly account: Uint8Array; readonly request: Request } {
    const account = this.#options.memberOf(deviceKey);
    if (account === undefined) throw new RefusalSignal(refusal("not-a-member", "this device serves its members only"));
    const request = decodeRequest(frame);
    if (request.type !== "hello" && !equalConstantTime(request.account, account)) throw new RefusalSignal(notYours());
    return { account, request };
  }

  async handle(deviceKey: Uint8Array, message: Message, signal: AbortSignal): Promise<Message> {
    try {
      // Membership may have ended while the body came.
      const { account, request } = this.#authorize(deviceKey, message.frame);
      signal.throwIfAborted();
      return await this.#perform(account, request, message.body);
    } catch (error) {
      return answer(this.#refusalOf(error));
    }
  }

  async #perform(account: Uint8Array, request: Request, body: readonly Uint8Array[]): Promise<Message> {
    const { store, hello } = this.#options;
    switch (request.type) {
      case "hello":
        return answer(hello(account, request));
      case "store":
        await store.store(request.headerBytes, body);
        return answer({ type: "stored" });
      case "fetch": {
        const { segmentId, index, firstCell, cellCount } = request;
        const cells = await store.fetch({ account, segmentId, index }, { firstCell, cellCount });
        const { headerBytes, leaves } = cells;
        const response = answer({ type: "cells", headerBytes, leaves, bodyBytes: cells.body.length }, [cells.body]);
        return { ...response, release: () => discard(cells.body) };
      }
      case "remove":
        return answer({ type: "removed", count: await store.remove(account, request.segmentIds) });
      case "list": {
        const held = store.list(account, request.after, request.limit + 1);
        const entries = held
          .slice(0, request.limit)
          .map(({ key, root, sizeBytes }) => ({ segmentId: key.segmentId, index: key.index, root, sizeBytes }));
        return answer({ type: "listing", entries, more: held.length > request.limit });
      }
      case "status": {
        const held = request.keys.map(({ segmentId, index }) => store.has({ account, segmentId, index }));
        return answer({ type: "statuses", held });
      }
      default:
        return request satisfies never;
    }
  }

  #refusalOf(error: unknown): Refused {
    if (error instanceof RefusalSignal) return error.refused;
    if (isFault(error, "malformed")) return refusal("malformed", error.message);
    const refused = toRefusal(error);
    if (refused.code === "internal") {
      const code = isFault(error) ? error.code : "bug";
      this.#options.report("request-failed", { code, message: error instanceof Error ? error.message : "unknown" });
    }
    return refused;
  }
}

/** Carries a refusal out of the checks. */
class RefusalSignal extends Error {
  readonly refused: Refused;
  constructor(refused: Refused) {
    super(refused.code);
    this.refused = refused;
  }
}

function refuse(refused: Refused): { readonly refusal: Message } {
  return { refusal: answer(refused) };
}

function notYours(): Refused {
  return refusal("not-yours", "these fragments belong to another owner");
}

import type { IncomingMessage } from "node:http";
import { errorFacts, type Log } from "../log.ts";
import { diskFaults } from "@piccolo/storage/ports";
import { runtimeFaults } from "../../apps/runtime/faults.ts";
import type { PodmanEndpoint } from "./endpoint.ts";
import {
  exchange,
  isGone,
  isNobody,
  readBody,
  type SocketReply,
  type SocketRequest,
  unavailable,
} from "./unix-http.ts";

/** The interface is the one of Podman 4.3 (Debian 12); later ones answer it too. */
export const libpodApi = "/v4.3.1/libpod";

const answerBytesMax = 8 * 1024 * 1024;
const answerMs = 60_000;
const wordsCharactersMax = 1_000;

export type Call = Omit<SocketRequest, "timeoutMs"> & {
  readonly timeoutMs?: number;
  /** What was begun and cut off is not to be asked for again: the caller looks first. */
  readonly isOnce?: boolean;
};

/** What libpod says when it refuses; for the log, since its words may repeat whatever it was given. */
export interface Refusal {
  readonly status: number;
  readonly message: string;
}

/** Calls of libpod's interface: whatever is not understood is a fault, and the same call starts a dead service again. */
export class PodmanInterface {
  readonly #endpoint: PodmanEndpoint;
  readonly #log: Log;

  constructor(endpoint: PodmanEndpoint, log: Log) {
    this.#endpoint = endpoint;
    this.#log = log;
  }

  /** The interface that images come in through while `work` goes on (`PodmanEndpoint.bringIn`). */
  bringIn<Result>(work: (inside: PodmanInterface) => Promise<Result>): Promise<Result> {
    return this.#endpoint.bringIn((endpoint) => work(new PodmanInterface(endpoint, this.#log)));
  }

  /** A stream of an answer that is a success. Throws the `refused` of a caller, `runtime-failed`, `runtime-unavailable`. */
  async open(call: Call, refused?: (refusal: Refusal) => Error | undefined): Promise<IncomingMessage> {
    const { status: said, body } = await this.#send(call);
    if (said >= 200 && said < 300) return body;
    // What is so already: started, stopped.
    if (said === 304) return body;
    const message = messageOf(await this.#read(body));
    // A container that is removed while it is asked about is missing, too.
    const status = said === 500 && message.startsWith("no such container") ? 404 : said;
    throw refused?.({ status, message }) ?? this.failed(`${call.method} ${call.path}`, { status, message });
  }

  /** A JSON answer, undefined for an empty one. */
  async call(call: Call, refused?: (refusal: Refusal) => Error | undefined): Promise<unknown> {
    const text = await this.#read(await this.open(call, refused));
    if (text === "") return undefined;
    try {
      return JSON.parse(text) as unknown;
    } catch (cause) {
      throw unavailable(cause);
    }
  }

  /** The same where 404 is an answer, too. */
  async find(call: Call): Promise<unknown> {
    const missing = new Error("missing");
    try {
      return await this.call(call, ({ status }) => (status === 404 ? missing : undefined));
    } catch (error) {
      if (error === missing) return undefined;
      throw error;
    }
  }

  failed(what: string, { status, message }: Refusal): Error {
    const words = message.slice(0, wordsCharactersMax);
    this.#log.warn("podman-refused", { what: what.split("?")[0], status, message: words });
    if (/no space left on device/i.test(message)) {
      return diskFaults.fault("disk-full", "there is no room left for apps; remove one, or free some room");
    }
    return runtimeFaults.fault("runtime-failed", "what runs the apps could not do it", { cause: new Error(words) });
  }

  async #send(call: Call): Promise<SocketReply> {
    const full: SocketRequest = { timeoutMs: answerMs, ...call };
    try {
      return await exchange(this.#endpoint.socketPath, full);
    } catch (error) {
      if (call.signal?.aborted === true) throw error;
      // A body that was begun cannot be sent again, and what was asked may have been done: only who found nobody asks again.
      const mayBeBegun = call.body !== undefined || (call.isOnce === true && !isNobody(error));
      if (!isGone(error) || mayBeBegun) throw asUnavailable(error);
      this.#log.info("podman-gone", errorFacts(error));
    }
    await this.#endpoint.ensure();
    try {
      return await exchange(this.#endpoint.socketPath, full);
    } catch (error) {
      throw asUnavailable(error);
    }
  }

  async #read(body: IncomingMessage): Promise<string> {
    try {
      return await readBody(body, answerBytesMax);
    } catch (error) {
      throw runtimeFaults.owns(error) ? error : unavailable(error);
    }
  }
}

/** An error of what was to be sent stays what it is. */
function asUnavailable(error: unknown): unknown {
  const isOfConnection =
    error instanceof Error && "code" in error && typeof error.code === "string" && /^E[A-Z]+$/.test(error.code);
  return isOfConnection ? unavailable(error) : error;
}

function messageOf(text: string): string {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) {
      const { cause, message, error } = value as Readonly<Record<string, unknown>>;
      // Of the compatible interface, where an image cannot be had.
      if (typeof error === "string") return error;
      return `${typeof cause === "string" ? `${cause}: ` : ""}${typeof message === "string" ? message : ""}`;
    }
  } catch {
    // Not every refusal is JSON.
  }
  return text;
}

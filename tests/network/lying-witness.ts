/** A member's device that does all that its own would, but for what it says of another member's log once it lies. */
import type { Network } from "@piccolo/devnet";
import { ed25519FromSeed, encodeStatement } from "@piccolo/envelope";
import { decodeHead, signHead } from "@piccolo/storage/log";
import type { Message, PeerHandler } from "@piccolo/storage/ports";
import {
  decodeLogRequest,
  decodeLogResponse,
  decodeRecoverRequest,
  decodeRecoverResponse,
  encodeLogResponse,
  encodeRecoverResponse,
  isLogRequest,
} from "@piccolo/wire";
import { realWorld } from "@piccolo/world/real";
import { createPeerNet } from "../../programs/piccolod/src/adapters/peer-net/index.ts";
import type { Piccolod } from "../../programs/piccolod/src/context.ts";
import { openDeviceHere } from "./device-here.ts";

/**
 * What it says: that the first entry it was ever brought is the newest; that it has nothing, neither entries nor slots;
 * a later head than there is, signed by a key of its own; or a later one that is only a changed copy of the right one.
 */
export type Lie = "older" | "nothing" | "forged" | "changed";

export class LyingWitness {
  lie: Lie | undefined;
  /** Answers that were not true. */
  lies = 0;
  #device: Piccolod | undefined;
  #firstHead: Uint8Array | undefined;

  /** Takes the place of the device with the number, whose process must not run, with all it has stored. */
  static async start(network: Network, number: number): Promise<LyingWitness> {
    const witness = new LyingWitness();
    witness.#device = await openDeviceHere(network, number, {
      createPeerNet: (options) => {
        const { handler, recover } = options;
        return createPeerNet({
          ...options,
          handler: witness.#over(handler, (request, reply) => witness.#answer(request, reply)),
          ...(recover === undefined
            ? {}
            : { recover: witness.#over(recover, (request, reply) => witness.#answerStranger(request, reply)) }),
        });
      },
    });
    return witness;
  }

  #over(honest: PeerHandler, change: (request: Message, reply: Message) => Message): PeerHandler {
    return {
      admit: (deviceKey, frame) => honest.admit(deviceKey, frame),
      handle: async (deviceKey, request, signal) => {
        const reply = await honest.handle(deviceKey, request, signal);
        const given = change(request, reply);
        if (given !== reply) this.lies++;
        return given;
      },
    };
  }

  #answer(request: Message, reply: Message): Message {
    if (!isLogRequest(request.frame)) return reply;
    const asked = decodeLogRequest(request.frame);
    if (asked.type === "witness-append") this.#firstHead ??= asked.head;
    if (this.lie === undefined) return reply;
    const given = decodeLogResponse(reply.frame);
    if (given.type === "witness-entries" && (this.lie === "older" || this.lie === "nothing")) {
      return { frame: encodeLogResponse({ type: "witness-entries", entries: [] }), body: [] };
    }
    if (given.type === "witness-state" && given.newest !== undefined) {
      const { head, first } = given.newest;
      return {
        frame: encodeLogResponse({ type: "witness-state", newest: this.#newest(this.lie, head, first) }),
        body: [],
      };
    }
    return reply;
  }

  #newest(
    lie: Lie,
    head: Uint8Array,
    first: number,
  ): { readonly head: Uint8Array; readonly first: number } | undefined {
    switch (lie) {
      case "nothing":
        return undefined;
      case "older":
        return { head: this.#firstHead ?? head, first: 1 };
      case "changed":
        return { head: head.with(head.length - 1, (head.at(-1) ?? 0) ^ 1), first };
      case "forged": {
        const known = decodeHead(head).head;
        const key = ed25519FromSeed(realWorld.randomBytes(32));
        const later = { ...known, sequence: known.sequence + 1_000 };
        return { head: signHead(later, (statement) => key.sign(encodeStatement(statement))).bytes, first };
      }
      default:
        return lie satisfies never;
    }
  }

  /** To a device that recovers: no slot, and a member list that ends where this device had not yet been replaced. */
  #answerStranger(request: Message, reply: Message): Message {
    if (this.lie === undefined) return reply;
    const asked = decodeRecoverRequest(request.frame);
    const given = decodeRecoverResponse(reply.frame);
    if (asked.type === "find-slot" && given.type === "slot" && this.lie === "nothing") {
      return { frame: encodeRecoverResponse({ type: "slot", slot: undefined }), body: [] };
    }
    if (asked.type === "read-membership" && given.type === "membership" && this.lie === "older") {
      const lengths = given.lengths.slice(0, -1);
      const logLength = given.logLength - (given.lengths.length - lengths.length);
      return {
        frame: encodeRecoverResponse({ type: "membership", logLength, lengths }),
        body: reply.body.slice(0, -1),
      };
    }
    return reply;
  }

  async stop(): Promise<void> {
    await this.#device?.close();
  }
}

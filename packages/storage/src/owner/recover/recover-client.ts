import { concat } from "@piccolo/bytes";
import { type OwnerKeys, type Phrase, proveAccount, proveLocator, type RecoveryAudience } from "@piccolo/envelope";
import {
  decodeRecoverResponse,
  encodeRecoverRequest,
  fromRefusal,
  maxMembershipBodyBytes,
  type MemberPlace,
  type RecoverRequest,
  type RecoverResponse,
} from "@piccolo/wire";
import type { World } from "@piccolo/world";
import { asTransportFault, type PeerTarget, type PeerTransport, transportFaults } from "../../ports/index.ts";

/** Less than a challenge lives. */
const longestWaitMs = 20_000;
const mostTries = 8;

type Answer<Type extends RecoverResponse["type"]> = Extract<RecoverResponse, { type: Type }>;

/**
 * Asks members as a device that is nobody's yet. Failures are Faults: the refusals of the wire (`not-yours` for a proof
 * that does not fit, `rate-limited`, `conflict`), and those of `PeerTransport`. What comes back is not checked here but
 * for its form: slots, entries and addresses prove themselves.
 */
export class RecoverClient {
  readonly #transport: PeerTransport;
  readonly #world: Pick<World, "sleep"> | undefined;

  /** `transport` carries the protocol `/piccolo/recover/1`. With a world, who asks too often waits as long as it is told. */
  constructor(transport: PeerTransport, world?: Pick<World, "sleep">) {
    this.#transport = transport;
    this.#world = world;
  }

  async #ask<Type extends RecoverResponse["type"]>(
    peer: PeerTarget,
    request: RecoverRequest,
    expected: Type,
    signal: AbortSignal,
    maxBodyBytes = 0,
  ): Promise<{ readonly response: Answer<Type>; readonly body: Uint8Array }> {
    const message = { frame: encodeRecoverRequest(request), body: [] };
    for (let attempt = 1; ; attempt++) {
      const reply = await this.#transport.request(peer, message, { maxBodyBytes, signal });
      const response = decoded(reply.frame);
      if (response.type === "refused") {
        const { code, retryAfterMs } = response;
        const isWaitedFor = code === "rate-limited" && retryAfterMs > 0 && retryAfterMs <= longestWaitMs;
        if (this.#world === undefined || !isWaitedFor || attempt === mostTries) throw fromRefusal(response);
        await this.#world.sleep(retryAfterMs, signal);
        continue;
      }
      if (response.type !== expected) {
        throw transportFaults.fault("peer-protocol", `the member answered ${response.type}, which does not fit`);
      }
      return { response: response as Answer<Type>, body: concat(...reply.body) };
    }
  }

  /** The proof is for this member's device alone, so that it cannot be shown to another one. */
  async #audience(peer: PeerTarget, signal: AbortSignal): Promise<RecoveryAudience> {
    const { response } = await this.#ask(peer, { type: "challenge" }, "challenge", signal);
    return { verifier: peer.deviceKey, challenge: response.challenge };
  }

  async #proof(
    peer: PeerTarget,
    keys: OwnerKeys,
    signal: AbortSignal,
  ): Promise<{ readonly account: Uint8Array; readonly signature: Uint8Array }> {
    return { account: keys.account, signature: proveAccount(keys, await this.#audience(peer, signal)) };
  }

  /** The sealed slot under the phrase's locator; undefined where the member has none. */
  async findSlot(peer: PeerTarget, phrase: Phrase, signal: AbortSignal): Promise<Uint8Array | undefined> {
    const proof = proveLocator(phrase, await this.#audience(peer, signal));
    const request: RecoverRequest = { type: "find-slot", locator: phrase.locator, ...proof };
    const { response } = await this.#ask(peer, request, "slot", signal);
    return response.slot;
  }

  /** A page of the membership log, and the length of the whole. */
  async readMembership(
    peer: PeerTarget,
    keys: OwnerKeys,
    from: number,
    signal: AbortSignal,
  ): Promise<{ readonly logLength: number; readonly entries: readonly Uint8Array[] }> {
    const request: RecoverRequest = { type: "read-membership", ...(await this.#proof(peer, keys, signal)), from };
    const { response, body } = await this.#ask(peer, request, "membership", signal, maxMembershipBodyBytes);
    let at = 0;
    const entries = response.lengths.map((length) => {
      at += length;
      return body.slice(at - length, at);
    });
    if (at !== body.length) {
      throw transportFaults.fault("peer-protocol", "the member's answer is not as long as it says");
    }
    return { logLength: response.logLength, entries };
  }

  async memberAddresses(peer: PeerTarget, keys: OwnerKeys, signal: AbortSignal): Promise<readonly MemberPlace[]> {
    const request: RecoverRequest = { type: "member-addresses", ...(await this.#proof(peer, keys, signal)) };
    return (await this.#ask(peer, request, "addresses", signal)).response.members;
  }

  /** Resolves with the length of the member's log, which has the entry then. */
  async appendDevice(peer: PeerTarget, keys: OwnerKeys, entry: Uint8Array, signal: AbortSignal): Promise<number> {
    const request: RecoverRequest = { type: "append-device", ...(await this.#proof(peer, keys, signal)), entry };
    return (await this.#ask(peer, request, "appended", signal)).response.logLength;
  }
}

function decoded(frame: Uint8Array): RecoverResponse {
  try {
    return decodeRecoverResponse(frame);
  } catch (error) {
    throw asTransportFault(error);
  }
}

import { equalConstantTime, toHex } from "@piccolo/bytes";
import { type RecoveryAudience, verifyAccountProof, verifyLocatorProof } from "@piccolo/envelope";
import { isFault } from "@piccolo/fault";
import { decodeEntry } from "@piccolo/membership";
import {
  decodeRecoverRequest,
  encodeRecoverResponse,
  maxAddressBytes,
  maxMemberPlaces,
  maxMembershipBodyBytes,
  maxPlaceAddresses,
  maxSlotBytes,
  type MemberPlace,
  type RecoverRequest,
  type RecoverResponse,
  refusal,
  refusalFaults,
  type Refused,
  toRefusal,
} from "@piccolo/wire";
import type { World } from "@piccolo/world";
import type { Message, PeerHandler, WitnessStore } from "../ports/index.ts";
import { BytesUnderWay } from "./bytes-under-way.ts";
import { RateLimit } from "./rate-limit.ts";
import { RecoveryChallenges } from "./recovery-challenges.ts";
import { type MembershipExchange, pageOfLog, takeEntry } from "./witness-service.ts";

/** A recovery takes about a dozen questions of each member. */
const perAsker = { burst: 40, perSecond: 1 };
/** About one locator or account that is known here, whoever asks: no flood of others takes from this. */
const perName = { burst: 80, perSecond: 2 };
/** About all that is not. */
const unknown = { burst: 200, perSecond: 10 };
/** What a wrong proof costs: guessing locators or keys is hopeless anyway, and is kept from costing work. */
const wrongProofCost = 10;

/**
 * Answers under way at once, of one asker and of all together; more is `busy`. By the asker, whose key the channel has
 * proved, not by what it asks about: the proof of that comes later.
 */
const underWay = { mostPerMember: 4 * 1024 * 1024, mostOfAll: 64 * 1024 * 1024 };
const busyRetryMs = 200;

/** Bytes of the largest answer there may be. */
function mostAnswered({ type }: RecoverRequest): number {
  if (type === "read-membership") return maxMembershipBodyBytes;
  return type === "find-slot" ? maxSlotBytes : 0;
}

export interface RecoverServiceOptions {
  readonly store: Pick<WitnessStore, "slot">;
  /** This device's key: proofs are made for it alone. */
  readonly deviceKey: Uint8Array;
  readonly membership: () => MembershipExchange | undefined;
  /** The newest owner key of a member, by the membership log. */
  readonly ownerKeyOf: (account: Uint8Array) => Uint8Array | undefined;
  readonly members: () => readonly MemberPlace[];
  readonly world: World;
  readonly report: (event: string, facts: Readonly<Record<string, unknown>>) => void;
}

/**
 * Answers devices that are no member's yet, and only to proof: the slot to the locator's key, everything else to the
 * owner's. Each challenge is for one question of the asker whose key the channel proved.
 */
export class RecoverService implements PeerHandler {
  readonly #options: RecoverServiceOptions;
  readonly #challenges: RecoveryChallenges;
  readonly #askers: RateLimit;
  readonly #names: RateLimit;
  readonly #unknown: RateLimit;
  readonly #underWay = new BytesUnderWay(underWay);

  constructor(options: RecoverServiceOptions) {
    const { world } = options;
    this.#options = options;
    this.#challenges = new RecoveryChallenges(world);
    this.#askers = new RateLimit(world, perAsker);
    this.#names = new RateLimit(world, perName);
    this.#unknown = new RateLimit(world, unknown);
  }

  admit(
    deviceKey: Uint8Array,
    frame: Uint8Array,
  ): { readonly bodyBytes: number; readonly release: () => void } | { readonly refusal: Message } {
    try {
      this.#count(this.#askers, toHex(deviceKey));
      const request = decodeRecoverRequest(frame);
      this.#countName(request);
      const release = this.#underWay.reserve(toHex(deviceKey), mostAnswered(request));
      if (release === undefined) {
        return { refusal: answer(refusal("busy", "too much is under way at once", busyRetryMs)) };
      }
      return { bodyBytes: 0, release };
    } catch (error) {
      return { refusal: answer(this.#refusalOf(error)) };
    }
  }

  handle(deviceKey: Uint8Array, message: Message): Promise<Message> {
    try {
      return Promise.resolve(this.#perform(deviceKey, decodeRecoverRequest(message.frame)));
    } catch (error) {
      return Promise.resolve(answer(this.#refusalOf(error)));
    }
  }

  /** A challenge costs nothing but the asker's own share; a question also that of what it is about. */
  #countName(request: RecoverRequest): void {
    if (request.type === "challenge") return;
    const { store, ownerKeyOf } = this.#options;
    const isSlot = request.type === "find-slot";
    const name = isSlot ? request.locator : request.account;
    const isKnown = isSlot ? store.slot(name) !== undefined : ownerKeyOf(name) !== undefined;
    if (isKnown) this.#count(this.#names, toHex(name));
    else this.#count(this.#unknown, "");
  }

  #count(limit: RateLimit, name: string): void {
    const retryAfterMs = limit.take(name, 1);
    if (retryAfterMs === 0) return;
    throw refusalFaults.fault("rate-limited", "too many questions; ask again later", { details: { retryAfterMs } });
  }

  #perform(asker: Uint8Array, request: RecoverRequest): Message {
    if (request.type === "challenge") return answer({ type: "challenge", challenge: this.#challenges.give(asker) });
    const { deviceKey: verifier } = this.#options;
    const isProved = (verify: (audience: RecoveryAudience) => boolean): boolean =>
      this.#challenges.use(asker, (challenge) => verify({ verifier, challenge }));
    if (request.type === "find-slot") {
      if (!isProved((audience) => verifyLocatorProof(request.locator, request, audience))) {
        throw this.#wrongProof(asker);
      }
      return answer({ type: "slot", slot: this.#options.store.slot(request.locator)?.bytes });
    }
    const ownerPublicKey = this.#options.ownerKeyOf(request.account);
    const membership = this.#options.membership();
    // Who is a member here and who is not is nothing a stranger learns: both are a wrong proof.
    if (
      ownerPublicKey === undefined ||
      membership === undefined ||
      !isProved((audience) =>
        verifyAccountProof({ account: request.account, ownerPublicKey }, request.signature, audience),
      )
    ) {
      throw this.#wrongProof(asker);
    }
    switch (request.type) {
      case "read-membership": {
        const { logLength, entries } = pageOfLog(membership, request.from);
        return answer({ type: "membership", logLength, lengths: entries.map(({ length }) => length) }, entries);
      }
      case "member-addresses":
        return answer({ type: "addresses", members: this.#places() });
      case "append-device":
        return answer({ type: "appended", logLength: this.#append(membership, request.account, request.entry) });
      default:
        return request satisfies never;
    }
  }

  /** What fits in one answer; addresses were announced by others and may be anything. */
  #places(): readonly MemberPlace[] {
    const { members } = this.#options;
    return members()
      .slice(0, maxMemberPlaces)
      .map((place) => ({
        ...place,
        addresses: place.addresses
          .filter((address) => address.length <= maxAddressBytes && /^[\x21-\x7e]+$/.test(address))
          .slice(0, maxPlaceAddresses),
      }));
  }

  #append(membership: MembershipExchange, account: Uint8Array, entry: Uint8Array): number {
    const { body } = decodeEntry(entry);
    if (body.kind !== "device" || !equalConstantTime(body.account, account)) {
      throw refusalFaults.fault("not-yours", "only the entry of the own new device is taken here");
    }
    const logLength = takeEntry(membership, entry);
    this.#options.report("device-replaced", { account: toHex(account), deviceEpoch: body.deviceEpoch });
    return logLength;
  }

  #wrongProof(asker: Uint8Array): Error {
    // The answer is the same whether the asker has anything left or not.
    this.#askers.punish(toHex(asker), wrongProofCost);
    return refusalFaults.fault("not-yours", "the proof does not fit; ask for a new challenge");
  }

  #refusalOf(error: unknown): Refused {
    if (isFault(error, "malformed")) return refusal("malformed", error.message);
    const refused = toRefusal(error);
    if (refused.code === "internal") {
      const code = isFault(error) ? error.code : "bug";
      this.#options.report("request-failed", { code, message: error instanceof Error ? error.message : "unknown" });
    }
    return refused;
  }
}

function answer(response: RecoverResponse, body: readonly Uint8Array[] = []): Message {
  return { frame: encodeRecoverResponse(response), body };
}

import { concat, equalConstantTime, toHex } from "@piccolo/bytes";
import { decideSlot, verifySealedSlot } from "@piccolo/envelope";
import { isFault } from "@piccolo/fault";
import {
  decodeLogRequest,
  encodeLogResponse,
  type LogRequest,
  logRequestBodyBytes,
  type LogResponse,
  maxBodyBytes,
  maxMembershipBodyBytes,
  maxMembershipEntries,
  maxSlotBytes,
  maxWitnessEntries,
  refusal,
  type RefusalCode,
  refusalFaults,
  type Refused,
  toRefusal,
} from "@piccolo/wire";
import { type AppendRefusal, decideAppend, decodeHead, isSealedOf, verifyHead } from "../log/index.ts";
import type { Message, PeerHandler, WitnessStore } from "../ports/index.ts";
import { BytesUnderWay } from "./bytes-under-way.ts";

/** Payloads under way at once, of one member and of all together, in either direction. More is `busy`. */
const underWay = { mostPerMember: 32 * 1024 * 1024, mostOfAll: 64 * 1024 * 1024 };
const busyRetryMs = 200;

/** The membership log on this device, as other members see it. */
export interface MembershipExchange {
  readonly networkId: Uint8Array;
  /** Entries there are. */
  readonly logLength: number;
  /** All entries from an index on, as far as this device has them. */
  entriesFrom(index: number): readonly Uint8Array[];
  /** Takes an entry in and keeps it durably; gives the log's length afterwards. Throws what membership says against it. */
  append(entry: Uint8Array): number;
}

export interface WitnessServiceOptions {
  readonly store: WitnessStore;
  /** The member whose current device has this key; undefined = not a member. */
  readonly memberOf: (
    deviceKey: Uint8Array,
  ) => { readonly account: Uint8Array; readonly deviceEpoch: number } | undefined;
  /** The key of the device a member had in a device epoch, by the membership log. */
  readonly deviceKeyOf: (account: Uint8Array, deviceEpoch: number) => Uint8Array | undefined;
  /** Undefined while this device is in no network. */
  readonly membership: () => MembershipExchange | undefined;
  /** Bytes of metadata each member may keep here. */
  readonly quotaBytes: (account: Uint8Array) => number;
  readonly report: (event: string, facts: Readonly<Record<string, unknown>>) => void;
}

interface Asker {
  readonly account: Uint8Array;
  readonly deviceEpoch: number;
}

const refusals: Readonly<Record<AppendRefusal, { readonly code: RefusalCode; readonly text: string }>> = {
  "not-yours": { code: "not-yours", text: "the head is another owner's" },
  "wrong-network": { code: "not-yours", text: "the head is of another network" },
  unauthentic: { code: "malformed", text: "the head's signature or payload does not fit" },
  fenced: { code: "fenced", text: "another device has replaced this one" },
  "log-gap": { code: "log-gap", text: "entries before this one are missing here" },
  "log-fork": { code: "log-fork", text: "another entry has this place here" },
  contradiction: { code: "malformed", text: "the head names another checkpoint than the one before it" },
  full: { code: "full", text: "the member's metadata takes all the room it has here" },
};

/** Bytes of the largest answer there may be. The first entry is given whole, whatever the limit, and may come in the meantime. */
function mostAnswered({ type }: LogRequest): number {
  if (type === "witness-entries") return maxBodyBytes;
  if (type === "log-read") return maxMembershipBodyBytes;
  return type === "slot-get" ? maxSlotBytes : 0;
}

function answer(response: LogResponse, body: readonly Uint8Array[] = []): Message {
  return { frame: encodeLogResponse(response), body };
}

/**
 * Serves what members ask about logs: it witnesses their metadata logs, keeps their sealed slots, and exchanges the
 * membership log. What it says it keeps is durable. Requests of one member are carried out one after the other.
 */
export class WitnessService implements PeerHandler {
  readonly #options: WitnessServiceOptions;
  readonly #underWay = new BytesUnderWay(underWay);
  readonly #lines = new Map<string, Promise<unknown>>();

  constructor(options: WitnessServiceOptions) {
    this.#options = options;
  }

  admit(
    deviceKey: Uint8Array,
    frame: Uint8Array,
  ): { readonly bodyBytes: number; readonly release: () => void } | { readonly refusal: Message } {
    try {
      const { asker, request } = this.#authorize(deviceKey, frame);
      const bodyBytes = logRequestBodyBytes(request);
      const release = this.#underWay.reserve(toHex(asker.account), bodyBytes + mostAnswered(request));
      if (release === undefined) {
        return { refusal: answer(refusal("busy", "too much is under way at once", busyRetryMs)) };
      }
      return { bodyBytes, release };
    } catch (error) {
      return { refusal: answer(this.#refusalOf(error)) };
    }
  }

  async handle(deviceKey: Uint8Array, message: Message, signal: AbortSignal): Promise<Message> {
    try {
      const { asker, request } = this.#authorize(deviceKey, message.frame);
      signal.throwIfAborted();
      if (request.type === "log-read" || request.type === "log-append") return this.#exchange(request);
      return await this.#inLine(toHex(asker.account), () => this.#perform(asker, request, message.body));
    } catch (error) {
      return answer(this.#refusalOf(error));
    }
  }

  #authorize(deviceKey: Uint8Array, frame: Uint8Array): { readonly asker: Asker; readonly request: LogRequest } {
    const asker = this.#options.memberOf(deviceKey);
    if (asker === undefined) throw refusalFaults.fault("not-a-member", "this device serves its members only");
    const request = decodeLogRequest(frame);
    const isTheirs =
      "account" in request
        ? equalConstantTime(request.account, asker.account)
        : equalConstantTime(request.networkId, this.#membership().networkId);
    if (!isTheirs) throw refusalFaults.fault("not-yours", "this is another owner's or another network's");
    return { asker, request };
  }

  #membership(): MembershipExchange {
    const membership = this.#options.membership();
    if (membership === undefined) throw refusalFaults.fault("not-a-member", "this device is in no network");
    return membership;
  }

  async #inLine<T>(account: string, work: () => Promise<T>): Promise<T> {
    const before = this.#lines.get(account) ?? Promise.resolve();
    const run = before.then(work, work);
    this.#lines.set(account, run);
    try {
      return await run;
    } finally {
      if (this.#lines.get(account) === run) this.#lines.delete(account);
    }
  }

  async #perform(
    asker: Asker,
    request: Exclude<LogRequest, { type: "log-read" | "log-append" }>,
    body: readonly Uint8Array[],
  ): Promise<Message> {
    switch (request.type) {
      case "witness-append":
        return this.#append(asker, request.head, concat(...body));
      case "witness-head":
        return this.#head(asker);
      case "witness-entries":
        return this.#entries(asker, request.from, request.limitBytes);
      case "slot-put":
        return this.#putSlot(asker, request.slot);
      case "slot-get": {
        const slot = this.#options.store.slot(request.locator);
        const isOwn = slot !== undefined && equalConstantTime(slot.account, asker.account);
        return answer({ type: "slot", slot: isOwn ? slot.bytes : undefined });
      }
      default:
        return request satisfies never;
    }
  }

  async #append(asker: Asker, headInput: Uint8Array, sealed: Uint8Array): Promise<Message> {
    const { store, deviceKeyOf, quotaBytes } = this.#options;
    const signed = decodeHead(headInput);
    const { account } = asker;
    const log = store.log(account);
    const key = deviceKeyOf(account, signed.head.deviceEpoch);
    const newest = log.newest === undefined ? undefined : decodeHead(log.newest);
    const decision = decideAppend({ ...log, newest }, signed, {
      network: this.#membership().networkId,
      asker,
      quotaBytes: quotaBytes(account),
      hashAt: (sequence) => store.hashAt(account, sequence),
      isAuthentic: key !== undefined && verifyHead(signed, key) && isSealedOf(signed, sealed),
    });
    if (decision.type === "refuse") {
      const { code, text } = refusals[decision.why];
      if (code === "log-fork" || code === "fenced") {
        this.#options.report("witness-refused", { account: toHex(account), code, sequence: signed.head.sequence });
      }
      throw refusalFaults.fault(code, text);
    }
    const have = newest?.head.sequence ?? 0;
    if (decision.type === "already-have") return answer({ type: "witnessed", sequence: have });
    const { sequence } = signed.head;
    const entry = { sequence, hash: signed.hash, head: signed.bytes, sealed };
    await store.append(account, entry, { ...decision, deviceEpoch: asker.deviceEpoch });
    return answer({ type: "witnessed", sequence });
  }

  async #head({ account, deviceEpoch }: Asker): Promise<Message> {
    const { store } = this.#options;
    const before = store.log(account).deviceEpoch;
    if (deviceEpoch < before) throw refusalFaults.fault("fenced", refusals.fenced.text);
    // From here on what a replaced device still sends is refused, so what is answered now stays the newest of its.
    if (deviceEpoch > before) await store.raiseDeviceEpoch(account, deviceEpoch);
    const { newest, first } = store.log(account);
    return answer({ type: "witness-state", newest: newest === undefined ? undefined : { head: newest, first } });
  }

  #entries({ account, deviceEpoch }: Asker, from: number, limitBytes: number): Promise<Message> {
    const { store } = this.#options;
    if (deviceEpoch < store.log(account).deviceEpoch) throw refusalFaults.fault("fenced", refusals.fenced.text);
    const found = store.entries(account, from, maxWitnessEntries, limitBytes);
    const entries = found.map(({ head, sealed }) => ({ head, sealedBytes: sealed.length }));
    return Promise.resolve(
      answer(
        { type: "witness-entries", entries },
        found.map(({ sealed }) => sealed),
      ),
    );
  }

  async #putSlot({ account, deviceEpoch }: Asker, bytes: Uint8Array): Promise<Message> {
    const { store } = this.#options;
    if (deviceEpoch < store.log(account).deviceEpoch) throw refusalFaults.fault("fenced", refusals.fenced.text);
    const incoming = verifySealedSlot(bytes);
    if (!equalConstantTime(incoming.account, account)) {
      throw refusalFaults.fault("not-yours", "the slot is another owner's");
    }
    const kept = store.slotsOf(account, incoming.locator);
    const same = kept.some((slot) => toHex(slot.bytes) === toHex(bytes));
    const slots = kept.map((slot) => verifySealedSlot(slot.bytes));
    const decision = decideSlot(slots, incoming, same);
    if (decision.decision === "refuse") {
      throw refusalFaults.fault("conflict", `the slot is not kept: ${decision.reason}`);
    }
    if (decision.decision === "keep") {
      await store.keepSlot(
        { account, locator: incoming.locator, bytes },
        decision.forget.map(({ locator }) => locator),
      );
    }
    return answer({ type: "slot-kept", number: incoming.number });
  }

  #exchange(request: Extract<LogRequest, { type: "log-read" | "log-append" }>): Message {
    const membership = this.#membership();
    if (request.type === "log-append") {
      return answer({ type: "log-appended", logLength: takeEntry(membership, request.entry) });
    }
    const { logLength, entries } = pageOfLog(membership, request.from);
    return answer({ type: "log-entries", logLength, lengths: entries.map(({ length }) => length) }, entries);
  }

  #refusalOf(error: unknown): Refused {
    if (isFault(error, "malformed")) return refusal("malformed", error.message);
    if (isFault(error, "disk-full")) return refusal("full", "the witness's disk is full");
    const refused = toRefusal(error);
    if (refused.code === "internal") {
      const code = isFault(error) ? error.code : "bug";
      this.#options.report("request-failed", { code, message: error instanceof Error ? error.message : "unknown" });
    }
    return refused;
  }
}

/** Entries from an index on, as many as one answer carries. */
export function pageOfLog(
  membership: MembershipExchange,
  from: number,
): { readonly logLength: number; readonly entries: readonly Uint8Array[] } {
  const all = membership.entriesFrom(from);
  const entries: Uint8Array[] = [];
  let bytes = 0;
  for (const entry of all) {
    bytes += entry.length;
    if (entries.length === maxMembershipEntries || bytes > maxMembershipBodyBytes) break;
    entries.push(entry);
  }
  return { logLength: membership.logLength, entries };
}

/** What the rules say against an entry is a refusal; an entry that is there already is none. */
export function takeEntry(membership: MembershipExchange, entry: Uint8Array): number {
  try {
    return membership.append(entry);
  } catch (error) {
    if (!isFault(error) || error.code === "disk-full") throw error;
    if (error.code === "entry-untimely") throw refusalFaults.fault("untimely", error.message);
    throw refusalFaults.fault("conflict", `the entry is not taken: ${error.message}`);
  }
}

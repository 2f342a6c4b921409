import { concat } from "@piccolo/bytes";
import {
  decodeLogResponse,
  encodeLogRequest,
  fromRefusal,
  type LogRequest,
  type LogResponse,
  maxBodyBytes,
  maxMembershipBodyBytes,
} from "@piccolo/wire";
import { decodeHead, isSealedOf, storedEntryOf } from "../../log/index.ts";
import {
  asTransportFault,
  type Members,
  type PeerTransport,
  type StoredEntry,
  transportFaults,
  type WitnessClient,
} from "../../ports/index.ts";

type Answer<Type extends LogResponse["type"]> = Extract<LogResponse, { type: Type }>;

/** Speaks the wire protocol to witnesses. */
export class WireWitnessClient implements WitnessClient {
  readonly #transport: PeerTransport;
  readonly #members: Members;
  readonly #ownAccount: Uint8Array;
  readonly #networkId: () => Uint8Array;

  constructor(parts: {
    readonly ownAccount: Uint8Array;
    readonly networkId: () => Uint8Array;
    readonly transport: PeerTransport;
    readonly members: Members;
  }) {
    this.#ownAccount = parts.ownAccount;
    this.#networkId = parts.networkId;
    this.#transport = parts.transport;
    this.#members = parts.members;
  }

  async #ask<Type extends LogResponse["type"]>(
    account: string,
    request: LogRequest,
    expected: Type,
    options: { readonly body?: readonly Uint8Array[]; readonly maxBodyBytes?: number; readonly signal: AbortSignal },
  ): Promise<{ readonly response: Answer<Type>; readonly body: Uint8Array }> {
    const peer = this.#members.holders().find((member) => member.account === account);
    if (peer === undefined) {
      throw transportFaults.fault("peer-unreachable", "the witness is not a member of the network any more");
    }
    const message = { frame: encodeLogRequest(request), body: options.body ?? [] };
    const { signal } = options;
    const reply = await this.#transport.request(peer, message, { maxBodyBytes: options.maxBodyBytes ?? 0, signal });
    const response = fromPeer(() => decodeLogResponse(reply.frame));
    if (response.type === "refused") throw fromRefusal(response);
    if (response.type !== expected) {
      throw transportFaults.fault("peer-protocol", `the witness answered ${response.type}, which does not fit`);
    }
    return { response: response as Answer<Type>, body: concat(...reply.body) };
  }

  async append(account: string, { head, sealed }: StoredEntry, signal: AbortSignal): Promise<number> {
    const request: LogRequest = {
      type: "witness-append",
      account: this.#ownAccount,
      head,
      bodyBytes: sealed.length,
    };
    const { response } = await this.#ask(account, request, "witnessed", { body: [sealed], signal });
    return response.sequence;
  }

  async head(
    account: string,
    signal: AbortSignal,
  ): Promise<{ readonly head: Uint8Array; readonly first: number } | undefined> {
    const request: LogRequest = { type: "witness-head", account: this.#ownAccount };
    const { response } = await this.#ask(account, request, "witness-state", { signal });
    return response.newest;
  }

  async entries(
    account: string,
    from: number,
    limitBytes: number,
    signal: AbortSignal,
  ): Promise<readonly StoredEntry[]> {
    const request: LogRequest = { type: "witness-entries", account: this.#ownAccount, from, limitBytes };
    const { response, body } = await this.#ask(account, request, "witness-entries", { maxBodyBytes, signal });
    return fromPeer(() => {
      let at = 0;
      return response.entries.map(({ head, sealedBytes }) => {
        const sealed = body.subarray(at, at + sealedBytes);
        at += sealedBytes;
        const signed = decodeHead(head);
        if (!isSealedOf(signed, sealed)) {
          throw transportFaults.fault("peer-protocol", "a witness sent a payload that does not fit its head");
        }
        return storedEntryOf(signed, sealed.slice());
      });
    });
  }

  async putSlot(account: string, slot: Uint8Array, signal: AbortSignal): Promise<number> {
    const request: LogRequest = { type: "slot-put", account: this.#ownAccount, slot };
    const { response } = await this.#ask(account, request, "slot-kept", { signal });
    return response.number;
  }

  async slot(account: string, locator: Uint8Array, signal: AbortSignal): Promise<Uint8Array | undefined> {
    const request: LogRequest = { type: "slot-get", account: this.#ownAccount, locator };
    const { response } = await this.#ask(account, request, "slot", { signal });
    return response.slot;
  }

  async readLog(
    account: string,
    from: number,
    signal: AbortSignal,
  ): Promise<{ readonly logLength: number; readonly entries: readonly Uint8Array[] }> {
    const request: LogRequest = { type: "log-read", networkId: this.#networkId(), from };
    const options = { maxBodyBytes: maxMembershipBodyBytes, signal };
    const { response, body } = await this.#ask(account, request, "log-entries", options);
    let at = 0;
    const entries = response.lengths.map((length) => {
      const entry = body.slice(at, at + length);
      at += length;
      return entry;
    });
    if (at !== body.length) {
      throw transportFaults.fault("peer-protocol", "the member's answer is not as long as it says");
    }
    return { logLength: response.logLength, entries };
  }

  async appendLog(account: string, entry: Uint8Array, signal: AbortSignal): Promise<number> {
    const request: LogRequest = { type: "log-append", networkId: this.#networkId(), entry };
    const { response } = await this.#ask(account, request, "log-appended", { signal });
    return response.logLength;
  }
}

/** That what came has no proper form is the witness's fault. */
function fromPeer<Value>(decode: () => Value): Value {
  try {
    return decode();
  } catch (error) {
    throw asTransportFault(error);
  }
}

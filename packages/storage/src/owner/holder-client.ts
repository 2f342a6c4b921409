import { concat, equalConstantTime, toHex } from "@piccolo/bytes";
import { decodeResponse, encodeRequest, fromRefusal, refusalFaults, type Request, type Response } from "@piccolo/wire";
import {
  cellBytes,
  cellCount,
  cellLength,
  decodeHeader,
  encodeHeader,
  type FragmentHash,
  type FragmentHeader,
  type FragmentKey,
  fragmentRoot,
} from "../fragment/index.ts";
import {
  asTransportFault,
  type CellRange,
  type FetchedCells,
  type HolderClient,
  type Members,
  type Message,
  type PeerTransport,
  transportFaults,
} from "../ports/index.ts";

/** Speaks the wire protocol to holders, and believes nothing of what they send before it is checked. */
export class WireHolderClient implements HolderClient {
  readonly #transport: PeerTransport;
  readonly #members: Members;
  readonly #hash: FragmentHash;
  readonly #ownAccount: Uint8Array;

  constructor(parts: {
    readonly ownAccount: Uint8Array;
    readonly transport: PeerTransport;
    readonly members: Members;
    readonly hash: FragmentHash;
  }) {
    this.#ownAccount = parts.ownAccount;
    this.#transport = parts.transport;
    this.#members = parts.members;
    this.#hash = parts.hash;
  }

  async #ask(
    account: string,
    request: Request,
    body: readonly Uint8Array[],
    maxBodyBytes: number,
    signal: AbortSignal,
  ): Promise<{ readonly response: Exclude<Response, { type: "refused" }>; readonly reply: Message }> {
    const peer = this.#members.holders().find((holder) => holder.account === account);
    if (peer === undefined) {
      throw transportFaults.fault("peer-unreachable", "the holder is not a member of the network any more");
    }
    const message = { frame: encodeRequest(request), body };
    const reply = await this.#transport.request(peer, message, { maxBodyBytes, signal });
    const response = fromPeer(() => decodeResponse(reply.frame));
    if (response.type === "refused") throw fromRefusal(response);
    return { response, reply };
  }

  async store(
    account: string,
    header: FragmentHeader,
    body: readonly Uint8Array[],
    signal: AbortSignal,
  ): Promise<void> {
    const request: Request = {
      type: "store",
      account: header.key.account,
      headerBytes: encodeHeader(header),
      bodyBytes: header.fragmentBytes,
    };
    const { response } = await this.#ask(account, request, body, 0, signal);
    if (response.type !== "stored") throw unexpected(response);
  }

  async fetch(account: string, key: FragmentKey, range: CellRange, signal: AbortSignal): Promise<FetchedCells> {
    const request: Request = { type: "fetch", ...key, ...range };
    const { response, reply } = await this.#ask(account, request, [], range.cellCount * cellBytes, signal);
    if (response.type !== "cells") throw unexpected(response);
    const header = fromPeer(() => decodeHeader(response.headerBytes));
    const [only] = reply.body;
    const bytes = only !== undefined && reply.body.length === 1 ? only : concat(...reply.body);
    const cells = this.#checkedCells(header, response.leaves, key, range, bytes);
    return { header, cells, release: () => reply.release?.() };
  }

  #checkedCells(
    header: FragmentHeader,
    leaves: readonly Uint8Array[],
    key: FragmentKey,
    { firstCell, cellCount: count }: CellRange,
    bytes: Uint8Array,
  ): Uint8Array[] {
    const { fragmentBytes } = header;
    const root = header.roots[header.key.index];
    const isAsked =
      header.key.index === key.index &&
      equalConstantTime(header.key.account, key.account) &&
      equalConstantTime(header.key.segmentId, key.segmentId);
    if (!isAsked || root === undefined || leaves.length !== cellCount(fragmentBytes)) throw wrongRoot(key);
    if (!equalConstantTime(fragmentRoot(leaves, fragmentBytes, this.#hash), root)) throw wrongRoot(key);
    const cells: Uint8Array[] = [];
    let at = 0;
    for (let cell = firstCell; cell < firstCell + count; cell++) {
      const leaf = leaves[cell];
      const length = leaf === undefined ? 0 : cellLength(fragmentBytes, cell);
      const part = bytes.subarray(at, at + length);
      if (leaf === undefined || part.length !== length || !equalConstantTime(this.#hash(part), leaf)) {
        throw wrongRoot(key);
      }
      cells.push(part);
      at += length;
    }
    if (at !== bytes.length) throw wrongRoot(key);
    return cells;
  }

  async remove(account: string, segmentIds: readonly Uint8Array[], signal: AbortSignal): Promise<void> {
    const request: Request = { type: "remove", account: this.#ownAccount, segmentIds };
    const { response } = await this.#ask(account, request, [], 0, signal);
    if (response.type !== "removed") throw unexpected(response);
  }

  async status(account: string, keys: readonly FragmentKey[], signal: AbortSignal): Promise<readonly boolean[]> {
    const request: Request = { type: "status", account: this.#ownAccount, keys };
    const { response } = await this.#ask(account, request, [], 0, signal);
    if (response.type !== "statuses" || response.held.length !== keys.length) throw unexpected(response);
    return response.held;
  }
}

/** What a holder sent is decoded here; that it has no proper form is the holder's fault. */
function fromPeer<Value>(decode: () => Value): Value {
  try {
    return decode();
  } catch (error) {
    throw asTransportFault(error);
  }
}

function unexpected(response: Response): Error {
  return transportFaults.fault("peer-protocol", `the holder answered ${response.type}, which does not fit`);
}

function wrongRoot(key: FragmentKey): Error {
  return refusalFaults.fault(
    "wrong-root",
    `fragment ${key.index} came back changed; it is read from other holders instead`,
    { details: { segment: toHex(key.segmentId), index: key.index } },
  );
}

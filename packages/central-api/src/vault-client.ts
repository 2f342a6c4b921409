import { createHash } from "node:crypto";
import { fromBase64Url, fromHex, toBase64Url, toHex, toUtf8 } from "@piccolo/bytes";
import { type Phrase, proveLocator, verifySealedSlot } from "@piccolo/envelope";
import { isFault } from "@piccolo/fault";
import type { World } from "@piccolo/world";
import { type CallReply, type CallRequest, type CallTransport, performCall } from "./call.ts";
import type { CentralCallOptions } from "./client.ts";
import { centralFaults } from "./faults.ts";
import {
  BlobList,
  decodeVaultPage,
  encodeVaultEntries,
  KeptSlot,
  RecoveryChallenge,
  SlotSubmission,
  type VaultEntry,
  type VaultPage,
  vaultPageBytesMax,
  vaultPageEntriesMax,
  VaultState,
} from "./vault.ts";

/** A home's uplink takes minutes for what is a moment downwards. */
const bodyTimeoutMs = 300_000;

/** What central has of the caller's metadata log. */
export interface VaultStateView {
  /** Of the newest entry; 0 = none. */
  readonly sequence: number;
  readonly first: number;
  /** Unchecked; undefined = none. */
  readonly head: Uint8Array | undefined;
  readonly usedBytes: number;
  readonly quotaBytes: number;
}

export interface BlobView {
  /** 16 bytes. */
  readonly id: Uint8Array;
  readonly sizeBytes: number;
}

/** The vault of the calling account. Heads, entries and slots come back unchecked, for their owner to judge. */
export interface VaultCalls {
  vaultState(networkId: Uint8Array, options?: CentralCallOptions): Promise<VaultStateView>;
  /**
   * Brings entries in order, at most `vaultEntriesAtOnce` says of them at once. Harmless when repeated with the same
   * bytes. `vault-gap` (details: `have`), `vault-conflict` (details: `have`), `head-refused`, `quota-reached`.
   */
  appendToVault(
    networkId: Uint8Array,
    entries: readonly VaultEntry[],
    options?: CentralCallOptions,
  ): Promise<VaultStateView>;
  /** Entries from the sequence `from` on, as many as fit; none when there are no newer ones. */
  readVault(networkId: Uint8Array, from: number, options?: CentralCallOptions): Promise<VaultPage>;
  /** Harmless when repeated; `vault-conflict` where other bytes lie under the id. */
  putBlob(id: Uint8Array, bytes: Uint8Array, options?: CentralCallOptions): Promise<void>;
  /** `unknown-blob`. */
  getBlob(id: Uint8Array, options?: CentralCallOptions): Promise<Uint8Array>;
  /** Harmless when repeated. */
  deleteBlob(id: Uint8Array, options?: CentralCallOptions): Promise<void>;
  listBlobs(options?: CentralCallOptions): Promise<readonly BlobView[]>;
  /** Keeps the newest sealed slot. Harmless when repeated. `slot-refused` (details: `reason`). */
  putSlot(slot: Uint8Array, options?: CentralCallOptions): Promise<void>;
}

/** How many of these entries, from the first on, one call may bring; at least one. */
export function vaultEntriesAtOnce(entries: readonly VaultEntry[]): number {
  let bytes = 0;
  const over = entries.findIndex(({ head, sealed }) => {
    bytes += head.length + sealed.length + 8;
    return bytes > vaultPageBytesMax;
  });
  return Math.min(vaultPageEntriesMax, over < 0 ? entries.length : Math.max(1, over));
}

interface Schema<Output> {
  safeParse(value: unknown): { readonly data?: Output | undefined };
}

function unexpected(cause?: unknown): Error {
  return centralFaults.fault(
    "unexpected-reply",
    "central's reply does not have the form of its contract",
    cause === undefined ? {} : { cause },
  );
}

function parsed<Output>(schema: Schema<Output>, { value }: CallReply): Output {
  const { data } = schema.safeParse(value);
  if (data === undefined) throw unexpected();
  return data;
}

/** Central is not trusted: bytes that are no page are its fault, not the caller's. */
function decoded<Result>(decode: () => Result): Result {
  try {
    return decode();
  } catch (cause) {
    if (!isFault(cause)) throw cause;
    throw unexpected(cause);
  }
}

export function createVaultCalls(perform: (request: CallRequest) => Promise<CallReply>): VaultCalls {
  const ofLog = (networkId: Uint8Array): string => `/v1/networks/${toHex(networkId)}/metadata`;
  const ofBlob = (id: Uint8Array): string => `/v1/blobs/${toHex(id)}`;
  const stateOf = (reply: CallReply): VaultStateView => {
    const { head, ...numbers } = parsed(VaultState, reply);
    if ((head === null) !== (numbers.sequence === 0)) throw unexpected();
    return { ...numbers, head: head === null ? undefined : decoded(() => fromBase64Url(head)) };
  };
  const call = (method: string, path: string, given?: CentralCallOptions, more: Partial<CallRequest> = {}) =>
    perform({ method, path, signed: true, signal: given?.signal, ...more });

  return {
    vaultState: async (networkId, given) => stateOf(await call("GET", `${ofLog(networkId)}/state`, given)),

    async appendToVault(networkId, entries, given) {
      const bytes = encodeVaultEntries(entries);
      return stateOf(await call("PUT", ofLog(networkId), given, { bytes, timeoutMs: bodyTimeoutMs }));
    },

    async readVault(networkId, from, given) {
      const more = { binaryReply: true, timeoutMs: bodyTimeoutMs };
      const reply = await call("GET", `${ofLog(networkId)}?from=${from}`, given, more);
      return decoded(() => decodeVaultPage(reply.bytes));
    },

    async putBlob(id, bytes, given) {
      await call("PUT", ofBlob(id), given, { bytes, timeoutMs: bodyTimeoutMs });
    },

    async getBlob(id, given) {
      const reply = await call("GET", ofBlob(id), given, { binaryReply: true, timeoutMs: bodyTimeoutMs });
      return reply.bytes;
    },

    async deleteBlob(id, given) {
      await call("DELETE", ofBlob(id), given);
    },

    async listBlobs(given) {
      const { blobs } = parsed(BlobList, await call("GET", "/v1/blobs", given));
      return blobs.map(({ id, sizeBytes }) => ({ id: fromHex(id), sizeBytes }));
    },

    async putSlot(slot, given) {
      parsed(KeptSlot, await call("PUT", "/v1/slots", given, { body: { slot: toBase64Url(slot) } }));
    },
  };
}

/** Whom the proof of a locator key is for: central by its host, as signed calls have it. */
export function recoveryVerifier(host: string): Uint8Array {
  return new Uint8Array(createHash("sha256").update(toUtf8(host)).digest());
}

/**
 * The sealed slot of a phrase, for a device that has nothing else. What comes back fits the phrase's locator and its own
 * signatures; whether it is the newest one central cannot prove. Throws `unknown-slot`, `rate-limited`,
 * `central-unreachable`, `unexpected-reply`.
 */
export async function findSlot(
  central: CallTransport & { readonly world: World },
  phrase: Phrase,
  given?: CentralCallOptions,
): Promise<Uint8Array> {
  const perform = (path: string, body: unknown): Promise<CallReply> =>
    performCall(central, { method: "POST", path, body, signed: false, signal: given?.signal });
  const { challenge } = parsed(RecoveryChallenge, await perform("/v1/recovery/challenge", {}));
  const verifier = recoveryVerifier(new URL(central.baseUrl).host);
  const { locatorKey, signature } = proveLocator(phrase, { verifier, challenge: fromHex(challenge) });
  const locator = toHex(phrase.locator);
  const search = { locator, locatorKey: toHex(locatorKey), challenge, signature: toBase64Url(signature) };
  const { slot } = parsed(SlotSubmission, await perform("/v1/recovery/slot", search));
  return decoded(() => {
    const bytes = fromBase64Url(slot);
    if (toHex(verifySealedSlot(bytes).locator) !== locator) throw unexpected();
    return bytes;
  });
}

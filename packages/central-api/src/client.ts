import { fromBase64Url, fromHex, toBase64Url, toHex } from "@piccolo/bytes";
import type { DeviceCertificate, Ed25519Key, OwnerChain } from "@piccolo/envelope";
import { isFault } from "@piccolo/fault";
import { Account, encodeChain, NetworkList, OwnerKey } from "./accounts.ts";
import { AddressLease, AddressList, CentralTime, RelayList } from "./addresses.ts";
import { type CentralClientOptions, performCall } from "./call.ts";
import { centralFaults } from "./faults.ts";
import { LogHead, LogPage } from "./networks.ts";
import { Proposal, type ProposalKind, ProposalList } from "./proposals.ts";
import { proveInvitation } from "./signed-call.ts";
import { createVaultCalls, type VaultCalls } from "./vault-client.ts";

/** What the log is now; the network id is the hash of its first entry. */
export interface Head {
  readonly networkId: Uint8Array;
  readonly length: number;
  readonly headHash: Uint8Array;
}

/** How a joining owner shows central that they may read the log. */
export interface HeldInvitation {
  /** The secret-free form (`encodeSignedInvitation` of packages/membership). */
  readonly signed: Uint8Array;
  /** The invitation's key; only a signature of it leaves the device. */
  readonly key: Ed25519Key;
}

export interface ProposalView {
  readonly id: Uint8Array;
  readonly kind: ProposalKind;
  /** With all signatures so far. */
  readonly bytes: Uint8Array;
  readonly proposedBy: Uint8Array;
  readonly signedBy: readonly Uint8Array[];
  readonly complete: boolean;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
}

export interface PeerAddressesView {
  readonly account: Uint8Array;
  readonly deviceKey: Uint8Array;
  readonly peerId: string;
  readonly multiaddrs: readonly string[];
  readonly updatedAtMs: number;
  readonly expiresAtMs: number;
}

export interface CentralCallOptions {
  readonly signal?: AbortSignal;
}

/**
 * Central as one account sees it. Every call throws the fault of central's refusal, `central-unreachable` or
 * `unexpected-reply`; entries and invitations come back unchecked, for packages/membership to judge.
 */
export interface CentralClient extends VaultCalls {
  /** Central's clock in milliseconds. Unsigned, so it also answers a caller whose clock is wrong. */
  time(options?: CentralCallOptions): Promise<number>;
  /**
   * Makes account and device known, or the device that replaces it. Harmless when repeated. `device-replaced` (details:
   * `replacedAtMs`, `deviceEpoch` of the newer one) where another device took this one's place.
   */
  register(
    registration: {
      readonly ownerPublicKey: Uint8Array;
      readonly chain?: OwnerChain | undefined;
      readonly device: DeviceCertificate;
    },
    options?: CentralCallOptions,
  ): Promise<void>;
  /** Makes a newer owner key known; the client signs with it. Resolves with the key epoch. Harmless when repeated. */
  rotateOwnerKey(chain: OwnerChain, options?: CentralCallOptions): Promise<number>;
  /** Where this account is a member; for a device that has only the owner's keys and signs with the owner key. */
  networks(options?: CentralCallOptions): Promise<readonly Head[]>;
  /** Harmless when repeated with the same entry. */
  found(firstEntry: Uint8Array, options?: CentralCallOptions): Promise<Head>;
  /** All entries from the ordinal `from` on; none when there are no newer ones. With an invitation also for strangers. */
  readLog(
    networkId: Uint8Array,
    from: number,
    options?: CentralCallOptions & { readonly invitation?: HeldInvitation },
  ): Promise<readonly Uint8Array[]>;
  /** `head-moved` when another entry came first. Harmless when repeated with the same entry. */
  append(networkId: Uint8Array, entry: Uint8Array, options?: CentralCallOptions): Promise<Head>;
  proposals(networkId: Uint8Array, options?: CentralCallOptions): Promise<readonly ProposalView[]>;
  /** Asks for signatures, or adds one's own; the reply has all signatures so far. */
  propose(
    networkId: Uint8Array,
    kind: ProposalKind,
    bytes: Uint8Array,
    options?: CentralCallOptions,
  ): Promise<ProposalView>;
  /** Takes back one's own proposal. */
  withdraw(networkId: Uint8Array, proposalId: Uint8Array, options?: CentralCallOptions): Promise<void>;
  /** Says where this account's device listens; resolves with the time until which that counts. */
  announce(multiaddrs: readonly string[], lifetimeMs: number, options?: CentralCallOptions): Promise<number>;
  /** Where the members' devices listen; the caller's own is among them. */
  addresses(networkId: Uint8Array, options?: CentralCallOptions): Promise<readonly PeerAddressesView[]>;
  relays(options?: CentralCallOptions): Promise<readonly string[]>;
}

interface Schema<Output> {
  safeParse(value: unknown): { readonly data?: Output | undefined };
}

function viewOf(proposal: Proposal): ProposalView {
  return {
    ...proposal,
    id: fromHex(proposal.id),
    bytes: fromBase64Url(proposal.bytes),
    proposedBy: fromHex(proposal.proposedBy),
    signedBy: proposal.signedBy.map(fromHex),
  };
}

function headOf(head: LogHead): Head {
  return { networkId: fromHex(head.networkId), length: head.length, headHash: fromHex(head.headHash) };
}

/** Central is not trusted: text that only looks like base64url is an unexpected reply, not the caller's fault. */
function decoded<Result>(decode: () => Result): Result {
  try {
    return decode();
  } catch (cause) {
    if (!isFault(cause, "malformed")) throw cause;
    throw centralFaults.fault("unexpected-reply", "central's reply does not have the form of its contract", { cause });
  }
}

export function createCentralClient(options: CentralClientOptions): CentralClient {
  async function call<Output>(
    schema: Schema<Output>,
    method: string,
    path: string,
    given: { readonly body?: unknown; readonly options: CentralCallOptions | undefined; readonly signed?: boolean },
  ): Promise<Output> {
    const { value } = await performCall(options, {
      method,
      path,
      signed: given.signed ?? true,
      ...(given.body === undefined ? {} : { body: given.body }),
      signal: given.options?.signal,
    });
    const { data } = schema.safeParse(value);
    if (data === undefined) {
      throw centralFaults.fault("unexpected-reply", "central's reply does not have the form of its contract");
    }
    return data;
  }
  const of = (networkId: Uint8Array): string => `/v1/networks/${toHex(networkId)}`;

  async function readPage(
    networkId: Uint8Array,
    from: number,
    given: (CentralCallOptions & { readonly invitation?: HeldInvitation }) | undefined,
  ): Promise<LogPage> {
    const { invitation } = given ?? {};
    if (invitation === undefined) {
      return call(LogPage, "GET", `${of(networkId)}/log?from=${from}`, { options: given });
    }
    const proof = proveInvitation(invitation.key, networkId, options.account);
    const body = { invitation: toBase64Url(invitation.signed), proof: toBase64Url(proof), from };
    return call(LogPage, "POST", `${of(networkId)}/invited-read`, { body, options: given });
  }

  return {
    ...createVaultCalls((request) => performCall(options, request)),

    async time(given) {
      return (await call(CentralTime, "GET", "/v1/time", { options: given, signed: false })).timeMs;
    },

    async register({ ownerPublicKey, chain, device }, given) {
      const body = {
        account: toHex(options.account),
        ownerPublicKey: toHex(ownerPublicKey),
        ...(chain === undefined ? {} : { chain: encodeChain(chain) }),
        device: { key: toHex(device.deviceKey), epoch: device.deviceEpoch, certificate: toBase64Url(device.signature) },
      };
      await call(Account, "POST", "/v1/accounts", { body, options: given });
    },

    async rotateOwnerKey(chain, given) {
      const body = { account: toHex(options.account), chain: encodeChain(chain) };
      return (await call(OwnerKey, "POST", "/v1/accounts/owner-key", { body, options: given })).keyEpoch;
    },

    async networks(given) {
      const { networks } = await call(NetworkList, "GET", "/v1/accounts/networks", { options: given });
      return networks.map(headOf);
    },

    async found(firstEntry, given) {
      const body = { entry: toBase64Url(firstEntry) };
      return headOf(await call(LogHead, "POST", "/v1/networks", { body, options: given }));
    },

    async readLog(networkId, from, given) {
      const entries: Uint8Array[] = [];
      for (;;) {
        const at = from + entries.length;
        const page = await readPage(networkId, at, given);
        if (page.from !== at) throw centralFaults.fault("unexpected-reply", "central sent another part of the log");
        entries.push(...decoded(() => page.entries.map(fromBase64Url)));
        if (page.entries.length === 0 || from + entries.length >= page.length) return entries;
      }
    },

    async append(networkId, entry, given) {
      const body = { entry: toBase64Url(entry) };
      return headOf(await call(LogHead, "POST", `${of(networkId)}/log`, { body, options: given }));
    },

    async proposals(networkId, given) {
      const { proposals } = await call(ProposalList, "GET", `${of(networkId)}/proposals`, { options: given });
      return decoded(() => proposals.map(viewOf));
    },

    async propose(networkId, kind, bytes, given) {
      const body = { kind, bytes: toBase64Url(bytes) };
      const proposal = await call(Proposal, "POST", `${of(networkId)}/proposals`, { body, options: given });
      return decoded(() => viewOf(proposal));
    },

    async withdraw(networkId, proposalId, given) {
      await performCall(options, {
        method: "DELETE",
        path: `${of(networkId)}/proposals/${toHex(proposalId)}`,
        signed: true,
        signal: given?.signal,
      });
    },

    async announce(multiaddrs, lifetimeMs, given) {
      const body = { multiaddrs, lifetimeMs };
      return (await call(AddressLease, "PUT", "/v1/addresses", { body, options: given })).expiresAtMs;
    },

    async addresses(networkId, given) {
      const { peers } = await call(AddressList, "GET", `${of(networkId)}/addresses`, { options: given });
      return peers.map((peer) => ({ ...peer, account: fromHex(peer.account), deviceKey: fromHex(peer.deviceKey) }));
    },

    async relays(given) {
      return (await call(RelayList, "GET", "/v1/relay", { options: given })).multiaddrs;
    },
  };
}

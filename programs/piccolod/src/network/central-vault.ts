import { type CentralClient, centralFaults, type VaultEntry, type VaultStateView } from "@piccolo/central-api";
import { isFault } from "@piccolo/fault";
import { decodeHead, isSealedOf, storedEntryOf } from "@piccolo/storage/log";
import type { StoredEntry, VaultClient, VaultReader } from "@piccolo/storage/ports";
import type { CentralLink } from "./central-link.ts";

/** Throws `unexpected-reply`: central is not trusted to give what is an entry at all. */
function storedOf({ head, sealed }: VaultEntry): StoredEntry {
  try {
    const signed = decodeHead(head);
    if (isSealedOf(signed, sealed)) return storedEntryOf(signed, sealed);
  } catch (error) {
    if (!isFault(error, "malformed")) throw error;
  }
  throw centralFaults.fault("unexpected-reply", "central gave something that is no entry of a log");
}

/** Central's vault for who reads. `client` gives the caller, registered at central. */
export function createVaultReader(parts: {
  readonly client: (signal: AbortSignal) => Promise<CentralClient>;
  readonly network: () => Uint8Array;
}): VaultReader {
  const { client, network } = parts;
  return {
    async head(signal) {
      const central = await client(signal);
      return (await central.vaultState(network(), { signal })).head;
    },

    async entries(from, signal) {
      const central = await client(signal);
      return (await central.readVault(network(), from, { signal })).entries.map(storedOf);
    },

    async blob(segmentId, signal) {
      const central = await client(signal);
      return central.getBlob(segmentId, { signal });
    },
  };
}

/**
 * Central's vault as the metadata log sees it. `isOwn` says whether an entry of this hash is in the own log: where
 * central's newest is not (a device that was replaced had written more), everything is brought again, and central takes
 * what it lacks. Whoever uses it waits longer after each failure.
 */
export function createCentralVault(parts: {
  readonly link: Pick<CentralLink, "ready"> & { readonly client: () => CentralLink["client"] };
  /** 32 bytes; undefined while the device is in no network. */
  readonly networkId: () => Uint8Array | undefined;
  readonly isOwn: (sequence: number, hash: Uint8Array) => boolean;
}): VaultClient {
  const { link, isOwn } = parts;

  function network(): Uint8Array {
    const id = parts.networkId();
    if (id === undefined) throw centralFaults.fault("not-a-member", "the device is in no network yet");
    return id;
  }

  /** Central is not trusted: a head that is none, or not of the sequence it is said to be, counts for nothing. */
  function newestOwn({ sequence, head }: VaultStateView): number {
    if (head === undefined) return 0;
    try {
      const decoded = decodeHead(head);
      return decoded.head.sequence === sequence && isOwn(sequence, decoded.hash) ? sequence : 0;
    } catch (error) {
      if (isFault(error, "malformed")) return 0;
      throw error;
    }
  }

  async function client(signal: AbortSignal): Promise<CentralClient> {
    await link.ready(signal);
    return link.client();
  }

  return {
    ...createVaultReader({ client, network }),

    async blobs(signal) {
      const blobs = await (await client(signal)).listBlobs({ signal });
      return blobs.map(({ id }) => id);
    },

    async putBlob(segmentId, bytes, signal) {
      await (await client(signal)).putBlob(segmentId, bytes, { signal });
    },

    async removeBlob(segmentId, signal) {
      await (await client(signal)).deleteBlob(segmentId, { signal });
    },

    async putEntry({ head, sealed }: StoredEntry, signal) {
      await (await client(signal)).appendToVault(network(), [{ head, sealed }], { signal });
    },

    async putSlot(slot, signal) {
      await (await client(signal)).putSlot(slot, { signal });
    },

    async newest(signal) {
      return newestOwn(await (await client(signal)).vaultState(network(), { signal }));
    },
  };
}

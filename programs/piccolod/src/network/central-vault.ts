import { centralFaults, type VaultStateView } from "@piccolo/central-api";
import { isFault } from "@piccolo/fault";
import { decodeHead } from "@piccolo/storage/log";
import type { StoredEntry, VaultClient } from "@piccolo/storage/ports";
import type { CentralLink } from "./central-link.ts";

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

  return {
    async putEntry({ head, sealed }: StoredEntry, signal) {
      await link.ready(signal);
      await link.client().appendToVault(network(), [{ head, sealed }], { signal });
    },

    async putSlot(slot, signal) {
      await link.ready(signal);
      await link.client().putSlot(slot, { signal });
    },

    async newest(signal) {
      await link.ready(signal);
      return newestOwn(await link.client().vaultState(network(), { signal }));
    },
  };
}

/** Holders that keep fragments in memory and behave as a test says: the owner's counterpart without a wire. */
import { toHex } from "@piccolo/bytes";
import { refusalFaults } from "@piccolo/wire";
import type { FragmentHeader } from "../src/fragment/index.ts";
import type { HolderClient } from "../src/ports/index.ts";

interface Kept {
  readonly header: FragmentHeader;
  readonly cells: readonly Uint8Array[];
}

export class FakeHolders implements HolderClient {
  readonly #kept = new Map<string, Map<string, Kept>>();
  /** Requests in the order in which they came, e.g. "store <last digit of the account>". */
  readonly calls: string[] = [];
  /** Awaited before a request is served; rejecting refuses it. */
  gate: (verb: string, account: string, signal: AbortSignal) => Promise<void> = () => Promise.resolve();
  underWay = 0;

  async #serve<T>(verb: string, account: string, signal: AbortSignal, answer: () => T): Promise<T> {
    this.calls.push(`${verb} ${Number.parseInt(account, 16)}`);
    this.underWay++;
    try {
      await this.gate(verb, account, signal);
      signal.throwIfAborted();
      return answer();
    } finally {
      this.underWay--;
    }
  }

  #of(account: string): Map<string, Kept> {
    const kept = this.#kept.get(account) ?? new Map<string, Kept>();
    this.#kept.set(account, kept);
    return kept;
  }

  /** Indexes of the segment by the accounts that have them. */
  whereIs(segmentId: Uint8Array): Record<string, number> {
    const found = [...this.#kept].flatMap(([account, kept]): [string, number][] => {
      const fragment = kept.get(toHex(segmentId));
      return fragment === undefined ? [] : [[account, fragment.header.key.index]];
    });
    return Object.fromEntries(found);
  }

  /** Every segment that anybody has a fragment of. */
  segments(): readonly Uint8Array[] {
    return [...this.#kept.values()].flatMap((kept) => [...kept.values()].map(({ header }) => header.key.segmentId));
  }

  put(account: string, header: FragmentHeader, cells: readonly Uint8Array[]): void {
    this.#of(account).set(toHex(header.key.segmentId), { header, cells: cells.map((cell) => cell.slice()) });
  }

  store(account: string, header: FragmentHeader, body: readonly Uint8Array[], signal: AbortSignal): Promise<void> {
    return this.#serve("store", account, signal, () => {
      const known = this.#of(account).get(toHex(header.key.segmentId));
      if (known !== undefined && known.header.key.index !== header.key.index) {
        throw refusalFaults.fault("conflict", "another fragment lies here");
      }
      this.put(account, header, body);
    });
  }

  fetch(
    ...[account, key, { firstCell, cellCount }, signal]: Parameters<HolderClient["fetch"]>
  ): ReturnType<HolderClient["fetch"]> {
    return this.#serve("fetch", account, signal, () => {
      const kept = this.#of(account).get(toHex(key.segmentId));
      if (kept?.header.key.index !== key.index) throw refusalFaults.fault("unknown-fragment", "it is not here");
      const cells = kept.cells.slice(firstCell, firstCell + cellCount);
      return { header: kept.header, cells, release: () => undefined };
    });
  }

  remove(account: string, segmentIds: readonly Uint8Array[], signal: AbortSignal): Promise<void> {
    return this.#serve("remove", account, signal, () => {
      for (const segmentId of segmentIds) this.#of(account).delete(toHex(segmentId));
    });
  }

  status(...[account, keys, signal]: Parameters<HolderClient["status"]>): ReturnType<HolderClient["status"]> {
    return this.#serve("status", account, signal, () =>
      keys.map(({ segmentId, index }) => this.#of(account).get(toHex(segmentId))?.header.key.index === index),
    );
  }
}

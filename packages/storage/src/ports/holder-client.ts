import type { FragmentHeader, FragmentKey } from "../fragment/format.ts";

/**
 * What an owner asks of one holder. Refusals of the holder are Faults with the wire's codes: `full`, `not-a-member`,
 * `unknown-fragment`, `not-yours`, `busy`, `wrong-root`, `conflict`; transport failures those of `PeerTransport`.
 */
export interface HolderClient {
  /** Resolves once the holder has checked the fragment against its root and fsynced file and folder. */
  store(account: string, header: FragmentHeader, body: readonly Uint8Array[], signal: AbortSignal): Promise<void>;
  /** Cells [firstCell, firstCell + cellCount) of a fragment; already checked against the leaf list and the header. */
  fetch(account: string, key: FragmentKey, cells: CellRange, signal: AbortSignal): Promise<FetchedCells>;
  /** Removes the named segments' fragments; those the holder does not have count as removed. */
  remove(account: string, segmentIds: readonly Uint8Array[], signal: AbortSignal): Promise<void>;
  /** For each key, whether the holder has it. */
  status(account: string, keys: readonly FragmentKey[], signal: AbortSignal): Promise<readonly boolean[]>;
}

export interface CellRange {
  readonly firstCell: number;
  readonly cellCount: number;
}

export interface FetchedCells {
  /** Its roots still have to be checked against the segment root, which only the owner knows. */
  readonly header: FragmentHeader;
  readonly cells: readonly Uint8Array[];
  /** Frees the cells' memory; may be called once nobody reads them any more. */
  readonly release: () => void;
}

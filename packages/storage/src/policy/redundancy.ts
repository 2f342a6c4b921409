import assert from "node:assert/strict";
import {
  type Code,
  type DeviceRates,
  lossProbabilityPerYear,
  nines,
  priorRates,
  unreadableProbability,
} from "./durability.ts";

/** A code with what it promises. */
export interface Redundancy extends Code {
  /** Fragments of a segment that must be fsynced before it counts as durable. */
  readonly s: number;
  readonly expansion: number;
  /** Nines of a segment not being lost within a year. */
  readonly ninesPerYear: number;
  /** Nines of a segment being readable at a random moment. */
  readonly ninesReadable: number;
}

const targetNinesPerYear = 11;
const targetNinesReadable = 4;
const mostExpansion = 3;
const plainCopiesBelowMembers = 6;
/** Up to here every other member holds a fragment of everything. */
const allHoldUpToMembers = 12;
const mostFragments = 40;

/** s = k + ceil((n - k) / 2): what an acknowledged segment has at least. */
export function acknowledgedFragments({ k, n }: Code): number {
  return k + Math.ceil((n - k) / 2);
}

/** How many holders a segment gets, and whether a device stays free to take over a lost one's part. */
export function fragmentsFor(members: number): { readonly n: number; readonly spare: boolean } {
  if (members <= allHoldUpToMembers) return { n: members - 1, spare: false };
  const spares = Math.ceil(members / 10);
  return { n: Math.min(mostFragments, members - 1 - spares), spare: true };
}

export function redundancyOf(code: Code, rates: DeviceRates, spare: boolean): Redundancy {
  return {
    k: code.k,
    n: code.n,
    s: acknowledgedFragments(code),
    expansion: code.n / code.k,
    ninesPerYear: nines(lossProbabilityPerYear(code, rates, spare)),
    ninesReadable: nines(unreadableProbability(code, rates)),
  };
}

/** Nines over the target buy nothing, so they do not count when two networks are compared. */
function counted(redundancy: Redundancy): number {
  return Math.min(targetNinesPerYear, redundancy.ninesPerYear);
}

/**
 * The code for a network of so many members, from the durability model: the target at the smallest expansion, at most
 * threefold; where that is out of reach, the most nines at that expansion, unless a smaller network would have more
 * of them: then expansion gives way (docs/adr/0001-redundancy-table.md). One member alone can make nothing durable.
 */
export function modelledRedundancy(members: number, rates: DeviceRates = priorRates): Redundancy | undefined {
  assert.ok(Number.isInteger(members) && members >= 1);
  let chosen: Redundancy | undefined;
  // Each size is compared with the size below it, so the table is built from the bottom.
  for (let size = Math.min(2, members); size <= members; size++) chosen = chooseAbove(chosen, size, rates);
  return chosen;
}

function chooseAbove(smaller: Redundancy | undefined, members: number, rates: DeviceRates): Redundancy | undefined {
  const { n, spare } = fragmentsFor(members);
  if (n < 1) return undefined;
  if (n === 1) return redundancyOf({ k: 1, n }, rates, spare);
  const largestK = members < plainCopiesBelowMembers ? 1 : n - 1;
  const byExpansion = Array.from({ length: largestK }, (_, at) => redundancyOf({ k: largestK - at, n }, rates, spare));
  const reaching = byExpansion.find(
    (one) =>
      one.expansion <= mostExpansion &&
      one.ninesPerYear >= targetNinesPerYear &&
      one.ninesReadable >= targetNinesReadable,
  );
  if (reaching !== undefined) return reaching;
  // Nines grow with expansion, so the last within the bound has the most of them.
  const bounded = byExpansion.findLast((one) => one.expansion <= mostExpansion);
  const least = smaller === undefined ? 0 : counted(smaller);
  if (bounded !== undefined && counted(bounded) >= least) return bounded;
  return byExpansion.find((one) => one.expansion > mostExpansion && counted(one) >= least) ?? byExpansion.at(-1);
}

/** What the model gives for 2 to 12 members at the prior rates; a test holds the two equal. */
export const redundancyTable: ReadonlyMap<number, Code> = new Map([
  [2, { k: 1, n: 1 }],
  [3, { k: 1, n: 2 }],
  [4, { k: 1, n: 3 }],
  [5, { k: 1, n: 4 }],
  [6, { k: 1, n: 5 }],
  [7, { k: 1, n: 6 }],
  [8, { k: 2, n: 7 }],
  [9, { k: 3, n: 8 }],
  [10, { k: 3, n: 9 }],
  [11, { k: 4, n: 10 }],
  [12, { k: 5, n: 11 }],
]);

/** Which code new segments get. The one seam through which benchmarks and drills name a code of their own. */
export type RedundancyPolicy = (members: number) => Redundancy | undefined;

export const defaultPolicy: RedundancyPolicy = (members) => {
  const { spare } = fragmentsFor(Math.max(2, members));
  const tabled = redundancyTable.get(members);
  return tabled === undefined ? modelledRedundancy(members) : redundancyOf(tabled, priorRates, spare);
};

/** Always this code, where there are enough members for it. */
export function fixedPolicy(code: Code): RedundancyPolicy {
  assert.ok(code.k >= 1 && code.k <= code.n && code.n <= mostFragments);
  return (members) => (members - 1 < code.n ? undefined : redundancyOf(code, priorRates, members - 1 > code.n));
}

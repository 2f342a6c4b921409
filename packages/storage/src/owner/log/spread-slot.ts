import { equalConstantTime } from "@piccolo/bytes";
import { type SealedSlot, verifySealedSlot } from "@piccolo/envelope";
import { isFault } from "@piccolo/fault";
import type { World } from "@piccolo/world";
import { quorumOf } from "../../log/index.ts";
import { transportFaults, type VaultClient, type WitnessClient } from "../../ports/index.ts";
import { withLimit } from "../abort-link.ts";
import type { WitnessView } from "./log-context.ts";

const answerLimitMs = 15_000;

export interface SlotSpread {
  /** Members (hex) that keep the slot now. */
  readonly keptBy: readonly string[];
  /** Whether a quorum of the witnesses does: from then on a former slot may go. */
  readonly isWitnessed: boolean;
  /** What members that refused it as an older one keep in its place: this phrase's slots under a higher number, verified. */
  readonly newer: readonly Uint8Array[];
}

/** Gives the sealed slot to every member, and to central, which does not count. Those out of reach get it the next time. */
export async function spreadSlot(
  parts: {
    readonly witnessClient: WitnessClient;
    readonly vault: VaultClient | undefined;
    /** Every other member, by account (hex). */
    readonly members: readonly string[];
    readonly witnesses: readonly Pick<WitnessView, "account">[];
    readonly world: World;
    readonly report: (event: string, facts: Readonly<Record<string, unknown>>) => void;
  },
  slot: Uint8Array,
  signal: AbortSignal,
): Promise<SlotSpread> {
  const { witnessClient, vault, members, witnesses, world, report } = parts;
  const late = transportFaults.fault("peer-timeout", "the member did not answer in time");
  const newer: Uint8Array[] = [];
  /** Its word counts for nothing: the slot that it shows is signed by the account's key. */
  const putWithMember = async (account: string, limited: AbortSignal): Promise<void> => {
    try {
      await witnessClient.putSlot(account, slot, limited);
    } catch (error) {
      if (!isFault(error, "conflict")) throw error;
      const own = verifySealedSlot(slot);
      const kept = await witnessClient.slot(account, own.locator, limited);
      if (kept !== undefined && isNewer(verifySealedSlot(kept), own)) newer.push(kept);
      throw error;
    }
  };
  const put = async (name: string, work: (limited: AbortSignal) => Promise<unknown>): Promise<readonly string[]> => {
    try {
      await withLimit(world, { ms: answerLimitMs, late }, signal, work);
      return [name];
    } catch (error) {
      signal.throwIfAborted();
      if (!isFault(error)) throw error;
      report("slot-not-kept", { keeper: name, code: error.code });
      return [];
    }
  };
  const [kept] = await Promise.all([
    Promise.all(members.map((account) => put(account, (limited) => putWithMember(account, limited)))),
    vault === undefined ? [] : put("central", (limited) => vault.putSlot(slot, limited)),
  ]);
  const keptBy = kept.flat();
  const names = new Set(keptBy);
  const count = witnesses.filter(({ account }) => names.has(account)).length;
  return { keptBy, newer, isWitnessed: count >= quorumOf(witnesses.length).quorum };
}

function isNewer(kept: SealedSlot, own: SealedSlot): boolean {
  return equalConstantTime(kept.account, own.account) && kept.number >= own.number;
}

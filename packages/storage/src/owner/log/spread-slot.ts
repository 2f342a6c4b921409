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
    Promise.all(members.map((account) => put(account, (limited) => witnessClient.putSlot(account, slot, limited)))),
    vault === undefined ? [] : put("central", (limited) => vault.putSlot(slot, limited)),
  ]);
  const keptBy = kept.flat();
  const names = new Set(keptBy);
  const count = witnesses.filter(({ account }) => names.has(account)).length;
  return { keptBy, isWitnessed: count >= quorumOf(witnesses.length).quorum };
}

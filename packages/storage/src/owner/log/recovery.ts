import {
  type CopiedHead,
  decideRecovery,
  decodeHead,
  type Quorum,
  quorumOf,
  type RecoveryDecision,
  type SignedHead,
} from "../../log/index.ts";
import { isFault } from "@piccolo/fault";
import { refusalFaults } from "@piccolo/wire";
import { type OwnLog, transportFaults } from "../../ports/index.ts";
import type { World } from "@piccolo/world";
import { type LogReading, metadataLogFaults } from "./log-context.ts";
import { withLimit } from "../abort-link.ts";
import { answerLimitMs, askHeads } from "./own-head.ts";
import { isOwnHead } from "./read-chain.ts";
import { restore } from "./restore.ts";

export interface RecoveryOptions extends LogReading {
  readonly world: World;
  readonly network: () => { readonly id: Uint8Array } | undefined;
  /** All members but the owner, by account (hex): everybody is asked. */
  readonly members: () => readonly string[];
  /**
   * Accounts (hex) of the witnesses as of so many entries of the membership log, by the newest log there is where the
   * length is undefined; undefined = that log is not known here.
   */
  readonly witnessesAt: (logLength: number | undefined) => readonly string[] | undefined;
}

/** Central's newest head, where it is one that this owner's device signed. It counts for what it says, and as no witness. */
async function copiedHead(options: RecoveryOptions, signal: AbortSignal): Promise<readonly CopiedHead[]> {
  const { vault, world, report, network } = options;
  if (vault === undefined) return [];
  const late = transportFaults.fault("peer-timeout", "central did not answer in time");
  try {
    const head = await withLimit(world, { ms: answerLimitMs, late }, signal, (limited) => vault.head(limited));
    if (head === undefined) return [];
    const newest = decodeHead(head);
    if (isOwnHead(options, newest, network()?.id)) return [{ type: "copy", newest }];
    report("vault-of-no-use", { code: "peer-protocol" });
  } catch (error) {
    signal.throwIfAborted();
    if (!isFault(error)) throw error;
    report("vault-of-no-use", { code: error.code });
  }
  return [];
}

/**
 * Asks everybody once which is the newest head. It is settled when a quorum of the set by the newest membership log and
 * a quorum of the set that the best head names have answered (`mayBeStale` false); else it is asked again later.
 */
export async function recoverHead(options: RecoveryOptions, signal: AbortSignal): Promise<RecoveryDecision> {
  const witnesses = options.members().map((account) => ({ account }));
  const asked = await Promise.all([askHeads(options, witnesses, signal), copiedHead(options, signal)]);
  const answers = asked.flat();
  const [best] = decideRecovery(answers, []).candidates;
  const lengths = best === undefined ? [undefined] : [undefined, best.newest.head.witnessSet.logLength];
  const sets: { readonly witnesses: readonly string[]; readonly quorum: Quorum }[] = lengths.map((length) => {
    const set = options.witnessesAt(length) ?? [];
    // A set that is not known here cannot be asked: nothing that came can be called enough.
    return { witnesses: set, quorum: set.length === 0 && length !== undefined ? unknownSet : quorumOf(set.length) };
  });
  return decideRecovery(answers, sets);
}

const unknownSet: Quorum = { witnesses: 0, faulty: 0, quorum: 1 };

/**
 * Restores the log from the best candidate that can be had in full. Witnesses that name a head and hand out nothing of it
 * may all lie while they are no more than f: then the next candidate's turn comes, since what was acknowledged is with
 * more. Throws `log-empty`, or why the log cannot be had now.
 */
export async function restoreBest(
  options: RecoveryOptions,
  ownLog: OwnLog,
  decision: RecoveryDecision,
  signal: AbortSignal,
): Promise<SignedHead> {
  const { faulty } = quorumOf(options.witnessesAt(undefined)?.length ?? 0);
  // Whoever has a later entry has the earlier ones, too.
  const asked: string[] = [];
  let last: unknown = metadataLogFaults.fault("log-empty", "no witness has anything of this owner's metadata log");
  for (const { newest, from } of decision.candidates) {
    asked.unshift(...from);
    try {
      await restore(options, ownLog, newest, asked, signal);
      return newest;
    } catch (error) {
      signal.throwIfAborted();
      if (!isFault(error)) throw error;
      options.report("head-not-restored", { sequence: newest.head.sequence, code: error.code });
      // Central alone can name what only its own copies lead to, and nobody relied on those.
      if (asked.length > 0 && (asked.length > faulty || !isWitnessAtFault(error.code))) throw error;
      last = error;
    }
  }
  throw last;
}

/** Failures of holders or of the own keys are no reason to take an older head. */
function isWitnessAtFault(code: string): boolean {
  return code in transportFaults.entries || code in refusalFaults.entries || code === "log-withheld";
}

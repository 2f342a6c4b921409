import type { SecurityBackup } from "@piccolo/device-api";
import type { MetadataLogState, MetadataLogView } from "@piccolo/storage/metadata-log";
import type { LogPosition } from "@piccolo/storage/ports";

/** Before the claim. */
export const noBackup: SecurityBackup = {
  state: "none",
  sequence: 0,
  witnessedSequence: 0,
  ageMs: null,
  checkpointSequence: 0,
  waitingChanges: false,
  quorum: 0,
  witnesses: [],
};

/** After a recovery that has not settled what is newest: the log is not opened, but what was found has its place in it. */
export function staleBackup({ sequence, checkpoint }: Pick<LogPosition, "sequence" | "checkpoint">): SecurityBackup {
  return { ...noBackup, state: "stale", sequence, checkpointSequence: checkpoint };
}

const states: Readonly<Record<MetadataLogState, SecurityBackup["state"]>> = {
  checking: "checking",
  ready: "ready",
  "behind-catching-up": "catching-up",
  forked: "forked",
  fenced: "replaced",
  "no-quorum": "no-quorum",
};

/** The metadata log for people. In no network there is nobody to back up to, whatever the log says. */
export function backupView(parts: {
  readonly view: MetadataLogView;
  readonly inNetwork: boolean;
  /** By account (hex). */
  readonly names: ReadonlyMap<string, string>;
  /** When the newest witnessed entry was made, where it is known. */
  readonly newestWitnessedMs: number | undefined;
  readonly nowMs: number;
}): SecurityBackup {
  const { view, inNetwork, names, newestWitnessedMs, nowMs } = parts;
  const { sequence, witnessedSequence, checkpointSequence, waitingChanges, quorum } = view;
  const isBackedUp = witnessedSequence > 0 && view.witnesses.length > 0;
  return {
    state: inNetwork || view.state !== "ready" ? states[view.state] : "none",
    sequence,
    witnessedSequence,
    checkpointSequence,
    ageMs: isBackedUp && newestWitnessedMs !== undefined ? Math.max(0, nowMs - newestWitnessedMs) : null,
    waitingChanges: waitingChanges || witnessedSequence < sequence,
    quorum,
    witnesses: view.witnesses.map(({ account, online, sequence: has }) => ({
      account,
      name: names.get(account) ?? "",
      online,
      sequence: has ?? 0,
    })),
  };
}

import { equalConstantTime } from "@piccolo/bytes";
import { isFault } from "@piccolo/fault";
import { decodeHead, type SignedHead, verifyHead } from "../../log/index.ts";
import { type StoredEntry, transportFaults } from "../../ports/index.ts";
import { type LogReading, metadataLogFaults } from "./log-context.ts";

const pageBytes = 4 * 1024 * 1024;
/** Entries of earlier devices are held back until one of the target's device continues them; at most so much of them. */
const mostHeldBackBytes = 64 * 1024 * 1024;

/** Whether a head is this account's and signed by the device its epoch names. */
export function isOwnHead(
  reading: Pick<LogReading, "account" | "deviceKeyOf">,
  signed: SignedHead,
  network: Uint8Array | undefined,
): boolean {
  const { head } = signed;
  const key = reading.deviceKeyOf(head.deviceEpoch);
  return (
    key !== undefined &&
    equalConstantTime(head.account, reading.account) &&
    (network === undefined || equalConstantTime(head.network, network)) &&
    verifyHead(signed, key)
  );
}

/** Who hands out entries: a witness, or central, which has copies and is none. */
export interface EntrySource {
  readonly name: string;
  entries(from: number, signal: AbortSignal): Promise<readonly StoredEntry[]>;
}

export interface ChainPart {
  /** First sequence wanted. */
  readonly from: number;
  /** Hash of the entry before; undefined where the first one is a checkpoint, which needs none. */
  readonly previousHash: Uint8Array | undefined;
  readonly target: SignedHead;
}

/**
 * Entries from one source up to the target, in order. Each is signed, follows the one before it, and is on the target's
 * chain: an entry of an earlier device is yielded only once the target's device has continued it. Throws `log-forked`
 * where the first entry does not follow `previousHash`, and `peer-protocol` for everything else that is wrong.
 */
export async function* readChain(
  reading: LogReading,
  source: EntrySource,
  { from, previousHash, target }: ChainPart,
  signal: AbortSignal,
): AsyncGenerator<StoredEntry> {
  let before = previousHash;
  let heldBack: StoredEntry[] = [];
  let heldBackBytes = 0;
  let next = from;
  while (next <= target.head.sequence) {
    const page = await source.entries(next, signal);
    if (page.length === 0) throw wrong("the source does not hand out the entries it says it has");
    for (const entry of page) {
      if (next > target.head.sequence) break;
      const signed = decodeHead(entry.head);
      if (signed.head.sequence !== next || !isOwnHead(reading, signed, target.head.network)) {
        throw wrong("the source handed out an entry that is not the one asked for");
      }
      if (before !== undefined && !equalConstantTime(before, signed.head.previousHash)) {
        if (next === from) {
          throw metadataLogFaults.fault(
            "log-forked",
            `entry ${next} at ${source.name} does not follow this device's log`,
          );
        }
        throw wrong("the source handed out entries that are no chain");
      }
      if (next === target.head.sequence && !equalConstantTime(signed.hash, target.hash)) {
        throw wrong("the source handed out another entry than the one it named");
      }
      before = signed.hash;
      next++;
      heldBack.push(entry);
      heldBackBytes += entry.sealed.length;
      if (signed.head.deviceEpoch < target.head.deviceEpoch) {
        if (heldBackBytes > mostHeldBackBytes) throw wrong("the source handed out too many entries of earlier devices");
        continue;
      }
      yield* heldBack;
      heldBack = [];
      heldBackBytes = 0;
    }
  }
}

function wrong(message: string): Error {
  return transportFaults.fault("peer-protocol", message);
}

/**
 * Tries one witness after the other, and central last, until the work succeeds; the last failure of a witness is the one
 * thrown. Where holders cannot serve what the entries lead to, others who have the same entries change nothing.
 */
export async function withAnySource<T>(
  reading: Pick<LogReading, "report" | "witnessClient" | "vault">,
  witnesses: readonly string[],
  work: (source: EntrySource) => Promise<T>,
): Promise<T> {
  const { report, witnessClient, vault } = reading;
  let last: unknown = metadataLogFaults.fault("log-withheld", "no witness hands out the entries it names");
  for (const witness of witnesses) {
    try {
      return await work({
        name: witness,
        entries: (from, signal) => witnessClient.entries(witness, from, pageBytes, signal),
      });
    } catch (error) {
      if (!isFault(error) || isFinal(error.code)) throw error;
      report("witness-of-no-use", { witness, code: error.code });
      last = error;
    }
  }
  if (vault === undefined) throw last;
  try {
    return await work({ name: "central", entries: (from, signal) => vault.entries(from, signal) });
  } catch (error) {
    if (!isFault(error) || error.code === "not-enough-fragments") throw error;
    // That central shows another branch is no proof of a fork: it may show what a replaced device wrote alone.
    report("vault-of-no-use", { code: error.code });
    throw last;
  }
}

const isFinal = (code: string): boolean => code === "log-forked" || code === "not-enough-fragments";

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

export interface ChainPart {
  /** First sequence wanted. */
  readonly from: number;
  /** Hash of the entry before; undefined where the first one is a checkpoint, which needs none. */
  readonly previousHash: Uint8Array | undefined;
  readonly target: SignedHead;
}

/**
 * Entries from one witness up to the target, in order. Each is signed, follows the one before it, and is on the target's
 * chain: an entry of an earlier device is yielded only once the target's device has continued it. Throws `log-forked`
 * where the first entry does not follow `previousHash`, and `peer-protocol` for everything else that is wrong.
 */
export async function* readChain(
  reading: LogReading,
  witness: string,
  { from, previousHash, target }: ChainPart,
  signal: AbortSignal,
): AsyncGenerator<StoredEntry> {
  let before = previousHash;
  let heldBack: StoredEntry[] = [];
  let heldBackBytes = 0;
  let next = from;
  while (next <= target.head.sequence) {
    const page = await reading.witnessClient.entries(witness, next, pageBytes, signal);
    if (page.length === 0) throw wrong("a witness does not hand out the entries it says it has");
    for (const entry of page) {
      if (next > target.head.sequence) break;
      const signed = decodeHead(entry.head);
      if (signed.head.sequence !== next || !isOwnHead(reading, signed, target.head.network)) {
        throw wrong("a witness handed out an entry that is not the one asked for");
      }
      if (before !== undefined && !equalConstantTime(before, signed.head.previousHash)) {
        if (next === from) {
          throw metadataLogFaults.fault("log-forked", `entry ${next} at a witness does not follow this device's log`);
        }
        throw wrong("a witness handed out entries that are no chain");
      }
      if (next === target.head.sequence && !equalConstantTime(signed.hash, target.hash)) {
        throw wrong("a witness handed out another entry than the one it named");
      }
      before = signed.hash;
      next++;
      heldBack.push(entry);
      heldBackBytes += entry.sealed.length;
      if (signed.head.deviceEpoch < target.head.deviceEpoch) {
        if (heldBackBytes > mostHeldBackBytes) throw wrong("a witness handed out too many entries of earlier devices");
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

/** Tries one witness after the other until the work succeeds; the last failure is the one thrown. */
export async function withAnyWitness<T>(
  reading: Pick<LogReading, "report">,
  witnesses: readonly string[],
  work: (witness: string) => Promise<T>,
): Promise<T> {
  let last: unknown = metadataLogFaults.fault("log-withheld", "no witness hands out the entries it names");
  for (const witness of witnesses) {
    try {
      return await work(witness);
    } catch (error) {
      if (!isFault(error) || error.code === "log-forked") throw error;
      reading.report("witness-of-no-use", { witness, code: error.code });
      last = error;
    }
  }
  throw last;
}

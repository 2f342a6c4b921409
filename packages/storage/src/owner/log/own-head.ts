import { isFault } from "@piccolo/fault";
import { decideOwnHead, decodeHead, type HeadAnswer, type OwnHeadDecision, quorumOf } from "../../log/index.ts";
import { transportFaults } from "../../ports/index.ts";
import { withLimit } from "../abort-link.ts";
import type { World } from "@piccolo/world";
import type { LogReading, MetadataLogOptions, WitnessView } from "./log-context.ts";
import { isOwnHead } from "./read-chain.ts";

export const answerLimitMs = 10_000;

/** Asks each witness once, all at the same time; those without a proper answer are left out. */
export async function askHeads(
  reading: Pick<LogReading, "account" | "deviceKeyOf" | "witnessClient" | "report"> & {
    readonly world: World;
    readonly network: () => { readonly id: Uint8Array } | undefined;
  },
  witnesses: readonly Pick<WitnessView, "account">[],
  signal: AbortSignal,
): Promise<readonly HeadAnswer[]> {
  const late = transportFaults.fault("peer-timeout", "the witness did not answer in time");
  const asked = witnesses.map(async ({ account: witness }): Promise<HeadAnswer[]> => {
    try {
      const answer = await withLimit(reading.world, { ms: answerLimitMs, late }, signal, (limited) =>
        reading.witnessClient.head(witness, limited),
      );
      if (answer === undefined) return [{ type: "nothing", witness }];
      const newest = decodeHead(answer.head);
      if (!isOwnHead(reading, newest, reading.network()?.id)) {
        throw transportFaults.fault(
          "peer-protocol",
          "the witness showed a head that this owner's devices never signed",
        );
      }
      return [{ type: "head", witness, newest, first: answer.first }];
    } catch (error) {
      signal.throwIfAborted();
      if (!isFault(error)) throw error;
      if (error.code === "fenced") return [{ type: "fenced", witness }];
      reading.report("witness-gave-no-head", { witness, code: error.code });
      return [];
    }
  });
  return (await Promise.all(asked)).flat();
}

/** Whether this device may go on with its log, after what the witnesses said. */
export function decideStart(options: MetadataLogOptions, answers: readonly HeadAnswer[]): OwnHeadDecision {
  const { ownLog, identity, witnesses } = options;
  const position = ownLog.position();
  const own = {
    ...position,
    hashAt: (sequence: number) => {
      const [entry] = ownLog.entries(sequence, 1);
      return entry?.sequence === sequence ? entry.hash : undefined;
    },
  };
  return decideOwnHead(own, identity.deviceEpoch, answers, quorumOf(witnesses().length));
}

import type { OwnerChain } from "@piccolo/envelope";
import { isFault } from "@piccolo/fault";
import type { World } from "@piccolo/world";
import type { NetworkFeature } from "../network/types.ts";
import type { Rekey } from "../security/rekey-verb.ts";
import type { RekeyCrashPoint } from "../security/rekey.ts";
import type { TaskProgress } from "../tasks/types.ts";
import type { Backup } from "./backup.ts";
import type { SlotKeeper } from "./slot-keeper.ts";

const firstPauseMs = 1_000;
const longestPauseMs = 60_000;

export interface RekeyEndParts {
  readonly rekey: Pick<Rekey, "followEpoch" | "end">;
  readonly backup: Pick<Backup, "checkpoint" | "newestCheckpoint" | "witnesses">;
  readonly slots: Pick<SlotKeeper, "untilWitnessed">;
  readonly network: Pick<NetworkFeature, "enterOwnerKey" | "membershipState">;
  /** Wraps anew what was sealed to the owner's file key while the device was locked, or by the device itself. */
  readonly rewrapSealed: (signal: AbortSignal) => Promise<void>;
  readonly epoch: () => number;
  readonly chain: () => OwnerChain;
  readonly world: World;
  readonly crashPoint: (name: RekeyCrashPoint) => void;
}

/**
 * Re-key, after every file key is wrapped anew: the network learns of the owner key, enough members keep the new slot,
 * and a checkpoint under the new key takes the place of all entries under the old one. Only then the old root is
 * forgotten, and with it the old phrase. Each step is harmless when repeated, so it goes on wherever it was cut off.
 */
export async function finishRekey(parts: RekeyEndParts, { signal, report }: TaskProgress): Promise<void> {
  const { rekey, slots, network, chain, rewrapSealed, crashPoint } = parts;
  if (network.membershipState() !== undefined) {
    report("Telling the network of the new keys", 0);
    crashPoint("before-rekey-entry");
    await network.enterOwnerKey(chain(), signal);
    crashPoint("after-rekey-entry");
  }
  rekey.followEpoch();
  // From here on the device seals to the new file key. What it sealed to the old one since the others were wrapped anew
  // would be lost with the old root.
  await rewrapSealed(signal);
  report("Giving the new phrase's slot to the other members", 0);
  await slots.untilWitnessed(signal);
  report("Sealing the backup under the new keys", 0);
  crashPoint("before-rekey-checkpoint");
  await untilCheckpoint(parts, signal);
  crashPoint("after-rekey-checkpoint");
  rekey.end();
}

/** Where there are no entries yet, none are under the old key. */
async function untilCheckpoint({ backup, epoch, world }: RekeyEndParts, signal: AbortSignal): Promise<void> {
  let pauseMs = firstPauseMs;
  for (;;) {
    signal.throwIfAborted();
    const newest = backup.newestCheckpoint();
    // Alone in a network, nobody else has an entry; the key stays for the own ones until the first member has a checkpoint.
    if (newest === undefined || backup.witnesses().length === 0) return;
    if (newest.keyEpoch >= epoch()) {
      if (newest.isWitnessed) return;
      pauseMs = firstPauseMs;
    } else {
      try {
        await backup.checkpoint(signal);
        continue;
      } catch (error) {
        signal.throwIfAborted();
        if (!isFault(error)) throw error;
        pauseMs = Math.min(longestPauseMs, pauseMs * 2);
      }
    }
    await world.sleep(pauseMs, signal);
  }
}

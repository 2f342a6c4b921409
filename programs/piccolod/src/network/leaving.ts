import { isFault } from "@piccolo/fault";
import type { World } from "@piccolo/world";
import { type NetworkFeature, networkFaults } from "./types.ts";

/** A person waits for it. */
const patienceMs = 30_000;

/** Ends the membership, or throws `not-left` where nobody answers in time; `locked`. */
export async function leaveWithin(network: Pick<NetworkFeature, "leave">, world: World): Promise<void> {
  const [late, over] = [new AbortController(), new AbortController()];
  const timer = world.sleep(patienceMs, over.signal).then(
    () => late.abort(new Error("nobody answered in time")),
    () => undefined,
  );
  try {
    await network.leave(late.signal);
  } catch (error) {
    if (!late.signal.aborted) throw error;
    const message = "neither central nor a member answers: try later, or reset the device without leaving the network";
    throw networkFaults.fault("not-left", message, isFault(error) ? { cause: error } : {});
  } finally {
    over.abort();
    await timer;
  }
}

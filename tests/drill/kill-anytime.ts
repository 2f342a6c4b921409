import { setTimeout as delay } from "node:timers/promises";
import type { Device, Network } from "@piccolo/devnet";
import { holderCrashPoints, ownerCrashPoints } from "@piccolo/piccolod/crash-points";
import type { Drill, DrillContext } from "./drill.ts";
import { FileModel } from "./file-model.ts";

/** Uploads of these sizes span none, one and several boundaries between segments of 8 MiB. */
const sizesBytes = [0, 1, 70_000, 3_000_000, 8_386_560, 8_386_561, 20_000_000];
const mostFiles = 10;
/** A crash point that the operations of a round do not reach within this time is replaced by a kill from outside. */
const reachLimitMs = 8_000;
/** So long a kill from outside waits for an operation to be in flight. */
const busyLimitMs = 5_000;
/** Of the crashes of a device that served, so many must meet an operation in flight. */
const leastMet = 0.6;
/** A device that dies before it serves cannot meet any: another round is played then, up to so many times as many. */
const roundsMost = 3;

/** `early`: before the device served. `empty`: with nothing in flight. `met`: an operation was in flight. */
type Crash = "early" | "empty" | "met";

interface Round {
  readonly owner: boolean;
  readonly crashPoint: string | undefined;
}

function chooseRound(drill: DrillContext): Round {
  const owner = drill.below(5) < 3;
  const points: readonly string[] = owner ? ownerCrashPoints : holderCrashPoints;
  return { owner, crashPoint: drill.below(4) === 0 ? undefined : `${drill.pick(points)}:${1 + drill.below(3)}` };
}

async function operateUntil(drill: DrillContext, model: FileModel, ended: () => boolean): Promise<void> {
  const lane = async (kinds: readonly ("upload" | "rename" | "delete")[]): Promise<void> => {
    while (!ended()) {
      const kind = drill.pick(kinds);
      if (kind === "upload" && model.fileCount < mostFiles) await model.upload(drill.pick(sizesBytes));
      else if (kind === "rename") await model.rename();
      else if (model.fileCount > 3) await model.delete();
      await delay(20);
    }
  };
  await Promise.all([lane(["upload"]), lane(["upload", "upload", "delete"]), lane(["rename", "delete"])]);
}

/**
 * Starts the round's device and resolves when it serves its owner and no member misses another; false when it died
 * before that. What an earlier crash left unfinished goes on as soon as the device is up, and may reach the armed crash
 * point at once.
 */
async function startArmed(network: Network, victim: Device, round: Round): Promise<boolean> {
  const armed = round.crashPoint === undefined ? [] : ["--crash-at", round.crashPoint, "--insecure-drills"];
  const serve = async (): Promise<true> => {
    if (round.owner) await network.claim(victim);
    await network.allOnline(network.device(1));
    return true;
  };
  try {
    await network.startDevice(victim.number, armed);
    return await Promise.race([serve(), victim.process.ended().then(() => false)]);
  } catch (error) {
    if (round.crashPoint === undefined || !(await victim.process.killedWithin(10_000))) throw error;
    return false;
  }
}

async function crash(drill: DrillContext, network: Network, model: FileModel, round: Round): Promise<Crash> {
  const victim: Device = round.owner ? network.device(1) : network.device(2 + drill.below(network.devices.length - 1));
  await victim.process.stop();
  const isServing = await startArmed(network, victim, round);

  let over = false;
  let inFlight = 0;
  const cutBefore = model.cut;
  const died = victim.process.ended().then(() => {
    inFlight = Math.max(inFlight, model.inFlight);
    over = true;
  });
  const work = isServing ? operateUntil(drill, model, () => over) : Promise.resolve();
  // What goes wrong in it is thrown where it is awaited, after the crash.
  work.catch(() => undefined);
  const limitMs = round.crashPoint === undefined ? 100 + drill.below(1_500) : reachLimitMs;
  await Promise.race([died, delay(limitMs)]);
  // Between two operations there is a pause, which is not what is to be hit.
  await Promise.race([died, model.busy(), delay(busyLimitMs)]);
  const byItself = over;
  if (byItself) {
    drill.check(
      `${victim.process.name} ended by ${victim.process.endedBy ?? "itself"}, where ${round.crashPoint ?? "no crash point"} was armed`,
      round.crashPoint !== undefined && victim.process.endedBy === "SIGKILL",
    );
  } else {
    inFlight = model.inFlight;
    await victim.process.kill();
  }
  await died;
  await work;
  // Operations may notice the broken connection before the end of the process is known; they were in flight, too.
  inFlight = Math.max(inFlight, model.cut - cutBefore);
  drill.fault(
    `${victim.process.name} is killed ${byItself ? `at ${round.crashPoint}` : "from outside"}, ${inFlight} operations in flight`,
  );
  if (!drill.options.sabotage) await network.startDevice(victim.number);
  drill.equal(`${victim.process.name} serves again after its crash`, await victim.phase(), "ready");
  if (round.owner) await network.claim(victim);
  await network.allOnline(network.device(1));
  return isServing ? (inFlight > 0 ? "met" : "empty") : "early";
}

export const killAnytimeDrill: Drill = {
  name: "kill-anytime",
  summary: "owner and holders killed at crash points chosen by the seed while files are uploaded, renamed and deleted",
  async run(drill) {
    const { small } = drill.options;
    const rounds = small ? 4 : 50;
    const network = await drill.network({ devices: small ? 6 : 10 });
    const model = new FileModel(drill, network.device(1).session);
    for (let at = 0; at < 4; at++) await model.upload(sizesBytes[at + 1] ?? 1);
    const crashes: Record<Crash, number> = { early: 0, empty: 0, met: 0 };
    const served = (): number => crashes.empty + crashes.met;
    for (let round = 0; served() < rounds; round++) {
      drill.check(
        `${crashes.early} of ${round} crashes came before the device served, which is too many`,
        round < rounds * roundsMost,
      );
      crashes[await crash(drill, network, model, chooseRound(drill))]++;
      await model.verify(2);
    }
    await model.verify();
    drill.step(
      `${served()} crashes of a device that served, ${crashes.met} with operations in flight; ${crashes.early} before`,
    );
    drill.check(
      `${crashes.met} of ${served()} crashes met an operation in flight, which is too few`,
      crashes.met >= Math.floor(rounds * leastMet),
    );
  },
};

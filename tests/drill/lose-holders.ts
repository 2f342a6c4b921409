import {
  DeviceProblem,
  downloadDigest,
  placementOf,
  seededDigest,
  seededStream,
  until,
  uploadFile,
  ownerName,
  type Device,
  type Network,
  type PlacementView,
} from "@piccolo/devnet";
import type { Drill, DrillContext } from "./drill.ts";

interface Stored {
  readonly network: Network;
  readonly nodeId: string;
  readonly digest: string;
}

/** The devices that hold fragments of the file, by the owner's own account of it. */
function holding(network: Network, placement: PlacementView): Device[] {
  const names = new Set(placement.holders.filter(({ fragments }) => fragments > 0).map(({ name }) => name));
  return network.devices.slice(1).filter((device) => names.has(ownerName(device.number)));
}

async function loseAndHeal(drill: DrillContext, stored: Stored, placement: PlacementView): Promise<void> {
  const { network, nodeId, digest } = stored;
  const { session } = network.device(1);
  const alive = holding(network, placement);
  const lost = drill.sample(alive, placement.survives);
  await Promise.all(lost.map((device) => device.process.kill()));
  for (const device of lost) drill.fault(`${device.process.name} is killed`);
  drill.equal(
    "the file is bit-identical after the losses it survives",
    (await downloadDigest(session, nodeId)).digest,
    digest,
  );

  // What was still on its way when the file was acknowledged arrives meanwhile; a holder that has only some of its
  // fragments would not be missed by each segment alike.
  const isWhole = async (): Promise<boolean> => {
    const { holders, segments } = await placementOf(session, nodeId);
    const whole = new Set(holders.filter(({ fragments }) => fragments === segments).map(({ name }) => name));
    return network.devices.slice(1).every(({ number, process }) => !process.running || whole.has(ownerName(number)));
  };
  await drill.eventually("every device that is left has a fragment of each segment", isWhole, 120_000);
  const left = network.devices.slice(1).filter(({ process }) => process.running);
  const more = drill.sample(left, left.length - placement.k + 1);
  await Promise.all(more.map((device) => device.process.kill()));
  for (const device of more) drill.fault(`${device.process.name} is killed, which is more than the file survives`);
  const problem = await downloadDigest(session, nodeId).then(
    () => undefined,
    (error: unknown) => (error instanceof DeviceProblem ? error.problem : undefined),
  );
  drill.equal("the read fails with a clear error", problem?.code, "not-enough-fragments");
  drill.equal("the error says how many are missing", problem?.details?.["missing"], 1);
  drill.check("the text names the number", /\b(?:1|one)\b/i.test(problem?.detail ?? ""));

  const back = drill.pick(more);
  if (!drill.options.sabotage) {
    await network.startDevice(back.number);
    drill.step(`${back.process.name} returns`);
  }
  await drill.eventually(
    "the file heals when one device returns",
    async () => {
      try {
        return (await downloadDigest(session, nodeId)).digest === digest;
      } catch (error) {
        if (error instanceof DeviceProblem && error.problem.code === "not-enough-fragments") return false;
        throw error;
      }
    },
    drill.options.sabotage ? 15_000 : 60_000,
  );
  for (const device of [...lost, ...more]) {
    if (!device.process.running) await network.startDevice(device.number);
  }
  await network.allOnline(network.device(1));
}

export const loseHoldersDrill: Drill = {
  name: "lose-holders",
  summary: "as many holders killed as a file is said to survive, then one more, then one returns",
  async run(drill) {
    const sizeBytes = drill.options.small ? 20 << 20 : 256 << 20;
    const seed = String(drill.options.seed);
    const network = await drill.network();
    const { session } = network.device(1);
    const uploaded = await uploadFile(session, {
      filename: "photographs.tar",
      sizeBytes,
      content: (offset) => seededStream(seed, sizeBytes, offset),
    });
    const atOnce = await placementOf(session, uploaded.nodeId);
    drill.check("the acknowledged file survives a loss", atOnce.survives >= 1);
    drill.step(`acknowledged ${atOnce.k}-of-${atOnce.n}, survives ${atOnce.survives} losses at that moment`);
    const stored = { network, nodeId: uploaded.nodeId, digest: seededDigest(seed, sizeBytes) };
    await loseAndHeal(drill, stored, atOnce);

    let whole = await placementOf(session, uploaded.nodeId);
    await until(
      "all fragments are placed",
      async () => {
        whole = await placementOf(session, uploaded.nodeId);
        return whole.survives === whole.n - whole.k;
      },
      180_000,
    );
    drill.step(`all ${whole.n} fragments are placed, survives ${whole.survives} losses`);
    await loseAndHeal(drill, stored, whole);
  },
};

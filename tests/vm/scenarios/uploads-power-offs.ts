/** A device of the image in a network of real devices: the power goes again and again while its owner uploads. */
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type DeviceSession, Network, type TaskView } from "@piccolo/devnet";
import { readFileSync } from "node:fs";
import { DrillContext } from "../../drill/drill.ts";
import { FileModel } from "../../drill/file-model.ts";
import { centralPort } from "../laboratory.ts";
import type { Machine } from "../machine.ts";
import type { Scenario, ScenarioContext } from "../scenario.ts";

/** Members beside the machine: each keeps a copy, and three of four are enough to acknowledge. */
const members = 4;
const firstPort = centralPort + 1;
/** None, one and several segments of 8 MiB; what the emulated processor seals in seconds. */
const sizesBytes = [1, 70_000, 300_000, 1_000_000, 8_386_561];
const mostFiles = 12;
const longestMs = 12_000;

interface View {
  readonly members: readonly { readonly online: boolean; readonly self: boolean }[];
}

/** Where the machine and the members reach each other: an address of this machine that is no loopback. */
function sharedAddress(): string {
  const found = Object.values(networkInterfaces())
    .flatMap((each) => each ?? [])
    .find(({ family, internal }) => family === "IPv4" && !internal);
  if (found === undefined)
    throw new Error("this machine has no IPv4 address but loopback, where members would be reached");
  return found.address;
}

/** Central and the members as processes of this machine; the place of the first device is the emulated machine's. */
async function startMembers(folder: string): Promise<Network> {
  const address = sharedAddress();
  const network = await Network.open({
    folder,
    devices: members + 1,
    centralPort,
    devicePort: firstPort,
    peerPort: firstPort + 20,
    deviceArgs: (device) => [
      "--peer-listen",
      `/ip4/${address}/tcp/${firstPort + 40 + device}`,
      "--insecure-cheap-slots",
    ],
  });
  if (network.centralOrigin !== `http://127.0.0.1:${centralPort}`) {
    throw new Error(`port ${centralPort}, where the image's devices look for central, is taken`);
  }
  await network.central.start();
  for (const device of network.devices.slice(1)) await device.process.start();
  await network.populate();
  return network;
}

async function untilAllOnline(drill: DrillContext, session: DeviceSession): Promise<void> {
  await drill.eventually(
    "the machine sees all members",
    async () => {
      const { members: seen } = await session.call<View>("GET", "/network");
      return seen.length === members + 1 && seen.every(({ online, self }) => online || self);
    },
    180_000,
  );
}

async function operateUntilOff(drill: DrillContext, model: FileModel, machine: Machine): Promise<void> {
  const lane = async (kinds: readonly ("upload" | "rename" | "delete")[]): Promise<void> => {
    while (machine.isOn) {
      const kind = drill.pick(kinds);
      if (kind === "upload" && model.fileCount < mostFiles) await model.upload(drill.pick(sizesBytes));
      else if (kind === "rename") await model.rename();
      else if (model.fileCount > 4) await model.delete();
      await delay(50);
    }
  };
  await Promise.all([lane(["upload"]), lane(["upload", "upload", "delete"]), lane(["rename", "delete"])]);
}

async function run(context: ScenarioContext, drill: DrillContext, network: Network): Promise<void> {
  const { machine, secrets } = await context.restored("device", "claimed");
  const { session } = await begin(context, machine, secrets.password);
  const invitation = readFileSync(join(network.options.folder, "handed-over/invitation-1"), "utf8").trim();
  await session.finish(await session.call<TaskView>("POST", "/network/join", { invitation }));
  await untilAllOnline(drill, session);
  const model = new FileModel(drill, session);
  for (const sizeBytes of sizesBytes) await model.upload(sizeBytes);
  await model.verify();
  context.say(`  ${members + 1} members; ${sizesBytes.length} files are with them`);
  let met = 0;
  for (let cut = 1; cut <= context.cuts; cut++) {
    const before = model.cut;
    const work = operateUntilOff(drill, model, machine);
    work.catch(() => undefined);
    const afterMs = 500 + drill.below(longestMs);
    await delay(afterMs);
    await machine.powerCut();
    await work;
    const inFlight = model.cut - before;
    if (inFlight > 0) met++;
    machine.powerOn();
    await machine.untilAnswers();
    context.equal(`phase after cut ${cut}`, (await machine.client.status()).phase, "locked");
    await session.signIn(secrets.password);
    await untilAllOnline(drill, session);
    await model.verify(3);
    context.say(`  cut ${cut} after ${afterMs} ms: ${inFlight} operations in flight, ${model.fileCount} files`);
  }
  await model.verify();
  context.figure("power cuts", context.cuts, "");
  context.figure("of them with operations in flight", met, "");
  context.check("most cuts met an operation", met >= Math.floor(context.cuts * 0.6));
}

/** A machine from a snapshot has the clock of that moment, which no certificate's check forgives: it starts from cold. */
async function begin(
  context: ScenarioContext,
  machine: Machine,
  password: string,
): Promise<{ readonly session: DeviceSession }> {
  await machine.powerCut();
  machine.powerOn();
  await machine.untilAnswers();
  context.equal("phase", (await machine.client.status()).phase, "locked");
  const session = machine.client.session();
  await session.signIn(password);
  return { session };
}

export const uploadsPowerOffs: Scenario = {
  name: "uploads-power-offs",
  summary: "hard power-offs while files go to other members (--cuts N, 20): nothing acknowledged is lost",
  set: "full",
  async run(context) {
    const drill = new DrillContext({ seed: 1, small: false, sabotage: false, say: (line) => context.say(line) });
    const network = await startMembers(join(context.folder, "members"));
    try {
      await run(context, drill, network);
    } finally {
      context.checks += drill.checks;
      await network.stop();
      await drill.close();
    }
  },
};

import { createHash, randomBytes } from "node:crypto";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Device, Network } from "@piccolo/devnet";
import type { Piccolod } from "../../programs/piccolod/src/context.ts";
import { openDeviceHere } from "../network/device-here.ts";
import { contentOf } from "../network/identity.ts";
import { isBackedUp, lose, recovered } from "./device-lost.ts";
import type { Drill, DrillContext } from "./drill.ts";
import { FileTree } from "./file-model.ts";

/** How many of the account's fragments lie on each of these devices. */
function fragmentsOn(network: Network, devices: readonly Device[], account: string): number[] {
  return devices.map(({ number }) => {
    const folder = join(contentOf(network, number), "fragments", account);
    return existsSync(folder) ? readdirSync(folder).length : 0;
  });
}

const never = new AbortController().signal;

/** What a device does by itself has no route: it runs in this process meanwhile. */
async function inside<T>(
  { network, drill, members }: { readonly network: Network; readonly drill: DrillContext; readonly members: number },
  work: (device: NonNullable<Piccolod["device"]>) => Promise<T>,
): Promise<T> {
  const owner = network.device(1);
  await owner.process.stop();
  const piccolod = await openDeviceHere(network, 1);
  try {
    await owner.session.signIn(owner.record.password ?? "");
    await drill.eventually("the device reaches the others", async () => (await online(owner)) >= members);
    if (piccolod.device === undefined) throw new Error("the device is closed");
    return await work(piccolod.device);
  } finally {
    await piccolod.close();
  }
}

async function phaseOf(device: Device): Promise<string> {
  return (await device.session.call<{ phase: string }>("GET", "/status")).phase;
}

/** How many others the device reaches. */
async function online(device: Device): Promise<number> {
  interface View {
    readonly members: readonly { readonly online: boolean; readonly self: boolean }[];
  }
  const { members } = await device.session.call<View>("GET", "/network");
  return members.filter((member) => member.online && !member.self).length;
}

async function* pieces(content: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < content.length; at += 300_000) yield content.subarray(at, at + 300_000);
}

async function digest(content: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash("sha256");
  for await (const bytes of content) hash.update(bytes);
  return hash.digest("hex");
}

export const repairLockedThenLostDrill: Drill = {
  name: "repair-locked-then-lost",
  summary: "a locked device brings what waits to its holders, then is lost: the phrase finds it where it was brought",
  async run(drill) {
    const { small, sabotage } = drill.options;
    const network = await drill.network({ devices: small ? 4 : 5 });
    const owner = network.device(1);
    const others = network.devices.slice(1);
    // Those who stay are too few, both to make a file durable and to witness it.
    const [stay, away] = [others.slice(0, -2), others.slice(-2)];
    const tree = new FileTree(drill, "kept");
    await tree.write(owner.session, small ? 5 : 50, 2);
    await tree.placed(owner.session);
    const { self: account } = await owner.session.call<{ self: string }>("GET", "/network");

    const backup = randomBytes(small ? 700_000 : 9_000_000);
    const written = await inside({ network, drill, members: others.length }, async ({ unattended }) => {
      await Promise.all(away.map((device) => device.process.kill()));
      for (const device of away) drill.fault(`${device.process.name} is killed`);
      // Until it knows, it waits for their answers a good while longer.
      await drill.eventually("the owner's device notices", async () => (await online(owner)) <= stay.length);
      await tree.write(owner.session, small ? 3 : 40, 2);
      interface Security {
        readonly backup: { readonly waitingChanges: boolean };
      }
      const backupOf = async (): Promise<Security["backup"]> =>
        (await owner.session.call<Security>("GET", "/security")).backup;
      drill.equal("changes wait for witnesses", (await backupOf()).waitingChanges, true);
      await owner.session.call("POST", "/lock");
      drill.equal("the device is locked", await phaseOf(owner), "locked");
      const before = fragmentsOn(network, away, account);
      drill.step(`${tree.count} files, the newer ones wait on the device, which is locked`);

      const result = await unattended.write({ content: pieces(backup), signal: never });
      drill.equal("what it writes by itself waits, too", [result.placement, result.witnessed], ["pending", false]);
      drill.step(`the locked device has written ${backup.length} bytes by itself, as a backup of an app is`);

      // Left out is that the others come back.
      if (!sabotage) for (const device of away) await network.startDevice(device.number);
      await drill.eventually(
        "the locked device has brought to everybody what waited",
        async () => {
          const now = fragmentsOn(network, others, account);
          const isEqual = now.every((count) => count === now[0]);
          return isEqual && (now.at(-1) ?? 0) > (before.at(-1) ?? 0) && !(await backupOf()).waitingChanges;
        },
        sabotage ? 3_000 : 60_000,
      );
      drill.equal("the device is still locked", await phaseOf(owner), "locked");
      drill.step("placed and witnessed while it is locked");
      return result;
    });

    const { phrase, fresh } = await lose(drill, network);
    drill.equal("the recovery by the phrase", await recovered(network, fresh, { phrase }), "recovered");
    await network.allOnline(fresh);
    await tree.verify(fresh.session);
    await isBackedUp(drill, fresh);
    await Promise.all(stay.map((device) => device.process.kill()));
    for (const device of stay) drill.fault(`${device.process.name}, which had the files first, is killed`);
    await tree.verify(fresh.session);
    const found = await inside({ network, drill, members: away.length }, (device) =>
      digest(device.readVersion(written.versionId, backup.length, never)),
    );
    drill.equal("what it wrote by itself", found, createHash("sha256").update(backup).digest("hex"));
    drill.step("every file, and what it wrote by itself, comes from where the locked device brought it");
  },
};

import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ownerName, unprotected } from "@piccolo/devnet";
import { type Drill, protectedCheaply } from "./drill.ts";
import { FileTree } from "./file-model.ts";

/** What each file below a folder holds, by its path. */
function digestsBelow(folder: string): Readonly<Record<string, string>> {
  if (!existsSync(folder)) return {};
  const files = readdirSync(folder, { withFileTypes: true, recursive: true }).filter((entry) => entry.isFile());
  const paths = files.map((entry) => join(entry.parentPath, entry.name)).sort();
  return Object.fromEntries(
    paths.map((path) => [path, createHash("sha256").update(readFileSync(path)).digest("hex")] as const),
  );
}

export const tpmReplacedDrill: Drill = {
  name: "tpm-replaced",
  summary: "another TPM beside an intact disk: the phrase opens it, is sealed in, and nothing is fetched again",
  async run(drill) {
    const { small, sabotage } = drill.options;
    const network = await drill.network({
      devices: small ? 3 : 5,
      protection: (device) => (device === 1 ? protectedCheaply : unprotected),
    });
    const [owner, neighbour] = [network.device(1), network.device(2)];
    const phrase = owner.phrase ?? "";
    const oldPassword = owner.record.password ?? "";
    const own = new FileTree(drill, "own");
    await own.write(owner.session, small ? 12 : 200, 3);
    const kept = new FileTree(drill, "neighbour");
    await kept.write(neighbour.session, small ? 6 : 50, 1);
    const fragments = join(owner.folder, "volume/mount/fragments");
    await kept.placed(neighbour.session);
    await owner.process.stop();
    await network.startDevice(1);
    const before = digestsBelow(fragments);
    drill.step(`${own.count} own files, ${Object.keys(before).length} fragments of the neighbour's`);

    await network.cutPower(1);
    await network.replaceTpm(1);
    drill.fault("the plug is pulled, and the TPM is another one at the next start");
    // With nobody there to ask, all that works from here on comes from the disk itself.
    await Promise.all(network.devices.slice(1).map((device) => device.process.stop()));
    drill.fault("all other devices are stopped");
    await network.startDevice(1);
    interface Status {
      readonly phase: string;
      readonly reasons: readonly { readonly code: string }[];
      readonly opensWith: readonly string[];
    }
    const { phase, reasons, opensWith } = await owner.session.call<Status>("GET", "/status");
    drill.equal("the device is closed", [phase, reasons.map(({ code }) => code)], ["closed", ["tpm-other-chip"]]);
    drill.equal("and names what opens it", opensWith, ["phrase"]);
    await drill.refused("the password opens nothing", "nothing-to-open", () =>
      owner.session.call("POST", "/unlock", { password: oldPassword }),
    );
    const others = neighbour.phrase ?? "";
    const newPassword = "a password for the new TPM";
    await drill.refused("another owner's phrase opens nothing", "phrase-unknown", () =>
      owner.session.openVolume(others, newPassword),
    );
    drill.equal("the volume is still closed", existsSync(fragments), false);

    if (!sabotage) {
      await network.openVolume(owner, phrase, newPassword);
      drill.step("the phrase opens the volume, under a new password");
    }
    drill.equal("the device is open", await owner.phase(), "ready");
    drill.equal("others' fragments are what they were", digestsBelow(fragments), before);
    await own.verify(owner.session, 0);

    await owner.process.stop();
    await network.startDevice(1);
    drill.equal("the next start needs no phrase: the new TPM has the volume key", await owner.phase(), "ready");
    await drill.refused("the old password is gone", "wrong-password", () => owner.session.signIn(oldPassword));
    await network.startDevice(2);
    await network.unlock(neighbour);
    await drill.eventually("the neighbour sees this device", async () => {
      interface View {
        readonly members: readonly { readonly name: string; readonly online: boolean }[];
      }
      const { members } = await neighbour.session.call<View>("GET", "/network");
      return members.some(({ name, online }) => online && name === ownerName(1));
    });
    await kept.verify(neighbour.session);
    drill.step("the neighbour reads its files from this device alone");
    for (const device of network.devices.slice(2)) await network.startDevice(device.number);
    await network.allOnline(owner);
    await own.verify(owner.session);
    drill.step("all own files are bit-identical");
  },
};

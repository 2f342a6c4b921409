import type { Device, Network } from "@piccolo/devnet";
import { rekeyCrashPoints } from "@piccolo/piccolod/crash-points";
import type { Drill, DrillContext } from "./drill.ts";
import { FileTree } from "./file-model.ts";

/** Wrapped keys of one commit of a re-key. */
const pageRows = 500;

interface Security {
  readonly slots: { readonly epoch: number; readonly rekey: "none" | "running" | "interrupted" };
}

const securityOf = ({ session }: Device): Promise<Security> => session.call<Security>("GET", "/security");

interface Phrases {
  readonly old: string;
  readonly fresh: string;
}

/** Begins a re-key that the armed crash point cuts off; returns the phrase it was to bring. */
async function rekeyUntilCrash(device: Device): Promise<string> {
  const password = device.record.password ?? "";
  const { words } = await device.session.call<{ words: readonly string[] }>("POST", "/security/phrase", { password });
  const phrase = words.join(" ");
  const ended = device.process.ended();
  // The crash may come before the answer, which is no answer then.
  await device.session.call("POST", "/security/rekey", { password, confirmation: { phrase } }).catch(() => undefined);
  await ended;
  return phrase;
}

/** The chip goes, too: the one phrase opens the disk, the other one does not. */
async function openByPhrase(drill: DrillContext, network: Network, valid: string, invalid: string): Promise<void> {
  const device = network.device(1);
  await network.replaceTpm(1);
  drill.fault("the chip is another one, too");
  await network.startDevice(1);
  drill.equal("the device is closed", await device.phase(), "closed");
  await drill.refused("the phrase that is not valid here", "phrase-unknown", () =>
    device.session.openVolume(invalid, "a password for nothing"),
  );
  await network.openVolume(device, valid);
}

interface Round {
  readonly point: string;
  readonly withChip: boolean;
}

/** Every point as often as the others, in an order by the seed. */
function roundsOf(drill: DrillContext, files: number): Round[] {
  const blocks = drill.options.small ? 1 : 5;
  return Array.from({ length: blocks }, () => drill.sample(rekeyCrashPoints, rekeyCrashPoints.length))
    .flat()
    .map((name, at) => {
      const pages = name.endsWith("-page") ? Math.ceil(files / pageRows) : 1;
      return { point: `${name}:${1 + drill.below(pages)}`, withChip: at % 3 === 0 };
    });
}

async function cutRekey(drill: DrillContext, network: Network, round: Round, phrase: string): Promise<Phrases> {
  const device = network.device(1);
  await device.process.stop();
  await network.startDevice(1, ["--crash-at", round.point, "--insecure-drills"]);
  const { epoch } = (await securityOf(device)).slots;
  const made = await rekeyUntilCrash(device);
  drill.fault(`the power goes at ${round.point}`);
  // The new root is the account's from the moment its slots are on the disk.
  const hasBegun = !round.point.startsWith("before-rekey-slots");
  const phrases = hasBegun ? { old: phrase, fresh: made } : { old: made, fresh: phrase };
  if (drill.options.sabotage) drill.step("nobody starts it again");
  else if (round.withChip) await openByPhrase(drill, network, phrases.fresh, phrases.old);
  else await network.startDevice(1);
  drill.equal("the device serves again", await device.phase(), "ready");
  await drill.eventually(
    "the re-key that was cut off is over",
    async () => (await securityOf(device)).slots.rekey === "none",
  );
  const after = (await securityOf(device)).slots.epoch;
  drill.equal("the epoch", after, hasBegun ? epoch + 1 : epoch);
  return phrases;
}

export const powerCutRekeyDrill: Drill = {
  name: "power-cut-rekey",
  summary: "the power goes at every moment of a re-key: all files still open, and the right phrases do",
  async run(drill) {
    const { small } = drill.options;
    const network = await drill.network({ devices: small ? 3 : 5 });
    const device = network.device(1);
    const tree = new FileTree(drill, "kept");
    const files = small ? 12 : pageRows + 100;
    await tree.write(device.session, files, 3);
    drill.step(`${tree.count} files are written`);
    let phrase = device.phrase ?? "";
    const rounds = roundsOf(drill, files);
    for (const round of rounds) {
      ({ fresh: phrase } = await cutRekey(drill, network, round, phrase));
      await tree.write(device.session, 1, 3);
      await tree.verify(device.session, 8);
    }
    await tree.verify(device.session);
    drill.step(`${rounds.length} crashes during re-keys, every file still opens`);
  },
};

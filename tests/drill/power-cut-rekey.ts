import { type Device, type Network, unlessBroken } from "@piccolo/devnet";
import { rekeyCrashPoints } from "@piccolo/piccolod/crash-points";
import { type Keeper, Stranger } from "../network/stranger.ts";
import type { Drill, DrillContext } from "./drill.ts";
import { FileTree } from "./file-model.ts";

/** Wrapped keys of one commit of a re-key. */
const pageRows = 500;

interface Security {
  readonly slots: {
    readonly epoch: number;
    readonly rekey: "none" | "running" | "interrupted";
    readonly phrase: { readonly copies: number; readonly atCentral: boolean };
  };
}

const securityOf = ({ session }: Device): Promise<Security> => session.call<Security>("GET", "/security");

type RekeyPoint = (typeof rekeyCrashPoints)[number];

/** Which epoch each phrase opens at every other device and at central. */
class Keepers {
  readonly #stranger: Stranger;
  readonly #keepers: readonly Keeper[];

  constructor(stranger: Stranger, network: Network) {
    this.#stranger = stranger;
    const members = network.devices.slice(1).map(({ number }) => ({ address: network.addressOf(number) }));
    this.#keepers = [...members, { centralOrigin: network.centralOrigin }];
  }

  epochs(phrase: string): Promise<readonly (number | undefined)[]> {
    return Promise.all(this.#keepers.map((keeper) => this.#stranger.epochBehind(phrase, keeper)));
  }

  /** Whether all of them, or none, say this. */
  async all(phrase: string, epoch: number | undefined): Promise<boolean> {
    return (await this.epochs(phrase)).every((found) => found === epoch);
  }

  get count(): number {
    return this.#keepers.length;
  }
}

/** Begins a re-key that the armed crash point cuts off; returns the phrase it was to bring. */
async function rekeyUntilCrash(drill: DrillContext, device: Device): Promise<string> {
  const password = device.record.password ?? "";
  const { words } = await device.session.call<{ words: readonly string[] }>("POST", "/security/phrase", { password });
  const phrase = words.join(" ");
  // The crash may come before the answer, which is no answer then.
  await unlessBroken(device.session.call("POST", "/security/rekey", { password, confirmation: { phrase } }));
  drill.check("the re-key reaches the crash point", await device.process.killedWithin(120_000));
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
  readonly name: RekeyPoint;
  readonly count: number;
  readonly withChip: boolean;
}

/** Every point about as often as the others, in an order by the seed. */
function roundsOf(drill: DrillContext, files: number): Round[] {
  const rounds = drill.options.small ? 4 : 30;
  const blocks = Math.ceil(rounds / rekeyCrashPoints.length);
  return Array.from({ length: blocks }, () => drill.sample(rekeyCrashPoints, rekeyCrashPoints.length))
    .flat()
    .slice(0, rounds)
    .map((name, at) => {
      const pages = name.endsWith("-page") ? Math.ceil(files / pageRows) : 1;
      return { name, count: 1 + drill.below(pages), withChip: at % 3 === 0 };
    });
}

const isBehind = (point: RekeyPoint, other: RekeyPoint): boolean =>
  rekeyCrashPoints.indexOf(point) >= rekeyCrashPoints.indexOf(other);

/** While the device is down: what each phrase is good for, to whoever has no more than it. */
async function checkWindow(
  drill: DrillContext,
  keepers: Keepers,
  { name }: Round,
  { old, made, epoch }: { readonly old: string; readonly made: string; readonly epoch: number },
): Promise<void> {
  if (name !== "after-rekey-end") {
    drill.check("the old phrase is valid everywhere", await keepers.all(old, epoch));
  }
  if (!isBehind(name, "after-rekey-slots")) {
    drill.check("the new phrase is valid nowhere yet", await keepers.all(made, undefined));
  }
  if (isBehind(name, "before-rekey-checkpoint")) {
    const having = (await keepers.epochs(made)).filter((found) => found === epoch + 1);
    drill.check("the new phrase is valid, too", having.length > 0);
  }
}

async function cutRekey(
  drill: DrillContext,
  network: Network,
  keepers: Keepers,
  round: Round,
  old: string,
): Promise<string> {
  const device = network.device(1);
  await device.process.stop();
  await network.startDevice(1, ["--crash-at", `${round.name}:${round.count}`, "--insecure-drills"]);
  await drill.eventually("the others and central keep the phrase's slot", async () => {
    const { copies, atCentral } = (await securityOf(device)).slots.phrase;
    return copies + (atCentral ? 1 : 0) === keepers.count;
  });
  const { epoch } = (await securityOf(device)).slots;
  const made = await rekeyUntilCrash(drill, device);
  drill.fault(`the power goes at ${round.name}:${round.count}`);
  await checkWindow(drill, keepers, round, { old, made, epoch });
  // The new root is the account's from the moment its slots are on the disk.
  const hasBegun = isBehind(round.name, "after-rekey-slots");
  const [valid, invalid] = hasBegun ? [made, old] : [old, made];
  if (drill.options.sabotage) drill.step("nobody starts it again");
  else if (round.withChip) await openByPhrase(drill, network, valid, invalid);
  else await network.startDevice(1);
  drill.equal("the device serves again", await device.phase(), "ready");
  await drill.eventually(
    "the re-key that was cut off is over",
    async () => (await securityOf(device)).slots.rekey === "none",
  );
  const now = hasBegun ? epoch + 1 : epoch;
  drill.equal("the epoch", (await securityOf(device)).slots.epoch, now);
  await drill.eventually("one phrase is valid everywhere, the other one nowhere", async () => {
    return (await keepers.all(valid, now)) && keepers.all(invalid, undefined);
  });
  return valid;
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
    const stranger = await Stranger.start();
    try {
      const keepers = new Keepers(stranger, network);
      for (const round of rounds) {
        phrase = await cutRekey(drill, network, keepers, round, phrase);
        await tree.write(device.session, 1, 3);
        await tree.verify(device.session, 8);
      }
    } finally {
      await stranger.stop();
    }
    await tree.verify(device.session);
    drill.step(`${rounds.length} crashes during re-keys, every file still opens`);
  },
};

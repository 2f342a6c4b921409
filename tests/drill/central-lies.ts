import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Network } from "@piccolo/devnet";
import { ed25519FromSeed } from "@piccolo/envelope";
import { replay } from "@piccolo/membership";
import { realWorld } from "@piccolo/world/real";
import { type Lies, LyingCentral } from "../../programs/central/test-support/lying-central.ts";
import { MetadataAuthor } from "../../programs/central/test-support/metadata.ts";
import { Owner } from "../../programs/central/test-support/owners.ts";
import { contentOf, identityOf, slotsOf } from "../network/identity.ts";
import { type Lie, LyingWitness } from "../network/lying-witness.ts";
import { isBackedUp, lose, recovered } from "./device-lost.ts";
import type { Drill, DrillContext } from "./drill.ts";
import { FileTree } from "./file-model.ts";

interface Round {
  readonly name: string;
  /** `slot` is the phrase's, as it was before the first round. */
  readonly central: (network: Network, lying: LyingCentral, slot: Uint8Array) => Promise<Lies>;
  readonly witness: Lie;
}

/** Heads of the entries the owner's device keeps, oldest first. */
function headsOf(network: Network): readonly { readonly sequence: number; readonly head: Uint8Array }[] {
  const db = new DatabaseSync(join(contentOf(network, 1), "owner.db"), { readOnly: true });
  const rows = db.prepare("SELECT sequence, head FROM log_entry ORDER BY sequence").all();
  db.close();
  return rows as { sequence: number; head: Uint8Array }[];
}

async function networkIdOf(network: Network): Promise<Uint8Array> {
  const { networkId } = await network.device(1).session.call<{ networkId: string }>("GET", "/network");
  return Buffer.from(networkId, "hex");
}

function older(network: Network, lying: LyingCentral, slot: Uint8Array): Lies {
  const heads = headsOf(network);
  const middle = heads[Math.floor(heads.length / 2)];
  if (middle === undefined) throw new Error("the owner's device has no entries");
  lying.remember(middle.sequence, middle.head);
  return { withholdAfter: middle.sequence, slot };
}

/** Another branch from the middle on, longer than the right one; its heads carry a key of central's own. */
async function forked(network: Network): Promise<Lies> {
  const heads = headsOf(network);
  const from = heads[Math.floor(heads.length / 2)]?.sequence ?? 1;
  const author = new MetadataAuthor({
    world: realWorld,
    account: identityOf(network, 1).account,
    network: await networkIdOf(network),
    deviceKey: ed25519FromSeed(realWorld.randomBytes(32)),
  });
  const entries = Array.from({ length: heads.length + 5 }, (_, at) =>
    author.add(1_024, { sequence: from + at, ...(at === 0 ? { previousHash: new Uint8Array(32).fill(1) } : {}) }),
  );
  return { fork: { from, entries } };
}

/** A member nobody invited: its entry follows the rules of a network of its own, whose log is not this one. */
function invented(): Lies {
  const [eve, mallory] = ["Eve", "Mallory"].map((name) => new Owner(realWorld, "http://127.0.0.1:1", name));
  if (eve === undefined || mallory === undefined) throw new Error("there are two of them");
  const state = replay([eve.firstEntry()]);
  return { inventedMembers: [mallory.joining(state, eve.invite(state))] };
}

const rounds: readonly Round[] = [
  {
    name: "central withholds the newest entries and slot, a witness the newest head",
    central: (network, lying, slot) => Promise.resolve(older(network, lying, slot)),
    witness: "older",
  },
  {
    name: "central shows another branch, a witness a head that is not the device's",
    central: (network) => forked(network),
    witness: "forged",
  },
  {
    name: "central invents members, a witness says it has nothing",
    central: () => Promise.resolve(invented()),
    witness: "nothing",
  },
  {
    name: "central hides who has joined, a witness changes a head",
    central: () => Promise.resolve({ membersUpTo: 1 }),
    witness: "changed",
  },
];

interface Scene {
  readonly network: Network;
  readonly lying: LyingCentral;
  readonly witness: LyingWitness;
  readonly tree: FileTree;
  readonly slot: Uint8Array;
}

async function play(drill: DrillContext, parts: Scene, round: Round): Promise<void> {
  const { network, lying, witness, tree, slot } = parts;
  const owner = network.device(1);
  await tree.write(owner.session, 3, 1);
  await isBackedUp(drill, owner);
  lying.lies = await round.central(network, lying, slot);
  witness.lie = round.witness;
  drill.fault(round.name);
  const told = [lying.told, witness.lies] as const;
  const { phrase, fresh } = await lose(drill, network);
  if (drill.options.sabotage) {
    // Left out are the honest witnesses: the liar alone is more than f of those who answer.
    await Promise.all(network.devices.slice(1, -1).map((device) => device.process.kill()));
  }
  const place = network.addressOf(network.devices.length);
  drill.equal("the recovery by the phrase", await recovered(network, fresh, { phrase, place }), "recovered");
  interface Security {
    readonly mayBeStale?: unknown;
  }
  const { mayBeStale } = await fresh.session.call<Security>("GET", "/security");
  drill.equal("enough witnesses have confirmed what was restored", mayBeStale, undefined);
  await drill.eventually("central's lies reach the device", () => Promise.resolve(lying.told > told[0]));
  drill.check("the witness's lies reached the device", witness.lies > told[1]);
  interface View {
    readonly members: readonly unknown[];
  }
  const { members } = await fresh.session.call<View>("GET", "/network");
  drill.equal("the members are those there were", members.length, network.devices.length);
  lying.lies = {};
  witness.lie = undefined;
  await tree.verify(fresh.session);
  await isBackedUp(drill, fresh);
  drill.step(`${tree.count} files are there, the newest included`);
}

export const centralLiesDrill: Drill = {
  name: "central-lies",
  summary: "central shows old heads, branches and invented members, and f witnesses lie, too: the newest is restored",
  async run(drill) {
    let centralOrigin: string | undefined;
    // Five devices are the fewest of whose witnesses one may lie.
    const network = await drill.network({
      devices: 5,
      deviceArgs: (device) => (device === 1 && centralOrigin !== undefined ? ["--central", centralOrigin] : []),
    });
    const lying = await LyingCentral.start(network.centralOrigin);
    const liar = network.device(5);
    await liar.process.stop();
    const witness = await LyingWitness.start(network, 5);
    try {
      await network.allOnline(network.device(1));
      drill.step("central is behind one that can lie, and device5 is a member that can");
      const tree = new FileTree(drill, "kept");
      await tree.write(network.device(1).session, drill.options.small ? 10 : 100, 2);
      // From its replacement on the owner's device knows central by the liar alone.
      centralOrigin = lying.origin;
      const played = drill.options.small ? drill.sample(rounds, 3) : rounds;
      const { phraseSlot: slot = new Uint8Array(0) } = slotsOf(network, 1);
      for (const round of played) await play(drill, { network, lying, witness, tree, slot }, round);
    } finally {
      await witness.stop();
      await lying.stop();
    }
  },
};

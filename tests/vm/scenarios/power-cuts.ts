/** The power goes while the volume is made, while the device is claimed, while a password is sealed, and while it starts. */
import { setTimeout as delay } from "node:timers/promises";
import type { DeviceSession } from "@piccolo/devnet";
import { SeededWorld } from "@piccolo/world";
import { wrongTriesOf } from "../chip-state.ts";
import type { Machine } from "../machine.ts";
import type { Scenario, ScenarioContext } from "../scenario.ts";
import { claimCodePattern } from "../snapshots.ts";

const seed = "power-cuts:1";
const passwords = ["a password nobody would guess", "another password nobody would guess"] as const;
const daemonStarts = /Starting .*piccolod\.service/;
/** What each takes under emulation, on a machine with nothing else to do. */
const spans = { making: 15_000, claiming: 12_000, sealing: 12_000, starting: 8_000 } as const;

/** The power goes so long after this: what was under way is never answered. */
async function cutDuring(machine: Machine, work: () => Promise<unknown>, afterMs: number): Promise<void> {
  const done = work().catch(() => undefined);
  await delay(afterMs);
  await machine.powerCut();
  await done;
}

async function signInWithEither(session: DeviceSession): Promise<string> {
  try {
    await session.signIn(passwords[1]);
    return passwords[1];
  } catch {
    await session.signIn(passwords[0]);
    return passwords[0];
  }
}

export const powerCuts: Scenario = {
  name: "power-cuts",
  summary:
    "five power cuts while the volume is made, claimed, sealed and opened: the chip counts nothing, the volume opens",
  set: "full",
  async run(context: ScenarioContext) {
    const image = await context.laboratory.image();
    const random = new SeededWorld(seed);
    const below = (bound: number): number => new DataView(random.randomBytes(4).buffer).getUint32(0) % bound;
    const machine = await context.machine("device", image.disk);
    const session = machine.client.session();
    let cuts = 0;
    const isUnharmed = async (when: string): Promise<void> => {
      cuts++;
      context.equal(`wrong tries the chip counts after the power went ${when}`, await wrongTriesOf(machine), 0);
      context.say(`  cut ${cuts}: ${when}`);
    };
    const start = async (): Promise<string> => {
      machine.powerOn();
      await machine.untilAnswers();
      const status = await machine.client.status();
      context.check(`the volume is open: ${JSON.stringify(status)}`, status.phase !== "closed");
      return status.phase;
    };
    const claim = async (): Promise<void> => {
      const [, code = ""] = await machine.untilSays(claimCodePattern);
      await session.claim(code, "Ada", passwords[0]);
    };

    machine.powerOn();
    await machine.untilSays(daemonStarts);
    await cutDuring(machine, async () => undefined, below(spans.making));
    await isUnharmed("while the volume was made");

    for (let claims = 0; claims < 2; claims++) {
      const phase = await start();
      if (phase === "unclaimed") await cutDuring(machine, claim, below(spans.claiming));
      else await cutDuring(machine, () => signInWithEither(session), below(spans.claiming));
      await isUnharmed(phase === "unclaimed" ? "while it was claimed" : "while its owner signed in");
    }

    if ((await start()) === "unclaimed") await claim();
    else await session.signIn(passwords[0]);
    const [oldPassword, newPassword] = passwords;
    const change = (): Promise<unknown> => session.call("POST", "/session/password", { oldPassword, newPassword });
    await cutDuring(machine, change, below(spans.sealing));
    await isUnharmed("while a password was sealed");

    machine.powerOn();
    await machine.untilSays(daemonStarts);
    await cutDuring(machine, async () => undefined, below(spans.starting));
    await isUnharmed("while it started");

    context.equal("phase in the end", await start(), "locked");
    context.say(
      `  the owner signs in with the ${(await signInWithEither(session)) === oldPassword ? "old" : "new"} password`,
    );
    await session.call("POST", "/files/folders", { parent: "root", name: "after all" });
    await machine.powerButton();
    context.equal("wrong tries the chip counts in the end", await wrongTriesOf(machine), 0);
  },
};

/** The keys of releases and of the firmware are replaced under an owner, twice, who is asked for nothing. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { BootView } from "@piccolo/device-api";
import type { Commit } from "@piccolo/release";
import { stageOffered, updateKeysOf } from "../offered-release.ts";
import type { Scenario } from "../scenario.ts";

/** A list of keys has to be later than the one in the firmware, the first of which was made when the laboratory was. */
const laterS = 86_400;

export const rotation: Scenario = {
  name: "rotation",
  summary:
    "releases by the old keys, by both, by the new, and again by both: each is fetched by the keys in the one before, the volume opens in each start, and the firmware has the new keys",
  set: "full",
  async run(context) {
    const { laboratory } = context;
    const [first, foreign] = [laboratory.keys, await laboratory.keySet("foreign-keys")];
    const second = await laboratory.keySet("second-keys", first);
    const third = await laboratory.keySet("third-keys", second);
    const { commit: a } = await laboratory.image();
    const { machine, secrets } = await context.restored("device", "claimed");
    const opens = async (what: string): Promise<void> => {
      machine.powerOn();
      await machine.untilAnswers();
      const { phase, reasons } = await machine.client.status();
      context.equal(`${what}: ${JSON.stringify(reasons)}`, phase, "locked");
    };
    /** As its owner has it: the chip's word for it, and the way in that only a start by the release's keys gives. */
    const isTheirs = async (what: string): Promise<void> => {
      const owner = machine.client.session();
      await owner.call("POST", "/reset-login", { phrase: secrets.phrase, newPassword: secrets.password });
      await owner.signIn(secrets.password);
      const { state, detail } = await owner.call<BootView>("GET", "/security/boot");
      context.equal(`${what}: what the boot measured: ${detail}`, state, "as-released");
    };
    const nowS = Math.floor(Date.now() / 1000);
    const formerly = (keys: string, times: number) => ({ keys, epochS: nowS + times * laterS });
    const stage = async (...[offered]: [Omit<Parameters<typeof stageOffered>[1], "overlay">]): Promise<Commit> => {
      const staged: Commit[] = [];
      await machine.changeDisk(async (disk) => {
        staged.push(await stageOffered(context, { ...offered, overlay: "watch" }, disk));
      });
      return staged[0] ?? a;
    };
    const changesKeys = async (name: string): Promise<void> => {
      await opens(`${name} on probation`);
      await machine.untilTells(/"release-blessed"/);
      context.check(`${name} seals nothing anew on probation`, !machine.probe.text.includes("seals-renewed"));
      await machine.powerButton();

      await opens(`${name} with its place`);
      await machine.untilTells(/"firmware-keys-changed"/);
      context.check(`${name} has sealed for the change`, /"seals-renewed","expected":[12]/.test(machine.probe.text));
      await machine.powerCut();

      await opens(`${name} with its key in the firmware`);
      const renewed = machine.probe.text.includes('"seals-renewed","expected":0');
      context.check(`${name} has sealed for the new keys alone`, renewed);
      await isTheirs(name);
      await machine.powerButton();
    };

    await machine.powerButton();
    const b = await stage({
      number: 2,
      signing: { keys: second, former: formerly(first, 1) },
      running: { number: 1, commit: a },
      strangers: readFileSync(join(foreign, "ostree/updates.gpg")),
    });
    await changesKeys("B");

    // What runs the old release, and missed B, takes nothing that the new keys alone signed.
    const ofOld = await updateKeysOf(context, a);
    const c = await stage({
      number: 3,
      signing: { keys: second, enrolled: [first] },
      running: { number: 2, commit: b },
      strangers: ofOld,
    });
    await opens("C, by the new keys alone");
    await machine.untilTells(/"release-blessed"/);
    await machine.powerButton();
    await opens("C with its place");
    await isTheirs("C");
    await machine.powerButton();

    await stage({
      number: 4,
      signing: { keys: third, former: formerly(second, 2), enrolled: [first] },
      running: { number: 3, commit: c },
      strangers: ofOld,
    });
    await changesKeys("D");
  },
};

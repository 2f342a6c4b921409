/** The keys of releases and of the firmware are replaced under an owner, who is asked for nothing. */
import type { Commit } from "@piccolo/release";
import type { Scenario } from "../scenario.ts";

/** The list of keys has to be later than the one in the firmware, which was made when the laboratory was. */
const laterS = 86_400;

export const rotation: Scenario = {
  name: "rotation",
  summary:
    "release A by the old keys, B by both, C by the new ones: the volume opens in each start, and the firmware has the new key",
  set: "full",
  async run(context) {
    const { laboratory } = context;
    const image = await laboratory.image();
    const next = await laboratory.keySet("next-keys");
    const { machine } = await context.restored("device", "claimed");
    const opens = async (what: string): Promise<void> => {
      machine.powerOn();
      await machine.untilAnswers();
      const { phase, reasons } = await machine.client.status();
      context.equal(`${what}: ${JSON.stringify(reasons)}`, phase, "locked");
    };
    await machine.powerButton();
    const former = { keys: laboratory.keys, epochS: Math.floor(Date.now() / 1000) + laterS };
    const beside: Commit[] = [];
    await machine.changeDisk(async (disk) => {
      beside.push(await laboratory.addRelease(disk, image, 2, "watch", 2, { keys: next, former }));
    });
    await opens("B on probation");
    await machine.untilTells(/"release-blessed".*piccolo-2\.efi/);
    context.check("nothing is sealed anew on probation", !machine.probe.text.includes("seals-renewed"));
    await machine.powerButton();

    await opens("B with its place");
    await machine.untilTells(/"firmware-keys-changed"/);
    context.check("it was sealed for the change", /"seals-renewed","expected":[12]/.test(machine.probe.text));
    await machine.powerCut();

    await opens("B with both keys in the firmware");
    context.check("it is sealed for the new keys alone", machine.probe.text.includes('"seals-renewed","expected":0'));
    await machine.powerButton();

    await machine.changeDisk(async (disk) => {
      await laboratory.addRelease(disk, image, 3, "watch", 2, {
        keys: next,
        enrolled: [laboratory.keys],
        beside,
      });
    });
    await opens("C, by the new keys alone");
    await machine.untilTells(/"release-blessed".*piccolo-3\.efi/);
    await machine.powerButton();
    await opens("C with its place");
  },
};

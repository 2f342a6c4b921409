/** The owner gives the device away: three times over, through the portal's interface alone. */
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { BootView } from "@piccolo/device-api";
import { deadlineMs } from "../deadlines.ts";
import type { Machine } from "../machine.ts";
import { refusalOf } from "../refusal.ts";
import type { Scenario, ScenarioContext } from "../scenario.ts";
import { claimCodePattern } from "../snapshots.ts";

const times = 3;
/** The reset that the power cuts off, and the one after which the machine is switched off instead of starting again. */
const cutAt = 2;
const offAt = 1;
const longestUntilCutMs = 5_000;

async function untilUnclaimed(context: ScenarioContext, machine: Machine): Promise<void> {
  // It starts anew in between, so that what the chip measured tells of one volume alone.
  const isUnclaimed = async (): Promise<boolean> => (await machine.client.status()).phase === "unclaimed";
  await machine.until("a device without owner", isUnclaimed, deadlineMs("start"));
  context.check("it is as new", true);
}

/** A copy of the disk from before, in the same machine, which is off: its chip opens it no more. */
async function opensNoMore(context: ScenarioContext, name: string, disk: string, machine: Machine): Promise<void> {
  const old = await context.machine(name, disk, "enforcing", { chipOf: machine });
  old.powerOn();
  await old.untilAnswers();
  const { phase, reasons } = await old.client.status();
  context.equal("a disk of before", [phase, ...reasons.map(({ code }) => code)], ["closed", "tpm-superseded"]);
  await old.powerCut();
}

export const factoryReset: Scenario = {
  name: "factory-reset",
  summary:
    "three times reset with login and password or phrase and claimed anew, once over a power cut; what was before opens no more, neither after a restart nor where the machine goes off instead of it",
  set: "full",
  async run(context) {
    const { machine, secrets } = await context.restored("device", "claimed");
    await machine.powerButton();
    const before = await machine.copyDisk(join(context.folder, "before.img"));
    machine.powerOn();
    await machine.untilAnswers();
    let { password, phrase } = secrets;
    for (let time = 1; time <= times; time++) {
      const owner = machine.client.session();
      await owner.signIn(password);
      const { deviceName } = await machine.client.status();
      const reset = (given: object): Promise<unknown> => owner.call("POST", "/factory-reset", given);
      const wrong = { confirmation: deviceName, password: "not the owner's password" };
      context.equal("without the password", await refusalOf(reset(wrong)), "wrong-password");
      const nameless = { confirmation: "piccolo", password };
      context.equal("without the device's name", await refusalOf(reset(nameless)), "not-the-device-name");
      const stranger = machine.client.session();
      const unsigned = stranger.call("POST", "/factory-reset", { confirmation: deviceName, password });
      context.equal("without login", await refusalOf(unsigned), "sign-in-required");
      await owner.call("POST", "/files/folders", { parent: "root", name: `of owner ${time}` });

      let from = machine.serial.text.length;
      await reset({ confirmation: deviceName, ...(time === times ? { phrase } : { password }) });
      if (time === cutAt) {
        // It begins once its answer is away.
        const isUntouched = async (): Promise<boolean> =>
          (await machine.client.status().catch(() => undefined))?.phase === "ready";
        await machine.until("the reset that begins", async () => !(await isUntouched()), deadlineMs("step"));
        await delay(Math.random() * longestUntilCutMs);
        await machine.powerCut();
        from = 0;
        machine.powerOn();
        await machine.untilAnswers();
        const { phase } = await machine.client.status();
        context.check(`after a cut it is reset, or was not begun: ${phase}`, ["unclaimed", "locked"].includes(phase));
        context.figure("a reset that the power cut off before it began", phase === "locked" ? 1 : 0, "");
        if (phase === "locked") {
          const again = machine.client.session();
          await again.signIn(password);
          await again.call("POST", "/factory-reset", { confirmation: deviceName, password });
        }
      }
      if (time === offAt) {
        await machine.untilSays(/reboot: Restarting system|EFI stub/, deadlineMs("start"), from);
        await machine.powerCut();
        await opensNoMore(context, "switched-off", before, machine);
        from = 0;
        machine.powerOn();
      }
      await untilUnclaimed(context, machine);
      const [, code = ""] = await machine.untilSays(claimCodePattern, deadlineMs("start"), from);
      context.equal("the old password", await refusalOf(stranger.signIn(password)), "not-claimed");
      const next = machine.client.session();
      password = `the password of owner ${time + 1}`;
      phrase = await next.claim(code, `Owner ${time + 1}`, password);
      const { nodes } = await next.call<{ readonly nodes: readonly unknown[] }>("GET", "/files");
      context.equal("files of the one before", nodes, []);
      const { state, detail } = await next.call<BootView>("GET", "/security/boot");
      context.equal(`what the boot measured: ${detail}`, state, "as-released");
    }
    await machine.powerButton();
    machine.powerOn();
    await machine.untilAnswers();
    const { phase, reasons } = await machine.client.status();
    context.equal(`after a restart: ${JSON.stringify(reasons)}`, phase, "locked");
    await machine.client.session().signIn(password);
    await machine.powerButton();

    await opensNoMore(context, "before", before, machine);
  },
};

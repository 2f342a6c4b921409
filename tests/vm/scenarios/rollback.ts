/** A release that does not work gives way to the one before, which has all that was there. */
import type { BootView } from "@piccolo/device-api";
import { deadlineMs } from "../deadlines.ts";
import type { Scenario } from "../scenario.ts";

const folder = "of before the bad release";

export const rollback: Scenario = {
  name: "rollback",
  summary:
    "a release whose daemon does not live is tried twice, and the release before comes back by itself with its data",
  set: "core",
  async run(context) {
    const { laboratory } = context;
    const good = await laboratory.image();
    const { machine, secrets } = await context.restored("device", "claimed");
    const before = machine.client.session();
    await before.signIn(secrets.password);
    await before.call("POST", "/files/folders", { parent: "root", name: folder });
    await machine.powerButton();
    await machine.changeDisk(async (disk) => void (await laboratory.addRelease(disk, good, 2, "dies", 2)));

    machine.powerOn();
    await machine.untilAnswers(deadlineMs("startAfterTwoFailed"));
    const begun = machine.serial.text.match(/EFI stub: UEFI Secure Boot is enabled/g)?.length ?? 0;
    context.figure(
      "power-on to portal over two failed starts",
      Math.round((performance.now() - machine.poweredOnMs) / 100) / 10,
      "s",
    );
    context.equal("how often a system was started", begun, 3);
    const { phase, reasons } = await machine.client.status();
    context.equal(`its volume opened by itself: ${JSON.stringify(reasons)}`, phase, "locked");
    const after = machine.client.session();
    await after.signIn(secrets.password);
    const { state, release, detail, failedRelease } = await after.call<BootView>("GET", "/security/boot");
    context.equal(`the release that runs: ${detail}`, [state, release?.number], ["as-released", 1]);
    // It did not live long enough to leave a word of its own.
    context.equal("what the owner hears of it", [failedRelease?.number, failedRelease?.why], [2, "unknown"]);
    const { nodes } = await after.call<{ readonly nodes: readonly { readonly name: string }[] }>("GET", "/files");
    context.check(
      "what was there is there",
      nodes.some(({ name }) => name === folder),
    );
  },
};

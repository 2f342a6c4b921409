/** A release that does not work gives way to the one before. */
import type { Scenario } from "../scenario.ts";

export const rollback: Scenario = {
  name: "rollback",
  summary:
    "a release whose daemon does not live is tried twice, and the release before comes back by itself with its data",
  set: "core",
  async run(context) {
    const { laboratory } = context;
    const good = await laboratory.image();
    const disk = await laboratory.copyDisk(good, "rollback");
    await laboratory.addRelease(disk, good, 2, "dies", 2);
    const machine = await context.machine("device", disk);
    machine.powerOn();
    const starts = /piccolo\.commit=([0-9a-f]{64})|Starting.*piccolod\.service/g;
    await machine.untilAnswers(1_200_000);
    const begun = machine.serial.text.match(/EFI stub: UEFI Secure Boot is enabled/g)?.length ?? 0;
    context.figure(
      "power-on to portal over two failed starts",
      Math.round((performance.now() - machine.poweredOnMs) / 100) / 10,
      "s",
    );
    context.equal("how often a system was started", begun, 3);
    context.check("the bad one was tried", starts.test(machine.serial.text));
  },
};

/** A release that works keeps its place, and those that are no longer needed make room. */
import { triesOfWorking } from "../firmware-watch.ts";
import type { Scenario } from "../scenario.ts";

export const probation: Scenario = {
  name: "probation",
  summary: "a release on probation that works is found good, the release before stays, older ones go",
  set: "core",
  async run(context) {
    const { laboratory } = context;
    const image = await laboratory.image();
    const disk = await laboratory.copyDisk(image, "probation");
    await laboratory.addRelease(disk, image, 2, "dies", undefined);
    await laboratory.addRelease(disk, image, 3, "watch", triesOfWorking);
    const machine = await context.machine("device", disk);
    machine.powerOn();
    await machine.untilAnswers();
    await machine.untilTells(/"release-blessed".*piccolo-3\.efi/);
    const removed = await machine.untilTells(/"releases-removed".*/);
    context.equal("what went", /"images":(\[.*?\]),"deployments":(\[.*?\])/.exec(removed[0])?.slice(1), [
      '["piccolo-1.efi"]',
      '["1"]',
    ]);
    const at = (event: string): number =>
      Number(new RegExp(`^\\[\\s*([\\d.]+)\\].*"${event}"`, "m").exec(machine.probe.text)?.[1]);
    context.figure("removing a release", Math.round((at("releases-removed") - at("release-blessed")) * 10) / 10, "s");
    await machine.powerButton();
    machine.powerOn();
    await machine.untilAnswers();
    context.check("release 3 has its place", (await machine.untilTells(/"release-probation".*/))[0].includes("rest"));
    await machine.powerCut();
    machine.powerOn();
    await machine.untilAnswers();
    context.check(
      "so it has after a power cut",
      (await machine.untilTells(/"release-probation".*/))[0].includes("rest"),
    );
  },
};

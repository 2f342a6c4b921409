/** A release without the network that the one before had: nobody could reach a device of it. */
import { setTimeout as delay } from "node:timers/promises";
import type { BootView } from "@piccolo/device-api";
import { deadlineMs } from "../deadlines.ts";
import type { Scenario } from "../scenario.ts";

/** A release that has its place notes after half a minute how it went. */
const notedMs = 60_000;
/** Twice what proves a release. */
const watchedMs = 60_000;

export const deaf: Scenario = {
  name: "deaf",
  summary: "a release that sets up no network is not found good, and the release before comes back at the next start",
  set: "full",
  async run(context) {
    const { laboratory } = context;
    const good = await laboratory.image();
    const { machine, secrets } = await context.restored("device", "claimed");
    await delay(notedMs);
    await machine.powerButton();
    await machine.changeDisk(async (disk) => void (await laboratory.addRelease(disk, good, 2, "deaf", 1)));
    machine.powerOn();
    await machine.untilTells(/"release-probation".*"why":"not-yet"/);
    await delay(watchedMs);
    const told = machine.probe.text;
    context.check("its volume is open", /"plan":"unseal"/.test(told) && !told.includes("volume-closed"));
    context.check(`it is not found good:\n${told.slice(-500)}`, !/"release-blessed"|"why":"proving"/.test(told));
    context.check("nobody reaches it", !(await machine.client.answers()));
    // Its only try is used up; it would give itself up ten minutes after it started.
    await machine.powerCut();
    machine.powerOn();
    await machine.untilAnswers(deadlineMs("start"));
    const session = machine.client.session();
    await session.signIn(secrets.password);
    const { release, failedRelease } = await session.call<BootView>("GET", "/security/boot");
    context.equal("which release runs, and which failed", [release?.number, failedRelease?.number], [1, 2]);
    await machine.powerCut();
  },
};

/** The product's image, as a person would start it. */
import { statSync } from "node:fs";
import type { Scenario } from "../scenario.ts";

export const firstBoot: Scenario = {
  name: "first-boot",
  summary: "the product's image boots with Secure Boot enforced, and piccolod answers; so it does after a restart",
  set: "core",
  async run(context) {
    const image = await context.laboratory.image();
    context.figure("boot image", Math.round(statSync(image.uki).size / 1e5) / 10, "MB");
    context.figure("disk image, written part", Math.round((statSync(image.disk).blocks * 512) / 1e5) / 10, "MB");
    const machine = await context.machine("device", image.disk);
    machine.powerOn();
    context.figure("power-on to portal, first time", Math.round((await machine.untilAnswers()) / 100) / 10, "s");
    context.check("Secure Boot is on", machine.serial.text.includes("UEFI Secure Boot is enabled"));
    const page = await machine.client.get("/");
    context.check(
      "the portal's page comes",
      page.body.includes("<!doctype html>") || page.body.includes("<!DOCTYPE html>"),
    );
    await machine.powerButton();
    machine.powerOn();
    context.figure("power-on to portal", Math.round((await machine.untilAnswers()) / 100) / 10, "s");
    await machine.powerCut();
    machine.powerOn();
    await machine.untilAnswers();
    context.check("it answers after a power cut", machine.isOn);
  },
};

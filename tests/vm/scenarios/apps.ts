/** A container on the device: installed by its owner, on the sealed volume, there again after a restart. */
import type { DeviceSession } from "@piccolo/devnet";
import { demoManifest } from "../../apps/demo.ts";
import { CounterApp } from "../../drill/app-model.ts";
import type { Machine } from "../machine.ts";
import type { Scenario } from "../scenario.ts";

async function signedIn(machine: Machine, password: string): Promise<DeviceSession> {
  const owner = machine.client.session();
  await owner.signIn(password);
  return owner;
}

export const apps: Scenario = {
  name: "apps",
  summary: "an app is installed through the interface, answers, and runs again after a restart, with its data",
  set: "full",
  async run(context) {
    const { laboratory } = context;
    const { machine, secrets } = await context.restored("device", "claimed", "apps");
    const app = new CounterApp(await signedIn(machine, secrets.password));
    const startedMs = performance.now();
    await app.install(demoManifest("counter", laboratory.demoImage));
    context.figure("an app installed and started", Math.round((performance.now() - startedMs) / 100) / 10, "s");
    context.equal("the app", (await app.view()).state, "running");
    const visit = await app.visit();
    for (const number of [1, 2, 3]) context.equal("a visit counts one", await app.add(visit), number);

    await machine.powerButton();
    machine.powerOn();
    await machine.untilAnswers();
    const later = new CounterApp(await signedIn(machine, secrets.password));
    await machine.until("an app that runs", async () => (await later.view()).state === "running");
    context.equal("a visit after the restart", await later.add(await later.visit()), 4);
    context.equal("refusals", [app.refusals, later.refusals], [[], []]);
  },
};

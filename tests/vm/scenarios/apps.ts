/** A container on the device: installed by its owner, on the sealed volume, there again after a restart. */
import type { CatalogView } from "@piccolo/device-api";
import type { DeviceSession, TaskView } from "@piccolo/devnet";
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
  summary:
    "an app of the image's own catalog is installed without a registry, answers, and runs again after a restart, with its data",
  set: "full",
  async run(context) {
    const { machine, secrets } = await context.restored("device", "claimed");
    const owner = await signedIn(machine, secrets.password);
    const { entries } = await owner.call<CatalogView>("GET", "/catalog");
    const offered = entries.filter(({ blocked }) => blocked === undefined);
    context.equal("apps that are offered", offered.map(({ app }) => app.id).sort(), ["counter", "hello"]);
    context.check(
      "they take no registry",
      offered.every(({ offline }) => offline),
    );
    const app = new CounterApp(owner);
    const source = { catalog: { catalog: offered[0]?.catalog, app: app.id } };
    const startedMs = performance.now();
    await owner.finish(await owner.call<TaskView>("POST", "/apps", { source, grants: [], settings: {} }));
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

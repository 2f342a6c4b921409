import { join } from "node:path";
import { AppVisit, type TaskView } from "@piccolo/devnet";
import { bundleDemo, demoManifest } from "../apps/demo.ts";
import { cutAppsOff } from "../apps/own-machine.ts";
import { CounterApp } from "./app-model.ts";
import { type Drill, protectedCheaply } from "./drill.ts";
import { processesCalled, signalAll } from "./processes.ts";

export const appLifeDrill: Drill = {
  name: "app-life",
  summary: "install, use, update, a sick update undone with its data, kills, uninstall and restore: no answer is lost",
  onOwnMachine: true,
  async run(drill) {
    const { small, sabotage } = drill.options;
    const images = join(drill.folder, "images");
    const digests = ["1", "2"].map((version) => bundleDemo(images, "counter", version));
    const manifest = (version: 1 | 2): string => demoManifest("counter", digests[version - 1] ?? "", String(version));
    const network = await drill.network({
      devices: 1,
      protection: protectedCheaply,
      deviceArgs: () => ["--bundled-images", images],
    });
    const device = network.device(1);
    const { session } = device;
    const app = new CounterApp(session);
    const many = small ? 10 : 200;

    await app.install(manifest(1));
    drill.equal("the app runs", (await app.view()).state, "running");
    const visit = await app.visit();
    const add = async (count: number): Promise<void> => {
      for (let at = 0; at < count; at++) {
        const before = app.told;
        drill.equal("a visit counts one", await app.add(visit), before + 1);
      }
    };
    await add(many);
    drill.step(`installed, and ${many} visits counted`);

    await app.do("POST", "/stop");
    drill.equal("it is stopped", (await app.view()).state, "stopped");
    drill.equal("and does not answer", (await visit.text("/")).status, 502);
    await app.do("POST", "/start");
    drill.equal("started again, it has its number", await app.number(visit), app.told);

    // Visitors come all the time while the app changes over.
    const over = new AbortController();
    const visitor = async (): Promise<void> => {
      while (!over.signal.aborted) await app.add(visit);
    };
    const visitors = [visitor(), visitor(), visitor()];
    const before = app.told;
    await app.update(manifest(2));
    over.abort();
    await Promise.all(visitors);
    drill.equal("it is the new version", await app.version(visit), "2");
    drill.equal("no visit failed meanwhile", app.refusals, []);
    drill.equal("and none was lost", await app.number(visit), app.told);
    const updated = app.told;
    drill.step(`updated while ${updated - before} visits were counted`);

    const sick = manifest(2).replace(
      "    init: true\n",
      '    init: true\n    command: ["/bin/sh", "-c", "echo 1000000 > /data/number; exec sleep 1000"]\n',
    );
    drill.fault("a sick version changes the data and never answers");
    const undone = await app.update(sick.replace("health-path: /health", "health-path: /health, start-time: 2s")).then(
      () => "no failure",
      (error: unknown) => String(error),
    );
    drill.check(`the update says why it failed: ${undone}`, undone.includes("not-healthy"));
    drill.equal("the version before is back", await app.version(visit), "2");
    drill.equal("with its data", await app.number(visit), app.told);
    await add(3);

    await app.do("POST", "/rollback");
    drill.equal("rolled back, it is the first version", await app.version(visit), "1");
    const then = await app.number(visit);
    // Those that were told before the update are in the copy made in its course.
    drill.check(`with the data of that time (${before} <= ${then} <= ${updated})`, then >= before && then <= updated);
    await app.do("POST", "/rollback");
    drill.equal("and the other way, too", await app.version(visit), "2");
    drill.equal("nothing is lost by going there and back", await app.number(visit), app.told);

    for (const [what, name] of [
      ["the app's own process", "httpd"],
      ["what watches its container", "conmon"],
      ["the container service", "podman"],
    ] as const) {
      const pids = name === "httpd" ? processesCalled("busybox") : processesCalled(name);
      const killed = signalAll(pids, "SIGKILL");
      drill.fault(`${what} is killed (${killed})`);
      drill.check("there was one to kill", killed > 0);
      if (name === "conmon") {
        // The app itself goes on unwatched, and is started anew once that is seen.
        const isWatched = async (): Promise<boolean> => processesCalled("conmon").some((pid) => !pids.includes(pid));
        await drill.eventually("it is watched again", isWatched);
      }
      await drill.eventually("it answers again", () => app.isWell(visit));
      drill.equal("with its number", await app.number(visit), app.told);
      await add(2);
    }

    await device.process.kill();
    drill.fault("piccolod is killed");
    const [still] = processesCalled("busybox");
    await network.startDevice(1, ["--insecure-drills", "--app-health-ms", "3000"]);
    await network.claim(device);
    await drill.eventually("the app answers after it", () => app.isWell(visit));
    drill.equal("it is the very same process", processesCalled("busybox")[0], still);
    drill.equal("with its number", await app.number(visit), app.told);
    await add(2);

    drill.check("there was one to stop", signalAll(processesCalled("busybox"), "SIGSTOP") > 0);
    drill.fault("the app hangs: it is there and does nothing");
    await drill.eventually("it is told that it does not answer", async () => {
      const { problem } = await app.view();
      return problem?.code === "not-answering";
    });
    await drill.eventually("it is started again, and answers", () => app.isWell(visit));
    drill.equal("with its number", await app.number(visit), app.told);
    await add(2);

    await network.cutPower(1);
    await cutAppsOff();
    drill.fault("the plug is pulled");
    await network.startDevice(1);
    await network.claim(device);
    await drill.eventually("the app answers after it", () => app.isWell(visit));
    drill.equal("with its number", await app.number(visit), app.told);
    await add(2);
    drill.step("the app and its number came through every kill");

    await app.do("DELETE", "");
    drill.equal("uninstalled, it is in no list", (await session.call<{ apps: unknown[] }>("GET", "/apps")).apps, []);
    drill.check("and does not answer", (await visit.text("/")).status >= 400);
    const { apps } = await session.call<{ apps: { id: string }[] }>("GET", "/app-trash");
    drill.equal("its data is in the trash", apps.length, 1);
    if (!sabotage) {
      await session.finish(await session.call<TaskView>("POST", `/app-trash/${apps[0]?.id ?? ""}/restore`));
    }
    const after = await AppVisit.enter(session, "counter").catch(() => visit);
    drill.equal("restored, it has its number", await app.number(after), app.told);
  },
};

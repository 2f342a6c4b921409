import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createHash, randomBytes } from "node:crypto";
import { join } from "node:path";
import {
  AppVisit,
  type Device,
  type DeviceSession,
  prepareApps,
  type TaskView,
  unlessBroken,
  unprotected,
} from "@piccolo/devnet";
import { bundleDemo, demoManifest } from "../apps/demo.ts";
import { publishCatalog } from "../apps/published-catalog.ts";
import { cutAppsOff } from "../apps/own-machine.ts";
import { CounterApp } from "./app-model.ts";
import { isBackedUp, lose, recovered } from "./device-lost.ts";
import { type Drill, type DrillContext, protectedCheaply } from "./drill.ts";

const mebibyte = 1024 ** 2;

interface Backups {
  readonly state: string;
  readonly trouble?: { readonly code: string; readonly detail: string };
  readonly backups: readonly { readonly id: string; readonly place: string; readonly newBytes?: number }[];
  readonly drill?: { readonly trouble?: { readonly detail: string }; readonly comparedBytes: number };
}

interface BackedUp {
  readonly apps: readonly {
    readonly app: string;
    readonly installed: boolean;
    readonly backups: readonly { readonly id: string }[];
  }[];
}

const backupsOf = (session: DeviceSession, app: string): Promise<Backups> =>
  session.call<Backups>("GET", `/apps/${app}/backups`);

async function backUp(session: DeviceSession, app: string): Promise<string> {
  const task = await session.finish(await session.call<TaskView>("POST", `/apps/${app}/backup`));
  return JSON.stringify(task.result);
}

async function secretOf(session: DeviceSession): Promise<string | undefined> {
  const { secrets } = await session.call<{ secrets: { value: string }[] }>("GET", "/apps/counter/secrets");
  return secrets[0]?.value;
}

const appOf = (session: DeviceSession, app: string) =>
  session.call<{ readonly catalog?: { readonly id: string; readonly title?: { readonly en: string } } }>(
    "GET",
    `/apps/${app}`,
  );

/** Gives the catalog's id. */
async function installFromCatalog(session: DeviceSession, app: string): Promise<string> {
  const { entries } = await session.call<{ entries: { catalog: string; app: { id: string } }[] }>("GET", "/catalog");
  const catalog = entries.find((entry) => entry.app.id === app)?.catalog ?? "";
  const source = { catalog: { catalog, app } };
  await session.finish(await session.call<TaskView>("POST", "/apps", { source, grants: [], settings: {} }));
  return catalog;
}

/** The counter with a secret of its own, and room for data. */
function manifestOf(digest: string, sizeMebibytes: number): string {
  return demoManifest("counter", digest)
    .replace("    init: true\n", '    init: true\n    environment: { TOKEN: "${TOKEN}" }\n')
    .replace("size-max: 64m", `size-max: ${sizeMebibytes}m`)
    .concat("  secrets:\n    TOKEN: { shown-as: Token }\n");
}

interface CatalogState {
  readonly address?: string;
  readonly index?: { readonly sequence: number };
}

/** What a device has of the catalog that lies at an address; undefined where it is not on its list. */
async function catalogAt(session: DeviceSession, address: string): Promise<CatalogState | undefined> {
  const { catalogs } = await session.call<{ catalogs: CatalogState[] }>("GET", "/catalogs");
  return catalogs.find((one) => one.address === address);
}

/** Where the app finds its data, as seen from the machine the devices run on. */
function dataFolder(): string {
  const devices = readdirSync("/run/piccolo").map((tag) =>
    join("/run/piccolo", tag, "apps/volumes/counter/data/content"),
  );
  return devices.find((path) => existsSync(path)) ?? "/nowhere";
}

const digestOf = (path: string): string => createHash("sha256").update(readFileSync(path)).digest("hex");

/** A backup is cut off by the end of the process, and goes on by itself after the next start. */
async function cutOffBackup(drill: DrillContext, network: Parameters<typeof lose>[1], device: Device): Promise<void> {
  const armed = ["--crash-at", "app-chunk-stored:2", "--insecure-drills"];
  await network.startDeviceWith(1, armed);
  await network.claim(device);
  await network.allOnline(device);
  const visit = await AppVisit.enter(device.session, "counter");
  const app = new CounterApp(device.session);
  await drill.eventually("the app runs again", () => app.isWell(visit));
  writeFileSync(join(dataFolder(), "more"), randomBytes(10 * mebibyte));
  const before = (await backupsOf(device.session, "counter")).backups.length;
  await unlessBroken(device.session.call("POST", "/apps/counter/backup"));
  drill.check("the backup comes to its crash point", await device.process.killedWithin(60_000));
  drill.fault("piccolod ends in the middle of a backup");
  await network.startDevice(1);
  await network.claim(device);
  await network.allOnline(device);
  await drill.eventually("the backup that was cut off goes on by itself", async () => {
    const { backups } = await backupsOf(device.session, "counter");
    return backups.length === before + 1 && backups.every(({ place }) => place === "network");
  });
}

export const appRestoreDrill: Drill = {
  name: "app-restore",
  summary:
    "backed up while locked, then disk and TPM are gone: the phrase brings apps and their data back on a new device",
  onOwnMachine: true,
  async run(drill) {
    const { small, sabotage } = drill.options;
    const appArgs = prepareApps(drill.folder);
    const counter = bundleDemo(join(drill.folder, "images"), "counter");
    const network = await drill.network({
      devices: small ? 4 : 10,
      protection: (device) => (device === 1 ? protectedCheaply : unprotected),
      deviceArgs: (device) => (device === 1 ? appArgs : []),
    });
    const device = network.device(1);
    const { session } = device;
    const app = new CounterApp(session);
    await app.install(manifestOf(counter, small ? 64 : 512));
    const catalog = await installFromCatalog(session, "hello");
    drill.equal("an app from a catalog says which one", (await appOf(session, "hello")).catalog?.id, catalog);
    await using published = await publishCatalog();
    const { address, publicKey } = published;
    await session.call("POST", "/catalogs", { address, publicKey });
    drill.equal("a catalog is added", (await catalogAt(session, address))?.index?.sequence, 1);
    const visit = await app.visit();
    for (let at = 0; at < (small ? 5 : 100); at++) await app.add(visit);
    const data = join(dataFolder(), "pictures");
    writeFileSync(data, randomBytes((small ? 6 : 200) * mebibyte));
    const token = await secretOf(session);
    drill.check("the app has a secret", token !== undefined && token.length >= 16);
    drill.equal("it is backed up", await backUp(session, "counter"), '{"app":"counter","place":"network"}');
    drill.equal("the app without data, too", await backUp(session, "hello"), '{"app":"hello","place":"network"}');
    drill.step(`two apps run and are backed up, one with ${app.told} visits and a file of ${small ? 6 : 200} MiB`);

    await session.call("POST", "/lock");
    await app.add(visit);
    drill.equal(
      "backed up while it is locked",
      await backUp(session, "counter"),
      '{"app":"counter","place":"network"}',
    );
    const [newest] = (await backupsOf(session, "counter")).backups;
    drill.check("only what changed was stored", (newest?.newBytes ?? Infinity) < 5 * mebibyte);
    await drill.refused("and not to be read meanwhile", "locked", () =>
      session.call("POST", `/app-backups/${newest?.id ?? ""}/restore`),
    );
    await network.claim(device);
    drill.step("a locked device backs up, and opens nothing");

    await session.finish(await session.call<TaskView>("POST", `/app-backups/${newest?.id ?? ""}/drill`));
    const { drill: shown } = await backupsOf(session, "counter");
    drill.equal("a restore drill beside the app goes well", shown?.trouble, undefined);
    drill.check("all of it was compared", (shown?.comparedBytes ?? 0) > (small ? 6 : 200) * mebibyte);
    drill.equal("the app did not notice", await app.number(visit), app.told);

    await cutOffBackup(drill, network, device);
    const last = await app.visit();
    await app.add(last);
    const file = digestOf(data);
    drill.equal("the last backup", await backUp(session, "counter"), '{"app":"counter","place":"network"}');
    await isBackedUp(drill, device);

    const losing = lose(drill, network);
    await losing;
    await cutAppsOff();
    const { phrase, fresh } = await losing;
    drill.equal("the recovery by the phrase", await recovered(network, fresh, { phrase }), "recovered");
    await drill.eventually("the new device has the catalog the owner added, and fetches it by itself", async () => {
      const there = await catalogAt(fresh.session, address);
      return there?.index?.sequence === 1;
    });
    const { apps } = await fresh.session.call<BackedUp>("GET", "/app-backups");
    drill.equal(
      "the new device knows what was there",
      apps.map(({ app: id, installed }) => [id, installed]),
      [
        ["counter", false],
        ["hello", false],
      ],
    );
    drill.step("the new device is the owner's, and lists the apps it could bring back");
    if (!sabotage) {
      await cutOffRestore(drill, network, fresh, apps);
      for (const { app: id, backups } of apps) {
        const { apps: there } = await fresh.session.call<BackedUp>("GET", "/app-backups");
        if (there.find((one) => one.app === id)?.installed === true) continue;
        const path = `/app-backups/${backups[0]?.id ?? ""}/restore`;
        await fresh.session.finish(await fresh.session.call<TaskView>("POST", path));
      }
    }
    const running = async (): Promise<readonly string[]> => {
      const { apps: all } = await fresh.session.call<{ apps: { app: { id: string }; state: string }[] }>(
        "GET",
        "/apps",
      );
      return all.map((one) => `${one.app.id} ${one.state}`);
    };
    drill.equal("both apps run on the new device", await running(), ["counter running", "hello running"]);
    const restored = new CounterApp(fresh.session);
    restored.told = app.told;
    const there = await restored.visit();
    drill.equal("the counter has its number", await restored.number(there), app.told);
    drill.equal("its file is there, bit-identical", digestOf(join(dataFolder(), "pictures")), file);
    drill.equal("it has its secret", await secretOf(fresh.session), token);
    drill.equal("and goes on counting", await restored.add(there), app.told + 1);
    const { catalog: from } = await appOf(fresh.session, "hello");
    drill.equal("the app from a catalog is still from it", from?.id, catalog);
    drill.equal("and hears of newer versions, since the device has that one", from?.title?.en, "Made on this machine");
    drill.equal("the other one is from none", (await appOf(fresh.session, "counter")).catalog, undefined);
    const page = await (await AppVisit.enter(fresh.session, "hello")).text("/");
    drill.check("the other one shows its page", page.status === 200 && page.text.includes("Hello"));
    drill.equal(
      "the new device backs up, too",
      await backUp(fresh.session, "counter"),
      '{"app":"counter","place":"network"}',
    );
  },
};

/** The new device's process ends while the app's data comes, and it goes on after the next start. */
async function cutOffRestore(
  drill: DrillContext,
  network: Parameters<typeof lose>[1],
  fresh: Device,
  apps: BackedUp["apps"],
): Promise<void> {
  const backup = apps.find(({ app }) => app === "counter")?.backups[0]?.id ?? "";
  await network.allOnline(fresh);
  await fresh.session.call("POST", `/app-backups/${backup}/restore`);
  await drill.eventually("the app is on its way", async () => {
    const { apps: all } = await fresh.session.call<{ apps: { app: { id: string } }[] }>("GET", "/apps");
    return all.length === 1;
  });
  await fresh.process.kill();
  drill.fault("piccolod is killed while the app comes back");
  await network.startDevice(1);
  await network.claim(fresh);
  await drill.eventually("it goes on with it by itself", async () => {
    const { state } = await fresh.session.call<{ state: string }>("GET", "/apps/counter");
    return state === "running";
  });
}

/**
 * A registry that dies in the middle of an install, and a disk that fills up in the middle of one, as the owner of a real
 * device meets them: told with what to do next, nothing half installed, and whole once the registry is back or there is room.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AppEventList, AppResources, AppView, Preflight } from "@piccolo/device-api";
import { AppVisit, type TaskView, unmountBelow, until } from "@piccolo/devnet";
import type { BuiltImage } from "@piccolo/oci-image";
import { buildDemoImage } from "@piccolo/oci-image/demo";
import { openAppNetwork } from "./app-network.ts";
import { demoManifest } from "./demo.ts";
import { TestRegistry } from "./registry.ts";

const MiB = 1024 * 1024;
const architecture = process.arch === "arm64" ? "arm64" : "amd64";
const busybox = readFileSync("/bin/busybox");

const folder = mkdtempSync(join(tmpdir(), "piccolo-registry-broken-"));
const place = join(folder, "net");
const filler = join(place, "another-program's");

/** A disk of its own, which can be filled without filling anybody else's. */
function mountDisk(): void {
  const disk = join(folder, "disk.ext4");
  mkdirSync(place);
  writeFileSync(disk, "");
  truncateSync(disk, 1536 * MiB);
  execFileSync("/sbin/mkfs.ext4", ["-q", "-F", "-m", "0", disk]);
  execFileSync("mount", ["-o", "loop", disk, place]);
}

function freeOnDisk(): number {
  const { bavail, bsize } = statfsSync(place);
  return bavail * bsize;
}

function takeAllBut(bytes: number): void {
  execFileSync("fallocate", ["--length", String(freeOnDisk() - bytes), filler]);
}

/** What follows the program's end in its file is no part of it, and makes the image as large as a real one. */
function imageOf(version: string, ballastBytes: number): BuiltImage {
  const large = Buffer.concat([busybox, randomBytes(ballastBytes)]);
  return buildDemoImage("counter", { busybox: large, architecture, version });
}

const layerOf = ({ blobs }: BuiltImage): { readonly digest: string; readonly bytes: number } => {
  const [[digest, { length: bytes }] = assert.fail()] = [...blobs].toSorted(([, a], [, b]) => b.length - a.length);
  return { digest, bytes };
};

mountDisk();
const registry = new TestRegistry(join(folder, "registry"), 5_000);
const network = await openAppNetwork(folder, {
  devices: 1,
  protection: { tpm: true, volume: false, cheapSlots: true },
  deviceArgs: () => ["--insecure-registry", registry.place],
});

try {
  await registry.open();
  await network.start();
  const device = network.device(1);
  await network.claim(device);
  const { session } = device;

  const view = (app: string): Promise<AppView> => session.call("GET", `/apps/${app}`);
  const manifestOf = (app: string, { digest }: BuiltImage): string =>
    demoManifest("counter", digest, "1", app).replace(
      "localhost/piccolo-counter:1",
      `${registry.place}/piccolo/${app}`,
    );
  const preflight = (manifest: string): Promise<Preflight> => session.call("POST", "/apps/preflight", { manifest });
  const install = (manifest: string): Promise<TaskView> =>
    session.call("POST", "/apps", { source: { manifest }, grants: [], settings: {} });
  const isAskedFor = async (image: BuiltImage): Promise<boolean> =>
    registry.asked.some(({ path }) => path.endsWith(layerOf(image).digest));

  /** The app is nowhere but in the list: no data, nothing that was started, and of its image no part on the disk. */
  const nothingOf = async (app: string, freeBytes: number): Promise<void> => {
    const { diskBytes } = await session.call<AppResources>("GET", `/apps/${app}/resources`);
    const { volumes } = (await view(app)).app;
    assert.deepEqual([diskBytes, volumes.map(({ usedBytes }) => usedBytes)], [0, [undefined]]);
    const { events } = await session.call<AppEventList>("GET", `/apps/${app}/events`);
    assert.deepEqual(
      events.filter(({ kind }) => kind === "installed" || kind === "started"),
      [],
    );
    const takenBytes = freeBytes - freeOnDisk();
    assert.ok(takenBytes < 4 * MiB, `${takenBytes} bytes are taken by what is not installed`);
  };
  /** And the other way round: where it is installed, all that is looked for above is there. */
  const counts = async (app: string, freeBytes: number, image: BuiltImage): Promise<void> => {
    assert.equal((await view(app)).problem, undefined);
    const { diskBytes = 0 } = await session.call<AppResources>("GET", `/apps/${app}/resources`);
    assert.ok(diskBytes > 0 && freeBytes - freeOnDisk() > layerOf(image).bytes);
    const { events } = await session.call<AppEventList>("GET", `/apps/${app}/events`);
    assert.ok(events.some(({ kind }) => kind === "installed"));
    const visit = await AppVisit.enter(session, app);
    assert.equal((await visit.text("/cgi-bin/number", "POST")).text.trim(), "1");
  };

  // The registry dies with half of the image sent.
  const dying = imageOf("dying", 24 * MiB);
  const interrupted = manifestOf("interrupted", dying);
  await registry.push("piccolo/interrupted", dying);
  const freeBytes = freeOnDisk();
  const { digest, bytes } = layerOf(dying);
  registry.mischief = { at: new RegExp(`blobs/${digest}`), cutAfterBytes: bytes / 2 };
  const installing = await install(interrupted);
  await until("the image is on its way", () => isAskedFor(dying));
  await registry.kill();
  await until("the owner hears of it", async () => (await view("interrupted")).problem !== undefined);
  const waiting = await view("interrupted");
  assert.deepEqual([waiting.state, waiting.problem?.code], ["installing", "image-unreachable"]);
  assert.match(`${waiting.problem?.detail}`, /registry does not answer, or broke off/);
  assert.match(`${waiting.problem?.nextStep}`, /try again later/);
  await nothingOf("interrupted", freeBytes);
  registry.mischief = undefined;
  await registry.start();
  // Nobody asks for it again: the install that was under way goes on by itself.
  await session.finish(installing);
  await counts("interrupted", freeBytes, dying);

  // Another program takes the room that was there when the install was let in.
  const large = imageOf("large", 96 * MiB);
  const crowded = manifestOf("crowded", large);
  await registry.push("piccolo/crowded", large);
  assert.deepEqual((await preflight(crowded)).obstacles, []);
  registry.mischief = { at: /blobs/, slowMs: 10 };
  const refused = await install(crowded);
  await until("the image is on its way", () => isAskedFor(large));
  const leftBytes = 32 * MiB;
  takeAllBut(leftBytes);
  assert.ok((await preflight(crowded)).obstacles.some(({ code }) => code === "too-little-space"));
  await assert.rejects(session.finish(refused), /disk-full/);
  registry.mischief = undefined;
  const failed = await view("crowded");
  assert.deepEqual([failed.state, failed.problem?.code], ["failed", "disk-full"]);
  assert.match(`${failed.problem?.nextStep}`, /free some room, then try again/);
  await nothingOf("crowded", leftBytes);
  // An app that runs is none the worse for it.
  assert.equal((await view("interrupted")).state, "running");
  rmSync(filler);
  const roomyBytes = freeOnDisk();
  await session.finish(await session.call<TaskView>("POST", "/apps/crowded/start"));
  await counts("crowded", roomyBytes, large);
} catch (error) {
  const said = readFileSync(join(place, "logs/device1.log"), "utf8").split("\n").slice(-40).join("\n");
  throw new Error(`the device says:\n${said}`, { cause: error });
} finally {
  await network.stop();
  await registry.close();
  unmountBelow(folder);
  rmSync(folder, { recursive: true, force: true });
}

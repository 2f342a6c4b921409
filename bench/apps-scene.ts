import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { AppVisit, installApp, type TaskView } from "@piccolo/devnet";
import { openAppNetwork } from "../tests/apps/app-network.ts";
import { bundleDemo, demoManifest } from "../tests/apps/demo.ts";
import type { Load } from "./apps-load.ts";
import { bundleServer, largeBlock, largeBytes, pageSha256 } from "./apps-server.ts";
import { median, type Report } from "./harness.ts";

const installs = 7;
const visitsDuringUpdates = 5_000;
const visitsBetweenUpdates = 500;
const visitors = 8;
const rounds = 3;
const demoVisits = 2_000;
const serverVisits = 20_000;
const downloads = 3;

interface Target {
  readonly address: string;
  readonly port: number;
  readonly host: string;
}

const folder = mkdtempSync(join(tmpdir(), "piccolo-bench-apps-"));
const images = join(folder, "images");
const hello = bundleDemo(images, "hello");
const counters = ["1", "2"].map((version) => bundleDemo(images, "counter", version));
const server = bundleServer(images);
const counterManifest = (version: 1 | 2): string =>
  demoManifest("counter", counters[version - 1] ?? "", String(version));
const protection = { tpm: true, volume: true, cheapSlots: true };
const network = await openAppNetwork(folder, { devices: 2, protection }, images);

/** Visits by the load generator. Throws where one of them is not answered as it should be. */
async function load(target: Target, cookie: string, path: string, visits: number, sha256: string): Promise<Load> {
  const args = [target.address, target.port, target.host, cookie, path, visitors, visits, sha256].map(String);
  const child = spawn(process.execPath, [join(import.meta.dirname, "apps-load.ts"), ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let said = "";
  child.stdout.on("data", (bytes: Buffer) => (said += bytes.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) throw new Error(`the load generator ended with ${code}`);
  return JSON.parse(said) as Load;
}

interface Compared {
  readonly ratio: number;
  readonly words: string;
  /** Of the load generator while it asked the app itself. */
  readonly ownCpu: number;
  /** Of the device, for each visit. */
  readonly deviceCpuUs: number;
}

/** The app itself and the way through the device, in turns. */
async function compare(visit: AppVisit, path: string, visits: number, sha256: string): Promise<Compared> {
  const { host, port } = new URL(visit.origin);
  const itself: Target = { address: await addressOf(visit), port: 8_080, host };
  const device: Target = { address: "127.0.0.1", port: Number(port), host };
  const [direct, through, cpus]: [Load[], Load[], number[]] = [[], [], []];
  await load(itself, "", path, visits / 4, sha256);
  await load(device, visit.cookie, path, visits, sha256);
  for (let at = 0; at < rounds; at++) {
    direct.push(await load(itself, "", path, visits, sha256));
    const beforeUs = deviceCpuUs();
    through.push(await load(device, visit.cookie, path, visits, sha256));
    cpus.push((deviceCpuUs() - beforeUs) / visits);
  }
  const [directRate, throughRate] = [direct, through].map((all) => median(all.map((one) => one.visitsPerSecond)));
  return {
    ratio: (throughRate ?? 0) / (directRate ?? 1),
    words: `${Math.round(throughRate ?? 0)} against ${Math.round(directRate ?? 0)} visits a second`,
    ownCpu: median(direct.map((one) => one.ownCpu)),
    deviceCpuUs: median(cpus),
  };
}

/** Seconds for the large body, each byte of which is what it should be. */
async function download({ address, port, host }: Target, cookie: string): Promise<number> {
  const block = largeBlock();
  const startMs = performance.now();
  await new Promise<void>((resolve, reject) => {
    const outgoing = request(
      { host: address, port, path: "/large", headers: { host, cookie }, agent: false },
      (reply) => {
        let taken = 0;
        reply.on("data", (part: Buffer) => {
          // Compared piece by piece: hashing would take longer than all the rest.
          for (let at = 0; at < part.length;) {
            const from = (taken + at) % block.length;
            const length = Math.min(part.length - at, block.length - from);
            if (block.compare(part, at, at + length, from, from + length) !== 0)
              reject(new Error("a byte is another one"));
            at += length;
          }
          taken += part.length;
        });
        reply.on("end", () => (taken === largeBytes ? resolve() : reject(new Error(`${taken} bytes came`))));
        reply.on("error", reject);
      },
    );
    outgoing.on("error", reject);
    outgoing.end();
  });
  return (performance.now() - startMs) / 1_000;
}

try {
  await network.central.start();
  await network.startDevice(1);
  const device = network.device(1);
  await network.claim(device);
  const { session } = device;

  const times: number[] = [];
  for (let at = 0; at < installs; at++) {
    const startMs = performance.now();
    await installApp(session, demoManifest("hello", hello));
    const visit = await AppVisit.enter(session, "hello");
    const { status } = await visit.text("/");
    if (status !== 200) throw new Error(`the app answered with ${status}`);
    times.push(performance.now() - startMs);
    await session.finish(await session.call<TaskView>("DELETE", "/apps/hello"));
  }

  const [first = 0, ...again] = times;

  await installApp(session, counterManifest(1));
  const visit = await AppVisit.enter(session, "counter");
  const visits = { asked: 0, answered: 0, failed: 0 };
  const add = async (): Promise<void> => {
    while (visits.asked < visitsDuringUpdates) {
      visits.asked++;
      const { status } = await visit.text("/cgi-bin/number", "POST").catch(() => ({ status: 0 }));
      if (status === 200) visits.answered++;
      else visits.failed++;
    }
  };
  const adding = Promise.all(Array.from({ length: visitors }, add));
  let updates = 0;
  while (visits.asked < visitsDuringUpdates) {
    const manifest = counterManifest(updates % 2 === 0 ? 2 : 1);
    await session.finish(await session.call<TaskView>("POST", "/apps/counter/update", { manifest, grants: [] }));
    updates++;
    while (visits.asked < Math.min(visitsDuringUpdates, updates * visitsBetweenUpdates)) await delay(20);
  }
  await adding;
  const counted = Number((await visit.text("/cgi-bin/number")).text);

  const health = createHash("sha256").update("ok\n").digest("hex");
  const demo = await compare(visit, "/health", demoVisits, health);
  await session.finish(await session.call<TaskView>("DELETE", "/apps/counter"));
  await installApp(session, server);
  const serverVisit = await AppVisit.enter(session, "server");
  const kept = await compare(serverVisit, "/", serverVisits, pageSha256);
  const { host, port } = new URL(serverVisit.origin);
  const itself: Target = { address: await addressOf(serverVisit), port: 8_080, host };
  const device1: Target = { address: "127.0.0.1", port: Number(port), host };
  let uploadSeconds = 0;
  const [directSeconds, throughSeconds]: [number[], number[]] = [[], []];
  const grown = await growth(async () => {
    await download(device1, serverVisit.cookie);
    uploadSeconds = await upload(device1, serverVisit.cookie);
  });
  for (let at = 0; at < downloads; at++) {
    directSeconds.push(await download(itself, ""));
    throughSeconds.push(await download(device1, serverVisit.cookie));
  }
  const [directMBps, throughMBps] = [directSeconds, throughSeconds].map((all) => largeBytes / 1e6 / median(all));
  const report: Report = {
    about: `demo apps on Podman, storage on the sealed volume; ${installs} installs, ${updates} updates, ${visitors} visitors`,
    figures: [
      {
        key: "installMs",
        value: median(again),
        unit: "ms",
        goal: { atMost: 1_500 },
        // Those after the first: what is uninstalled keeps its image in the trash, and nothing has to be loaded.
        reference: `from the request to the first page, its image loaded before; slowest ${Math.round(Math.max(...again))} ms`,
      },
      {
        key: "firstInstallMs",
        value: first,
        unit: "ms",
        reference: "the same where the image comes out of its archive first, and what runs apps is started",
      },
      {
        key: "failedDuringUpdate",
        value: visits.failed,
        unit: `of ${visits.asked}`,
        goal: { atMost: 0 },
        reference: `${updates} updates; ${visits.answered} answered, ${counted} counted`,
      },
      { key: "lostDuringUpdate", value: Math.max(0, visits.answered - counted), unit: "writes", goal: { atMost: 0 } },
      {
        key: "proxyVsDirect",
        value: demo.ratio,
        unit: "",
        goal: { atLeast: 0.7 },
        reference: `${demo.words}; the demo's server, which closes each connection`,
      },
      {
        key: "proxyVsDirectKept",
        value: kept.ratio,
        unit: "",
        reference: `${kept.words}; a Node server that does nothing but answer from memory`,
      },
      {
        key: "proxyCpuUs",
        value: kept.deviceCpuUs,
        unit: "us a visit",
        reference: `${demo.deviceCpuUs.toFixed(0)} us where the app closes each connection`,
      },
      {
        key: "generatorCpu",
        value: Math.max(demo.ownCpu, kept.ownCpu),
        unit: "of 1",
        goal: { atMost: 0.9 },
        reference: `the load generator's own processor while it asks the app itself (${demo.ownCpu.toFixed(2)} and ${kept.ownCpu.toFixed(2)})`,
      },
      {
        key: "downloadMBps",
        value: throughMBps ?? 0,
        unit: "MB/s",
        reference: `1 GiB, every byte compared; ${Math.round(directMBps ?? 0)} MB/s from the app itself`,
      },
      {
        key: "uploadMBps",
        value: largeBytes / 1e6 / uploadSeconds,
        unit: "MB/s",
        reference: "1 GiB, hashed by the app",
      },
      {
        key: "proxyMemoryMB",
        value: grown / 1e6,
        unit: "MB",
        goal: { atMost: 128 },
        reference: "by so much the device's memory grew during 1 GiB down and 1 GiB up",
      },
    ],
    notes: [
      "Load generator, device and app share this machine's processors: what the device takes, the app and the generator have not.",
    ],
  };
  process.stdout.write(`report ${JSON.stringify(report)}\n`);
} finally {
  await network.stop();
  rmSync(folder, { recursive: true, force: true });
}

/** Seconds to send the large body, of which the app gives the hash. */
async function upload({ address, port, host }: Target, cookie: string): Promise<number> {
  const block = largeBlock();
  const expected = createHash("sha256");
  for (let sent = 0; sent < largeBytes; sent += block.length) expected.update(block);
  const hash = expected.digest("hex");
  const headers = { host, cookie, "content-length": largeBytes };
  const startMs = performance.now();
  const outgoing = request({ host: address, port, path: "/sink", method: "POST", headers, agent: false });
  const answered = once(outgoing, "response") as Promise<[IncomingMessage]>;
  for (let sent = 0; sent < largeBytes; sent += block.length) {
    if (!outgoing.write(block)) await once(outgoing, "drain");
  }
  outgoing.end();
  const [reply] = await answered;
  let text = "";
  for await (const part of reply) text += String(part);
  if (text !== hash) throw new Error("what arrived is not what was sent");
  return (performance.now() - startMs) / 1_000;
}

/** By how many bytes the device's memory grows while something goes on. */
async function growth(work: () => Promise<unknown>): Promise<number> {
  const before = deviceMemory();
  let most = before;
  const timer = setInterval(() => (most = Math.max(most, deviceMemory())), 50);
  await work();
  clearInterval(timer);
  return most - before;
}

function deviceMemory(): number {
  const status = readFileSync(`/proc/${devicePid()}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1_024;
}

/** Where the app's own network has it: of its container, whose first process is the one that listens. */
async function addressOf(visit: AppVisit): Promise<string> {
  const isServer = visit.origin.includes("//server.");
  const pid = readdirSync("/proc").find(
    (name) => /^\d+$/.test(name) && (isServer ? /^\/node\0/ : /httpd/).test(commandOf(name)),
  );
  const { stdout } = spawnSync("nsenter", ["-t", pid ?? "", "-n", "ip", "-4", "-o", "address", "show", "dev", "eth0"]);
  const address = /inet ([\d.]+)/.exec(stdout.toString())?.[1];
  if (address === undefined) throw new Error("the app has no address");
  return address;
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}

/** Processor time of the device's daemon, all its threads. */
function deviceCpuUs(): number {
  const fields = readFileSync(`/proc/${devicePid()}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  const ticks = Number(fields[11]) + Number(fields[12]);
  return (ticks / 100) * 1e6;
}

function devicePid(): string {
  const pid = readdirSync("/proc").find((name) => /^\d+$/.test(name) && /piccolod.*--state/s.test(commandOf(name)));
  if (pid === undefined) throw new Error("no device runs");
  return pid;
}

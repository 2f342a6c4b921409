import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { AppVisit, installApp, Network, type TaskView } from "@piccolo/devnet";
import { bundleDemo, demoManifest } from "../tests/apps/demo.ts";
import { median, type Report } from "./harness.ts";

const installs = 7;
const visitsDuringUpdates = 5_000;
const visitsBetweenUpdates = 500;
const visitors = 8;
const rounds = 3;
const visitsARound = 1_500;

const folder = mkdtempSync(join(tmpdir(), "piccolo-bench-apps-"));
const images = join(folder, "images");
const hello = bundleDemo(images, "hello");
const counters = ["1", "2"].map((version) => bundleDemo(images, "counter", version));
const counterManifest = (version: 1 | 2): string =>
  demoManifest("counter", counters[version - 1] ?? "", String(version));
const network = await Network.open({
  folder: join(folder, "network"),
  devices: 2,
  centralPort: 8_700,
  devicePort: 8_701,
  peerPort: 8_721,
  protection: () => ({ tpm: true, volume: true, cheapSlots: true }),
  deviceArgs: () => ["--bundled-images", images],
});

/** One visit that checks the body; false where it is not what it should be. */
function visitOnce(
  agent: Agent,
  host: string,
  port: number,
  headers: Readonly<Record<string, string>>,
): Promise<boolean> {
  return new Promise((resolve) => {
    const outgoing = request({ host, port, path: "/health", agent, headers }, (reply) => {
      let text = "";
      reply.setEncoding("utf8");
      reply.on("data", (part: string) => (text += part));
      reply.on("end", () => resolve(reply.statusCode === 200 && text === "ok\n"));
      reply.on("error", () => resolve(false));
    });
    outgoing.on("error", () => resolve(false));
    outgoing.end();
  });
}

/** Visits a second. Throws where one of them is not answered as it should be. */
async function rate(host: string, port: number, headers: Readonly<Record<string, string>>): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: visitors });
  let left = visitsARound;
  const visitor = async (): Promise<void> => {
    while (left-- > 0) if (!(await visitOnce(agent, host, port, headers))) throw new Error("a visit went wrong");
  };
  const startMs = performance.now();
  await Promise.all(Array.from({ length: visitors }, visitor));
  agent.destroy();
  return visitsARound / ((performance.now() - startMs) / 1_000);
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

  const { host, port } = new URL(visit.origin);
  const through: number[] = [];
  const direct: number[] = [];
  const address = addressOfCounter();
  for (let at = 0; at < rounds; at++) {
    direct.push(await rate(address, 8_080, {}));
    through.push(await rate("127.0.0.1", Number(port), { host, cookie: visit.cookie }));
  }
  const [directRate, proxyRate] = [median(direct), median(through)];
  const report: Report = {
    about: `demo apps on Podman, storage on the sealed volume; ${installs} installs, ${updates} updates, ${visitors} visitors`,
    figures: [
      {
        key: "installMs",
        value: median(times),
        unit: "ms",
        goal: { atMost: 1_500 },
        reference: `from the request to the first page, slowest ${Math.round(Math.max(...times))} ms`,
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
        value: proxyRate / directRate,
        unit: "",
        goal: { atLeast: 0.7 },
        reference: `${Math.round(proxyRate)} against ${Math.round(directRate)} visits a second`,
      },
    ],
    notes: ["The demo's server closes each connection, so both ways make a new one for every visit."],
  };
  process.stdout.write(`report ${JSON.stringify(report)}\n`);
} finally {
  await network.stop();
  rmSync(folder, { recursive: true, force: true });
}

/** Of the one container that runs, as its own network says. */
function addressOfCounter(): string {
  const pid = readdirSync("/proc").find((name) => /^\d+$/.test(name) && commandOf(name).includes("httpd"));
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

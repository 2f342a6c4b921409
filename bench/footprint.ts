/**
 * What the built executable takes: memory while 10 GiB go through it and while nothing happens, the time to the first
 * answer after a start, and to the first byte of a range in the middle of a large file.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Device, loopbackRequest, type Network, seededStream, textOf, uploadFile } from "@piccolo/devnet";
import { median, megabyte, type Report } from "./harness.ts";
import { benchFolder, withNetwork } from "./private-network.ts";

const sizeBytes = 10 * 2 ** 30;
const idleMs = 60_000;
const starts = 5;
const ranges = 25;
const rangeBytes = 2 ** 20;
const repositoryRoot = join(import.meta.dirname, "..");
const executable = join(repositoryRoot, "dist/piccolod");

/** A line of /proc/PID/status, in bytes. */
function memoryBytes(device: Device, line: "VmHWM" | "VmRSS" | "RssAnon"): number {
  const status = readFileSync(`/proc/${device.process.pid ?? 0}/status`, "utf8");
  const kibibytes = new RegExp(`^${line}:\\s+(\\d+) kB$`, "m").exec(status)?.[1];
  if (kibibytes === undefined) throw new Error(`the kernel says nothing of ${line}`);
  return Number(kibibytes) * 1024;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function download(device: Device, nodeId: string): Promise<void> {
  const reply = await device.session.raw("GET", `/files/${nodeId}/content`);
  let received = 0;
  for await (const part of reply.body) received += (part as Buffer).length;
  if (received !== sizeBytes) throw new Error(`${received} bytes came back`);
}

async function rangeFirstByteMs(device: Device, nodeId: string): Promise<number> {
  const times: number[] = [];
  for (let at = 0; at < ranges; at++) {
    // Spread over the file by a step that shares no factor with segments or blocks.
    const start = ((at + 1) * 397_204_309) % (sizeBytes - rangeBytes);
    const startMs = performance.now();
    const range = `bytes=${start}-${start + rangeBytes - 1}`;
    const reply = await device.session.raw("GET", `/files/${nodeId}/content`, { headers: { range } });
    let firstMs: number | undefined;
    for await (const _ of reply.body) firstMs ??= performance.now() - startMs;
    times.push(firstMs ?? Infinity);
  }
  return median(times);
}

/** From the start of the process to its first answer. */
async function readyMs(network: Network, device: Device): Promise<number> {
  const times: number[] = [];
  for (let at = 0; at < starts; at++) {
    await network.device(device.number).process.stop();
    const startMs = performance.now();
    await network.startDevice(device.number);
    await textOf(await loopbackRequest(`${device.origin}/api/v1/status`, { method: "GET" }));
    times.push(performance.now() - startMs);
  }
  return median(times);
}

export async function run(): Promise<Report> {
  // Always built anew: an executable left from older sources would be measured in their name.
  execFileSync(process.execPath, [join(repositoryRoot, "tools/build.ts")], { stdio: "inherit" });
  mkdirSync(benchFolder, { recursive: true });
  const deviceArgs = (): readonly string[] => ["--policy", "6-of-9", "--insecure-drills"];
  const figures = await withNetwork({ deviceArgs, piccolod: { executable, args: [] } }, async (network) => {
    const device = network.device(1);
    await pause(idleMs);
    const idleAnon = memoryBytes(device, "RssAnon");
    const idleRss = memoryBytes(device, "VmRSS");
    const uploaded = await uploadFile(device.session, {
      filename: "large.bin",
      sizeBytes,
      content: (offset) => seededStream("footprint", sizeBytes, offset),
    });
    const uploadPeak = memoryBytes(device, "VmHWM");
    await download(device, uploaded.nodeId);
    const peak = memoryBytes(device, "VmHWM");
    const firstByte = await rangeFirstByteMs(device, uploaded.nodeId);
    const ready = await readyMs(network, device);
    const idleReference = `VmRSS ${(idleRss / megabyte).toFixed(0)} MB`;
    return [
      {
        key: "uploadPeakRssMB",
        value: uploadPeak / megabyte,
        unit: "MB",
        goal: { atMost: 300 },
        reference: idleReference,
      },
      { key: "peakRssMB", value: peak / megabyte, unit: "MB", reference: "the same after the download" },
      { key: "idleRssMB", value: idleAnon / megabyte, unit: "MB", goal: { atMost: 120 }, reference: idleReference },
      { key: "idleVmRssMB", value: idleRss / megabyte, unit: "MB" },
      { key: "readyMs", value: ready, unit: "ms", goal: { atMost: 1500 }, reference: `median of ${starts} starts` },
      { key: "rangeFirstByteMs", value: firstByte, unit: "ms", goal: { atMost: 50 }, reference: `median of ${ranges}` },
    ];
  });
  rmSync(benchFolder, { recursive: true, force: true });
  return {
    about: `${sizeBytes / 2 ** 30} GiB, 6-of-9, the built executable among nine others on this machine`,
    figures,
    notes: ["uploadPeakRssMB is VmHWM after the upload, idleRssMB is RssAnon after 60 s with nine peers connected."],
  };
}

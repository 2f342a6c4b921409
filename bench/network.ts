/**
 * 256 MiB through ten devices on this machine, over HTTP: from the first byte of the upload to the durable reply, and
 * from the request to the last byte; beside restic and rclone crypt to a folder on the same disk.
 */
import { createReadStream, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createUpload, type Network, seededBlocks, sendUpload } from "@piccolo/devnet";
import { type Figure, formatNumber, median, type Report } from "./harness.ts";
import { benchFolder, withNetwork } from "./private-network.ts";
import { openRclone, openRestic, type Rival } from "./rivals.ts";

const sizeBytes = 256 * 1024 * 1024;
const rounds = 3;

interface Timing {
  readonly put: number[];
  readonly get: number[];
}

const timing = (): Timing => ({ put: [], get: [] });

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work();
  return (performance.now() - startMs) / 1000;
}

/** Fresh bytes each time, since restic stores what it knows only once. */
function writeSource(name: string): string {
  const path = join(benchFolder, "source", name);
  mkdirSync(join(benchFolder, "source"), { recursive: true });
  writeFileSync(path, Buffer.concat([...seededBlocks(name, sizeBytes)]));
  return path;
}

async function measureDevice(network: Network, path: string, seed: string, into: Timing): Promise<void> {
  const { session } = network.device(1);
  const source = { filename: seed, sizeBytes, content: () => createReadStream(path, { highWaterMark: 1 << 20 }) };
  const id = await createUpload(session, source);
  let nodeId = "";
  into.put.push(
    await seconds(async () => {
      const uploaded = await sendUpload(session, id, source, 0);
      if (uploaded.placement !== "durable") throw new Error(`the upload is ${uploaded.placement}`);
      nodeId = uploaded.nodeId;
    }),
  );
  // What was sent in the background after the reply must not slow the reading down, nor speed it up.
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  let received = 0;
  into.get.push(
    await seconds(async () => {
      const reply = await session.raw("GET", `/files/${nodeId}/content`);
      for await (const part of reply.body) received += (part as Buffer).length;
    }),
  );
  if (received !== sizeBytes) throw new Error(`${received} bytes came back`);
  await session.call("DELETE", `/files/${nodeId}`);
  await session.call("DELETE", `/trash/${nodeId}`);
}

async function measureRival(rival: Rival, path: string, into: Timing): Promise<void> {
  into.put.push(await seconds(() => rival.put(path)));
  into.get.push(await seconds(() => rival.get()));
}

async function measureCode(code: string, rivals: ReadonlyMap<Rival, Timing>): Promise<Timing> {
  const own = timing();
  const deviceArgs = (): readonly string[] => ["--policy", code, "--insecure-drills"];
  await withNetwork({ deviceArgs }, async (network) => {
    const warmUp = `warm-up ${code}`;
    await measureDevice(network, writeSource(warmUp), warmUp, timing());
    for (let round = 0; round < rounds; round++) {
      const seed = `${code} ${round}`;
      const path = writeSource(seed);
      await measureDevice(network, path, seed, own);
      for (const [rival, into] of rivals) await measureRival(rival, path, into);
      rmSync(path);
    }
  });
  return own;
}

export async function run(): Promise<Report> {
  rmSync(benchFolder, { recursive: true, force: true });
  mkdirSync(benchFolder, { recursive: true });
  const restic = await openRestic(join(benchFolder, "restic"));
  const rclone = await openRclone(join(benchFolder, "rclone"));
  const rivals = new Map<Rival, Timing>([
    [restic, timing()],
    [rclone, timing()],
  ]);
  const six = await measureCode("6-of-9", rivals);
  const three = await measureCode("3-of-9", rivals);
  rmSync(benchFolder, { recursive: true, force: true });
  const of = (rival: Rival): Timing => rivals.get(rival) ?? timing();
  const figures = (["put", "get"] as const).flatMap((verb): Figure[] => {
    const beside = `restic ${formatNumber(median(of(restic)[verb]))} s, rclone crypt ${formatNumber(median(of(rclone)[verb]))} s`;
    const names = { put: ["putVsRestic", "putVsRclone"], get: ["getVsRestic", "getVsRclone"] } as const;
    const [vsRestic, vsRclone] = names[verb];
    const own = median(six[verb]);
    const facts = { unit: "s/s", reference: beside };
    return [
      { key: vsRestic, value: own / median(of(restic)[verb]), ...facts, goal: { atMost: 1 } },
      { key: vsRclone, value: own / median(of(rclone)[verb]), ...facts },
      { key: `${verb}Seconds6of9`, value: own, unit: "s", reference: beside },
      { key: `${verb}Seconds3of9`, value: median(three[verb]), unit: "s", reference: beside },
    ];
  });
  return {
    about: `${sizeBytes / 2 ** 20} MiB of random bytes, ten devices on loopback, median of ${rounds}`,
    figures,
    notes: ["Tahoe-LAFS took 34 s and 58 s for the like of put and get on another machine."],
  };
}

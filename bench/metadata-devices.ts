/** The metadata log through ten devices on this machine: a database's way back by the phrase, and small writes. */
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { type Device, type Network, seededBlocks, seededStream, until, uploadFile } from "@piccolo/devnet";
import { AccountSecrets } from "../programs/piccolod/src/db/account-secrets.ts";
import { openOwnerDatabase } from "../programs/piccolod/src/db/owner-database.ts";
import { median } from "./harness.ts";
import { benchFolder, withNetwork } from "./private-network.ts";

const rounds = 3;
const smallBytes = 16 * 1024;
const lanes = 16;
/** Files a round: one at a time, and in all lanes together. */
const smallFiles = { alone: 30, parallel: 96 };
const backedUpLimitMs = 120_000;

/** An owner's content, as a checkpoint has it. */
export interface Content {
  readonly pieces: readonly Uint8Array[];
  readonly digest: Uint8Array;
  readonly fileCount: number;
  readonly folderCount: number;
}

/** Files a second: acknowledged by the device, and written and synced by this process. */
export interface SmallWrites {
  readonly written: number;
  readonly synced: number;
}

export interface DeviceFigures {
  readonly restoreSeconds: number;
  /** Entries after the checkpoint that the restore applied. */
  readonly deltas: number;
  readonly alone: SmallWrites;
  readonly parallel: SmallWrites;
}

interface Backup {
  readonly state: string;
  readonly waitingChanges: boolean;
  readonly sequence: number;
  readonly checkpointSequence: number;
}

interface Listing {
  readonly nodes: readonly unknown[];
}

async function backupOf({ session }: Device): Promise<Backup> {
  return (await session.call<{ backup: Backup }>("GET", "/security")).backup;
}

async function backedUp(device: Device, isEnough: (backup: Backup) => boolean): Promise<Backup> {
  let backup: Backup | undefined;
  await until(
    `${device.process.name} is backed up`,
    async () => {
      backup = await backupOf(device);
      return backup.state === "ready" && !backup.waitingChanges && isEnough(backup);
    },
    backedUpLimitMs,
  );
  if (backup === undefined) throw new Error("there is no backup");
  return backup;
}

/**
 * Gives a device that runs the content, as a migration would: no changeset tells of it, so that the device makes a
 * checkpoint. Its log goes on where it stood.
 */
async function giveContent(network: Network, number: number, { pieces, digest }: Content): Promise<void> {
  const { process, folder } = network.device(number);
  await backedUp(network.device(number), ({ checkpointSequence }) => checkpointSequence === 0);
  await process.stop();
  const path = join(folder, "volume/plain/content/owner.db");
  if (!existsSync(path)) throw new Error("the device's database is not where a plain volume has it");
  const owner = openOwnerDatabase(path);
  try {
    const { sequence } = owner.log.position();
    const [newest] = sequence === 0 ? [] : owner.log.entries(sequence, 1);
    const maskKey = new AccountSecrets(owner.db).find("mask-key");
    async function* arriving(): AsyncGenerator<Uint8Array> {
      yield* pieces;
    }
    await owner.log.load(arriving(), newest, digest);
    if (maskKey !== undefined) new AccountSecrets(owner.db).ensure("mask-key", () => maskKey);
    owner.log.wantCheckpoint();
  } finally {
    owner.close();
  }
  await network.startDevice(number);
  await network.allOnline(network.device(number));
  await backedUp(network.device(number), ({ checkpointSequence }) => checkpointSequence > 0);
}

/** Runs `count` pieces of work in so many lanes and gives how many of them a second were done. */
async function rateOf(count: number, inLanes: number, work: (at: number) => Promise<void>): Promise<number> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  const startMs = performance.now();
  await Promise.all(Array.from({ length: inLanes }, lane));
  return (count * 1000) / (performance.now() - startMs);
}

/** A small file as the device acknowledges it: its fragments and its metadata are with the members. */
async function writeSmall({ session }: Device, name: string): Promise<void> {
  const source = { filename: name, sizeBytes: smallBytes, content: () => seededStream(name, smallBytes) };
  const { placement, isWaiting } = await uploadFile(session, source);
  if (placement !== "durable" || isWaiting) throw new Error(`${name} is ${placement}, or waits for its witnesses`);
}

/** The same bytes as a program writes them that keeps them on this disk alone: file and folder are synced. */
async function syncSmall(folder: string, name: string): Promise<void> {
  const file = await open(join(folder, name), "wx");
  for (const block of seededBlocks(name, smallBytes)) await file.write(block);
  await file.sync();
  await file.close();
  const entry = await open(folder, "r");
  await entry.sync();
  await entry.close();
}

async function measureSmallWrites(device: Device): Promise<Pick<DeviceFigures, "alone" | "parallel">> {
  const folder = join(benchFolder, "synced");
  mkdirSync(folder, { recursive: true });
  const measure = async (round: number, count: number, inLanes: number): Promise<SmallWrites> => {
    const name = (at: number): string => `small ${round}-${inLanes}-${at}`;
    return {
      synced: await rateOf(count, inLanes, (at) => syncSmall(folder, name(at))),
      written: await rateOf(count, inLanes, (at) => writeSmall(device, name(at))),
    };
  };
  const [alone, parallel]: SmallWrites[][] = [[], []];
  for (let round = 0; round <= rounds; round++) {
    const one = await measure(round, smallFiles.alone, 1);
    const many = await measure(round, smallFiles.parallel, lanes);
    // The first round lets everybody compile what it runs.
    if (round === 0) continue;
    alone?.push(one);
    parallel?.push(many);
  }
  rmSync(folder, { recursive: true });
  const middle = (of: readonly SmallWrites[] = []): SmallWrites => ({
    written: median(of.map(({ written }) => written)),
    synced: median(of.map(({ synced }) => synced)),
  });
  return { alone: middle(alone), parallel: middle(parallel) };
}

async function measureRestore(network: Network, { folderCount }: Content): Promise<number> {
  const { phrase = "" } = network.device(1);
  const fresh = await network.replaceDevice(1);
  const startMs = performance.now();
  await network.recover(fresh, { phrase });
  const top = await fresh.session.call<Listing>("GET", "/files");
  const seconds = (performance.now() - startMs) / 1000;
  if (top.nodes.length < Math.min(folderCount, 200)) throw new Error("the restored tree has no folders");
  return seconds;
}

export async function measureDevices(content: Content): Promise<DeviceFigures> {
  return withNetwork({}, async (network) => {
    await giveContent(network, 1, content);
    const writes = await measureSmallWrites(network.device(1));
    const { sequence, checkpointSequence } = await backedUp(network.device(1), () => true);
    const restoreSeconds = await measureRestore(network, content);
    return { restoreSeconds, deltas: sequence - checkpointSequence, ...writes };
  });
}

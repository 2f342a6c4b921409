import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import {
  DeviceProblem,
  downloadDigest,
  placementOf,
  seededDigest,
  seededStream,
  uploadFile,
  type Device,
} from "@piccolo/devnet";
import { unlessGone } from "../network/unless-gone.ts";
import type { Drill, DrillContext } from "./drill.ts";

function folderBytes(path: string): number {
  return unlessGone(() => readdirSync(path, { withFileTypes: true }), []).reduce((sum, entry) => {
    const below = join(path, entry.name);
    if (entry.isDirectory()) return sum + folderBytes(below);
    return entry.isFile() ? sum + unlessGone(() => statSync(below).size, 0) : sum;
  }, 0);
}

async function storeAndRead(drill: DrillContext, policy: string | undefined): Promise<void> {
  const sizeBytes = drill.options.small ? 32 << 20 : 1 << 30;
  const seed = `${drill.options.seed}:${policy ?? "default"}`;
  const network = await drill.network({
    deviceArgs: () => (policy === undefined ? [] : ["--policy", policy, "--insecure-drills"]),
  });
  const owner: Device = network.device(1);
  const { session } = owner;

  const uploaded = await uploadFile(session, {
    filename: "film.mkv",
    sizeBytes,
    content: (offset) => seededStream(seed, sizeBytes, offset),
  });
  drill.equal("the upload is acknowledged as durable", uploaded.placement, "durable");
  const placement = await placementOf(session, uploaded.nodeId);
  if (policy !== undefined) drill.equal("the code that was asked for", `${placement.k}-of-${placement.n}`, policy);
  drill.step(`${sizeBytes} bytes stored ${placement.k}-of-${placement.n}, survives ${placement.survives} losses`);

  await owner.process.kill();
  drill.fault("the owner's device is killed");
  if (!drill.options.sabotage) await network.startDevice(1);
  drill.equal("the owner's device serves again", await owner.phase(), "ready");
  await network.claim(owner);
  await network.allOnline(owner);
  const heldBytes = folderBytes(owner.folder);
  // Empty databases and their logs take some megabytes, which only the small form's file is not large against.
  const allowedBytes = sizeBytes * 0.02 + (drill.options.small ? 8 << 20 : 0);
  drill.check(
    `the owner's state holds ${heldBytes} bytes, more than the ${allowedBytes} allowed`,
    heldBytes < allowedBytes,
  );

  const read = await downloadDigest(session, uploaded.nodeId);
  drill.equal("the file is bit-identical", read, { digest: seededDigest(seed, sizeBytes), sizeBytes });
  const start = drill.below(sizeBytes - 1_000_000);
  const range = await downloadDigest(session, uploaded.nodeId, { start, end: start + 1_000_000 });
  drill.equal("a range is bit-identical", range.digest, seededDigest(seed, sizeBytes, start, start + 1_000_000));
  drill.step("read back whole and in part, bit-identical");

  await Promise.all(network.devices.slice(1).map((device) => device.process.stop()));
  drill.fault("all peers are stopped");
  const refused = await downloadDigest(session, uploaded.nodeId).then(
    () => "was readable",
    (error: unknown) => (error instanceof DeviceProblem ? error.problem.code : String(error)),
  );
  drill.equal("without peers the read fails clearly", refused, "not-enough-fragments");
  await network.stop();
}

export const storeAndReadDrill: Drill = {
  name: "store-and-read",
  summary: "a large file through ten devices and back, by the default policy and 6-of-9, the owner restarted between",
  async run(drill) {
    await storeAndRead(drill, undefined);
    await storeAndRead(drill, "6-of-9");
  },
};

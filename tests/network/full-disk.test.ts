/** The disk of a member is full: what it adds is refused, and all that keeps it its owner's goes on. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, statfsSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { SecurityView } from "@piccolo/device-api";
import { DeviceProblem, Network, seededStream, type TaskView, textOf, until, uploadFile } from "@piccolo/devnet";

const mebibyte = 1024 * 1024;
let folder: string;
let network: Network;
let small: string;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "piccolo-full-"));
  small = join(folder, "network/device1");
  mkdirSync(small, { recursive: true });
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=96m", "tmpfs", small]);
  network = await Network.open({
    folder: join(folder, "network"),
    devices: 5,
    centralPort: 19_620,
    devicePort: 19_621,
    peerPort: 19_631,
  });
  await network.startWhole();
});

after(async () => {
  // With all that is mounted below its folder.
  await network.stop();
  rmSync(folder, { recursive: true, force: true });
});

const session = () => network.device(1).session;

function freeBytes(): number {
  const { bavail, bsize } = statfsSync(small);
  return bavail * bsize;
}

/** What another program of the machine does. */
function takeAllBut(bytes: number): void {
  const file = openSync(join(small, "another-program's"), "a");
  const page = Buffer.alloc(4096, 1);
  while (freeBytes() > bytes) writeSync(file, page);
  closeSync(file);
}

const write = (filename: string, sizeBytes = 300_000) =>
  uploadFile(session(), { filename, sizeBytes, content: (offset) => seededStream(filename, sizeBytes, offset) });

/** Whether the answer says that the change waits for its witnesses. */
async function isWaiting(method: string, path: string, body?: unknown): Promise<boolean> {
  const init = { body: JSON.stringify(body), headers: { "content-type": "application/json" } };
  const reply = await session().raw(method, path, body === undefined ? {} : init);
  await textOf(reply);
  return reply.headers["piccolo-backup"] === "waiting";
}

const refusal = (error: unknown): boolean =>
  error instanceof DeviceProblem && error.problem.status === 507 && error.problem.code === "disk-full";

test("a member on a full disk refuses what would be added, and commits, backs up and makes a checkpoint nevertheless", async () => {
  const { nodeId } = await write("before");
  const gone = await write("gone");
  takeAllBut(10 * mebibyte);
  await assert.rejects(write("more"), refusal);
  await assert.rejects(session().call("POST", "/files/folders", { parent: "root", name: "more" }), refusal);

  for (let turn = 0; turn < 50; turn++) {
    assert.equal(await isWaiting("PATCH", `/files/${nodeId}`, { name: `renamed-${turn}` }), false);
  }
  assert.equal(await isWaiting("DELETE", `/files/${gone.nodeId}`), false);
  assert.equal(await isWaiting("DELETE", `/trash/${gone.nodeId}`), false);

  const password = network.device(1).record.password ?? assert.fail("no password");
  const { words, askedBack } = await session().call<{ words: string[]; askedBack: number[] }>(
    "POST",
    "/security/phrase",
    { password },
  );
  const confirmation = { words: askedBack.map((position) => ({ position, word: words[position - 1] ?? "" })) };
  // New keys take a checkpoint of everything, which other members keep.
  await session().finish(await session().call<TaskView>("POST", "/security/rekey", { password, confirmation }));
  const { backup, slots } = await session().call<SecurityView>("GET", "/security");
  assert.equal(slots.rekey, "none");
  assert.ok(backup.checkpointSequence > 0 && backup.witnessedSequence >= backup.checkpointSequence);
});

test("what others place on it is refused, and goes elsewhere or waits; it starts again, and takes in once there is room", async () => {
  await network.allOnline(network.device(2));
  const founder = network.device(2).session;
  const content = (offset: number) => seededStream("theirs", 300_000, offset);
  const { placement } = await uploadFile(founder, { filename: "theirs", sizeBytes: 300_000, content });
  assert.equal(placement, "durable", "three of four holders are enough");
  await network.startDeviceWith(1, []);
  await until("the witnesses have answered", async () => {
    return (await session().call<SecurityView>("GET", "/security")).backup.state === "ready";
  });
  await assert.rejects(write("more"), refusal);
  rmSync(join(small, "another-program's"));
  await until("the device takes in again", () =>
    write("more").then(
      () => true,
      () => false,
    ),
  );
});

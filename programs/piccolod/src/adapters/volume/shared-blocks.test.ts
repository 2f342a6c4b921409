/** The bound of content where copies share blocks with what was copied, which the kernel counts for each of them. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { SeededWorld } from "@piccolo/world";
import { QuotaVolume } from "../../../test-support/quota-volume.ts";
import { reserveOf } from "../../room/room.ts";
import { followRoom } from "./open-room.ts";
import { QuotaRoom } from "./quota-room.ts";

const mebibyte = 1024 * 1024;
const totalBytes = 1024 * mebibyte;
const stepBytes = 2 * mebibyte;

async function scene(context: TestContext): Promise<{ readonly volume: QuotaVolume; readonly room: QuotaRoom }> {
  const path = mkdtempSync(join(tmpdir(), "piccolo-quota-"));
  context.after(() => rmSync(path, { recursive: true }));
  const volume = new QuotaVolume(path, totalBytes);
  return { volume, room: await QuotaRoom.open({ mount: path, path, run: volume.run, statfs: volume.statfs }) };
}

/** Content may write what is free beyond the reserve, give or take a step; never less than nothing. */
function assertExact(volume: QuotaVolume): void {
  const due = Math.max(0, volume.freeBytes - reserveOf(totalBytes));
  assert.ok(Math.abs(volume.roomBytes - due) <= stepBytes, `${volume.roomBytes} of ${due}`);
}

test("a copy that shares its blocks takes no room from content, and its end gives none that is not there", async (context) => {
  const { volume, room } = await scene(context);
  volume.writeOwn(300 * mebibyte);
  volume.write(300 * mebibyte);
  await room.keep();
  assertExact(volume);
  assert.equal(room.isOff, false);
  volume.copy(300 * mebibyte);
  assert.equal(room.isOff, true);
  await room.keep();
  assertExact(volume);
  volume.dropCopy(300 * mebibyte);
  assert.equal(room.isOff, true);
  await room.keep();
  assertExact(volume);
  assert.equal(room.isOff, false);
});

test("what a copy shares and is written anew is taken from content", async (context) => {
  const { volume, room } = await scene(context);
  volume.write(500 * mebibyte);
  volume.copy(200 * mebibyte);
  await room.keep();
  volume.overwrite(200 * mebibyte);
  assert.equal(room.isOff, true);
  await room.keep();
  assertExact(volume);
});

test("copies that count for more than the volume has leave the bound right", async (context) => {
  const { volume, room } = await scene(context);
  volume.write(300 * mebibyte);
  for (let copies = 0; copies < 5; copies++) {
    volume.copy(300 * mebibyte);
    await room.keep();
    assertExact(volume);
  }
  assert.equal(room.freeBytes(), volume.freeBytes - reserveOf(totalBytes));
  assert.equal(room.isOff, false);
  volume.overwrite(300 * mebibyte);
  assert.equal(room.isOff, true, "although no folder tells the bound any more");
  await room.keep();
  assertExact(volume);
});

test("what is written while the bound is looked at never makes it too high", async (context) => {
  const { volume, room } = await scene(context);
  const due = (): number => volume.freeBytes - reserveOf(totalBytes);
  for (const change of [() => volume.write(50 * mebibyte), () => volume.overwrite(50 * mebibyte)]) {
    volume.write(10 * mebibyte);
    volume.meanwhile = () => {
      volume.meanwhile = () => undefined;
      change();
    };
    await room.keep();
    assert.ok(volume.roomBytes <= due() + stepBytes, `${volume.roomBytes} of ${due()}`);
    await room.keep();
    assertExact(volume);
  }
});

test("the bound follows within a second where content counts otherwise than the disk, and rests where it does not", async (context) => {
  const { volume, room } = await scene(context);
  const [world, stopping] = [new SeededWorld("room"), new AbortController()];
  const faults: unknown[] = [];
  const following = followRoom(room, { world, signal: stopping.signal, tell: (error) => faults.push(error) });
  const seconds = async (count: number): Promise<void> => {
    for (let second = 0; second < count; second++) await world.advance(1_000);
  };
  const { limits } = volume;
  for (let second = 0; second < 30; second++) {
    volume.write(10 * mebibyte);
    await seconds(1);
  }
  assert.equal(volume.limits, limits);
  volume.copy(300 * mebibyte);
  await seconds(2);
  assertExact(volume);
  volume.overwrite(250 * mebibyte);
  await seconds(2);
  assertExact(volume);
  volume.dropCopy(300 * mebibyte);
  await seconds(12);
  assertExact(volume);
  volume.isBroken = true;
  volume.writeOwn(50 * mebibyte);
  await seconds(5);
  assert.equal(faults.length, 1);
  volume.isBroken = false;
  await seconds(60);
  assertExact(volume);
  stopping.abort(new Error("the device stops"));
  await following;
});

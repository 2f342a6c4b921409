/** What every way to divide the volume's room keeps to. */
import assert from "node:assert/strict";
import { suite, test, type TestContext } from "node:test";
import { assertRoom, type contentFolders, reserveOf, type Room } from "../src/room/room.ts";

export interface RoomUnderTest {
  readonly totalBytes: number;
  /** What is free in all, the reserve included. */
  readonly freeBytes: () => number;
  readonly room: Room;
  /** The same after a restart. */
  readonly again: () => Promise<Room>;
  /** Adds a file of content, without asking. Throws where it cannot. */
  readonly put: (folder: (typeof contentFolders)[number], name: string, bytes: number) => void;
  readonly drop: (folder: (typeof contentFolders)[number], name: string) => void;
  /** The same for what is the device's own. */
  readonly putOwn: (name: string, bytes: number) => void;
  readonly dropOwn: (name: string) => void;
}

const mebibyte = 1024 * 1024;
/** What file systems take for themselves. */
const slackBytes = 2 * mebibyte;
const pieceBytes = 4 * mebibyte;

/** Adds content as the device does: asks, then writes. */
function fill({ put }: RoomUnderTest, room: Room, folder: (typeof contentFolders)[number]): number {
  let pieces = 0;
  for (; room.freeBytes() >= pieceBytes; pieces++) put(folder, `piece-${pieces}`, pieceBytes);
  return pieces;
}

export function roomSuite(name: string, make: (context: TestContext) => Promise<RoomUnderTest>): void {
  suite(`${name} divides the volume`, () => {
    test("what is free for content is what is free without the reserve", async (context) => {
      const scene = await make(context);
      const free = scene.freeBytes() - reserveOf(scene.totalBytes);
      assert.ok(Math.abs(scene.room.freeBytes() - free) <= slackBytes, `${scene.room.freeBytes()} ${free}`);
      scene.put("spool", "piece", pieceBytes);
      const left = scene.room.freeBytes();
      assert.ok(Math.abs(left - free + pieceBytes) <= slackBytes, `${left} ${free}`);
    });

    test("who asks before each write leaves the reserve, and it is there for the device's own", async (context) => {
      const scene = await make(context);
      assert.ok(fill(scene, scene.room, "fragments") > 2);
      assert.throws(() => assertRoom(scene.room, pieceBytes), { code: "disk-full" });
      const reserve = reserveOf(scene.totalBytes);
      assert.ok(scene.freeBytes() >= reserve - slackBytes, `${scene.freeBytes()} of ${reserve}`);
      scene.putOwn("database", Math.floor(reserve / 2));
      assert.ok(scene.room.freeBytes() < pieceBytes);
    });

    test("what the device's own files take is taken from content, also after a restart", async (context) => {
      const scene = await make(context);
      const before = scene.room.freeBytes();
      scene.putOwn("database", 3 * pieceBytes);
      await scene.room.keep();
      for (const room of [scene.room, await scene.again()]) {
        assert.ok(Math.abs(before - 3 * pieceBytes - room.freeBytes()) <= slackBytes, String(room.freeBytes()));
      }
      scene.dropOwn("database");
      await scene.room.keep();
      assert.ok(Math.abs(before - scene.room.freeBytes()) <= slackBytes);
    });

    test("what is removed makes room, also where the device's own files had taken some of the reserve", async (context) => {
      const scene = await make(context);
      fill(scene, scene.room, "apps");
      const reserve = reserveOf(scene.totalBytes);
      scene.putOwn("database", Math.floor(reserve / 2));
      await scene.room.keep();
      assert.equal(scene.room.freeBytes(), 0);
      for (let piece = 0; scene.freeBytes() < reserve + 2 * pieceBytes; piece++) scene.drop("apps", `piece-${piece}`);
      await scene.room.keep();
      assertRoom(scene.room, pieceBytes);
      scene.put("apps", "piece", pieceBytes);
    });
  });
}

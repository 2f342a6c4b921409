import type { World } from "@piccolo/world";
import type { Room } from "../../room/room.ts";
import type { Volume } from "../../security/volume.ts";
import { errorFacts, type Log } from "../log.ts";
import { AskingRoom } from "./asking-room.ts";
import { QuotaRoom } from "./quota-room.ts";

/** So often the bound follows what the device's own files take. */
const keepEveryMs = 10 * 60_000;

export interface RoomParts {
  readonly volume: Pick<Volume, "backend" | "path">;
  /** Folder of all that lies on the volume, which is open. */
  readonly path: string;
  readonly world: World;
  readonly log: Log;
}

export interface OpenRoom extends Room {
  close(): void;
}

/** With the kernel's help where the volume has it. A device whose kernel does not help works nevertheless, and says so. */
export async function openRoom({ volume, path, world, log }: RoomParts): Promise<OpenRoom> {
  const stopping = new AbortController();
  const tell = (error: unknown): void => log.error("volume-not-divided", errorFacts(error));
  const divided =
    volume.backend === "luks2" ? await QuotaRoom.open({ mount: volume.path, path }).catch(tell) : undefined;
  const room = divided ?? new AskingRoom(path);
  const keepOn = async (): Promise<void> => {
    for (;;) {
      await world.sleep(keepEveryMs, stopping.signal);
      await room.keep().catch(tell);
    }
  };
  if (room.keptBy === "kernel") keepOn().catch(() => undefined);
  log.info("volume-room", { keptBy: room.keptBy, freeBytes: room.freeBytes() });
  return {
    keptBy: room.keptBy,
    freeBytes: () => room.freeBytes(),
    keep: () => room.keep(),
    close: () => stopping.abort(),
  };
}

import type { World } from "@piccolo/world";
import type { Room } from "../../room/room.ts";
import type { Volume } from "../../security/volume.ts";
import { errorFacts, type Log } from "../log.ts";
import { AskingRoom } from "./asking-room.ts";
import { QuotaRoom } from "./quota-room.ts";

/** So often the bound follows what the device's own files take. */
const keepEveryMs = 10 * 60_000;
/** So often it is asked whether it has to follow before: what an app can write in that time it may be too high by. */
const lookEveryMs = 1_000;
/** So often it follows where looking does not tell all. */
const keepUntoldEveryMs = 10_000;
/** So long it is left alone where it could not follow. */
const afterFaultMs = 60_000;

export interface RoomParts {
  readonly volume: Pick<Volume, "backend" | "path">;
  /** Folder of all that lies on the volume, which is open. */
  readonly path: string;
  readonly world: World;
  readonly log: Log;
}

export interface OpenRoom extends Room {
  /** As in `Room`; a failure is logged, and tried again before long. */
  keep(): Promise<void>;
  /** No program of its own uses the volume afterwards. */
  close(): Promise<void>;
}

/** With the kernel's help where the volume has it. A device whose kernel does not help works nevertheless, and says so. */
export async function openRoom({ volume, path, world, log }: RoomParts): Promise<OpenRoom> {
  const stopping = new AbortController();
  const tell = (error: unknown): void => log.error("volume-not-divided", errorFacts(error));
  const divided =
    volume.backend === "luks2" ? await QuotaRoom.open({ mount: volume.path, path }).catch(tell) : undefined;
  const room = divided ?? new AskingRoom(path);
  const following = divided === undefined ? undefined : followRoom(divided, { world, signal: stopping.signal, tell });
  log.info("volume-room", { keptBy: room.keptBy, freeBytes: room.freeBytes() });
  return {
    keptBy: room.keptBy,
    freeBytes: () => room.freeBytes(),
    keep: () => room.keep().catch(tell),
    close: async () => {
      stopping.abort();
      await following;
    },
  };
}

export interface Following {
  readonly world: World;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** Hears failures; it goes on. */
  readonly tell: (error: unknown) => void;
}

/** Keeps the bound in line until it is ended. */
export async function followRoom(
  room: Pick<QuotaRoom, "isOff" | "isTold" | "keep">,
  { world, signal, tell }: Following,
): Promise<void> {
  let keptAtMs = world.monotonicMs();
  for (let pauseMs = lookEveryMs; ;) {
    try {
      await world.sleep(pauseMs, signal);
    } catch {
      return;
    }
    pauseMs = lookEveryMs;
    try {
      const everyMs = room.isTold ? keepEveryMs : keepUntoldEveryMs;
      if (!room.isOff && world.monotonicMs() - keptAtMs < everyMs) continue;
      keptAtMs = world.monotonicMs();
      await room.keep();
    } catch (error) {
      tell(error);
      pauseMs = afterFaultMs;
    }
  }
}

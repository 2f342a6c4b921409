/** Puts the parts of the files feature together. */
import type { DatabaseSync } from "node:sqlite";
import { toHex } from "@piccolo/bytes";
import type { Placement } from "@piccolo/device-api";
import type { OwnerEngine } from "@piccolo/storage/owner";
import { priorRates, redundancyOf } from "@piccolo/storage/policy";
import type { Members } from "@piccolo/storage/ports";
import type { World } from "@piccolo/world";
import type { Blake3 } from "../adapters/fragment-hash.ts";
import type { Log } from "../adapters/log.ts";
import type { FileCrashPoint } from "../crash-points.ts";
import type { SqliteMetadata } from "../db/metadata.ts";
import type { DeviceEvents } from "../events/events.ts";
import type { Api } from "../http/api.ts";
import type { StreamRoute } from "../http/server.ts";
import type { Room } from "../room/room.ts";
import type { Tasks } from "../tasks/tasks.ts";
import { contentRoutes } from "./content.ts";
import { Files } from "./files.ts";
import { placementView } from "./placement.ts";
import { Purge } from "./purge.ts";
import { mountFiles } from "./routes.ts";
import { FileStore } from "./store.ts";
import { Tree } from "./tree.ts";
import { type TusGate, tusRoutes } from "./tus.ts";
import { idText, nodeId } from "./types.ts";
import { UploadStore } from "./upload-store.ts";
import { Uploads } from "./uploads.ts";

export interface FilesFeatureOptions {
  readonly db: DatabaseSync;
  readonly metadata: SqliteMetadata;
  readonly engine: () => OwnerEngine;
  readonly blake3: Blake3;
  readonly members: Members;
  readonly world: World;
  readonly log: Log;
  readonly events: DeviceEvents;
  readonly tasks: Tasks;
  readonly gate: TusGate;
  readonly room: Pick<Room, "freeBytes">;
  /** What the feature does by itself rests while this is false. */
  readonly mayWork: () => boolean;
  readonly crashPoint: (name: FileCrashPoint) => void;
}

export interface FilesFeature {
  readonly streams: readonly StreamRoute[];
  mount(api: Api): void;
  /** What the engine reports. */
  committed(versionId: Uint8Array, bytes: number): void;
  placementChanged(segmentId: Uint8Array): void;
  /** Begins to clean up; once. */
  start(): void;
  /** Ends requests that are sending bytes. */
  interrupt(): void;
  stop(): Promise<void>;
}

export function createFilesFeature(options: FilesFeatureOptions): FilesFeature {
  const { db, metadata, engine, blake3, members, world, log, events, tasks, gate, mayWork, crashPoint, room } = options;
  const store = new FileStore(db);
  const tree = new Tree(store);
  const changed = (folders: readonly string[]): void => events.filesChanged(folders);
  const uploadStore = new UploadStore(db);
  const uploads = new Uploads({
    db,
    store: uploadStore,
    files: store,
    tree,
    engine,
    blake3,
    world,
    events,
    room,
    crashPoint,
  });
  const pendingVersionIds = (): ReadonlySet<string> => metadata.pendingVersionIds();
  const files = new Files({ db, store, tree, engine, pendingVersionIds, world, changed, room, crashPoint });
  const purge = new Purge({ db, store, tree, engine, uploads, tasks, world, log, changed, mayWork });

  const placement = (id: string): Placement => {
    const node = tree.liveFile(nodeId(id));
    const holders = members.holders();
    return placementView({
      versionId: toHex(node.version_id),
      version: engine().describe(node.version_id),
      holders,
      current: engine().currentCode(),
      redundancyOf: (code) => redundancyOf(code, priorRates, holders.length > code.n),
      nowMs: world.nowMs(),
    });
  };

  return {
    streams: [...tusRoutes(uploads, gate), ...contentRoutes({ store, tree, engine, log })],
    mount: (api) => mountFiles(api, { files, uploads, purge, placement }),
    committed: (versionId, bytes) => uploads.committed(versionId, bytes),
    placementChanged: (segmentId) => {
      const nodes = store.nodesInSegment(segmentId).map(idText);
      if (nodes.length > 0) events.placementChanged(nodes);
      // The room that waiting content takes is part of the network's view.
      events.networkChanged();
    },
    start: () => purge.start(),
    interrupt: () => uploads.interrupt(),
    stop: async () => {
      await purge.stop();
      await uploads.stop();
    },
  };
}

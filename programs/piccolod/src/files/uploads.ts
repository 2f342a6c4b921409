import type { DatabaseSync } from "node:sqlite";
import { equalConstantTime, fromHex, toHex } from "@piccolo/bytes";
import type { Upload, UploadCheck, UploadCheckResult } from "@piccolo/device-api";
import type { OwnerEngine } from "@piccolo/storage/owner";
import type { World } from "@piccolo/world";
import type { Blake3 } from "../adapters/fragment-hash.ts";
import type { FileCrashPoint } from "../crash-points.ts";
import { transact } from "../db/database.ts";
import type { DeviceEvents } from "../events/events.ts";
import { assertRoom, type Room } from "../room/room.ts";
import { cleanMediaType, decideLanding, type OnConflict } from "./decide.ts";
import { nameKey, parseNodeName } from "./names.ts";
import { receiveBody } from "./receive-body.ts";
import type { FileStore } from "./store.ts";
import type { Tree } from "./tree.ts";
import {
  filesFaults,
  finishedUploadMs,
  idText,
  mostFileBytes,
  mostOpenUploads,
  nodeId as parseNodeId,
  uploadLifetimeMs,
} from "./types.ts";
import type { UploadRow, UploadStore } from "./upload-store.ts";

export interface UploadsOptions {
  readonly db: DatabaseSync;
  readonly store: UploadStore;
  readonly files: FileStore;
  readonly tree: Tree;
  readonly engine: () => OwnerEngine;
  readonly blake3: Blake3;
  readonly world: World;
  readonly events: DeviceEvents;
  readonly room: Pick<Room, "freeBytes">;
  readonly crashPoint: (name: FileCrashPoint) => void;
}

export interface UploadCreation {
  readonly filename: string;
  readonly parent: string;
  readonly sizeBytes: number;
  readonly mediaType: string | undefined;
  readonly modifiedMs: number | undefined;
  readonly onConflict: OnConflict;
}

/** Where an upload stands; the file is there once it is complete. */
export interface UploadState {
  readonly id: string;
  readonly offsetBytes: number;
  readonly sizeBytes: number;
  readonly expiresAtMs: number;
  readonly finished: { readonly nodeId: string; readonly placement: "durable" | "pending" } | undefined;
}

/** One request's part of an upload's bytes. */
export interface UploadPart {
  readonly offsetBytes: number;
  /** What the request says it sends; undefined where it does not say. */
  readonly lengthBytes: number | undefined;
  /** Hex BLAKE3 of all bytes before the offset, where the client sent it. */
  readonly prefixBlake3: string | undefined;
  readonly body: AsyncIterable<Uint8Array>;
  readonly signal: AbortSignal;
}

interface Active {
  readonly abort: AbortController;
  readonly ended: Promise<void>;
}

/** Files on their way in. The offset is the end of what is committed; completing and showing a file is one commit. */
export class Uploads {
  readonly #options: UploadsOptions;
  /** By upload id (hex): requests that are sending bytes. */
  readonly #active = new Map<string, Active>();
  /** By version id (hex), for progress. */
  readonly #moving = new Map<string, { readonly id: string; readonly sizeBytes: number }>();
  #stopping = false;

  constructor(options: UploadsOptions) {
    this.#options = options;
  }

  /** Announces an upload. One without bytes is complete at once, as clients of tus expect. Throws `disk-full`. */
  create(creation: UploadCreation): UploadState {
    const { db, store, engine, world, crashPoint, tree, room } = this.#options;
    assertRoom(room);
    const filename = parseNodeName(creation.filename);
    if (creation.sizeBytes > mostFileBytes) {
      throw filesFaults.fault("upload-too-large", `a file has at most ${mostFileBytes} bytes`);
    }
    if (store.unfinishedCount() >= mostOpenUploads) {
      throw filesFaults.fault("too-many-uploads", "too many uploads are unfinished; finish or remove some of them");
    }
    const uploadId = world.randomBytes(16);
    const nowMs = world.nowMs();
    crashPoint("before-upload-creation");
    transact(db, () => {
      const parent = tree.liveFolder(parseNodeId(creation.parent)).node_id;
      this.#checkLanding(parent, filename, creation.onConflict);
      store.insert({
        upload_id: uploadId,
        version_id: engine().beginVersion().versionId,
        parent_id: parent,
        filename,
        media_type: cleanMediaType(creation.mediaType),
        size_bytes: creation.sizeBytes,
        modified_at_ms: creation.modifiedMs ?? null,
        on_conflict: creation.onConflict,
        created_at_ms: nowMs,
        expires_at_ms: nowMs + uploadLifetimeMs,
      });
    });
    crashPoint("after-upload-creation");
    const id = toHex(uploadId);
    if (creation.sizeBytes === 0) this.#complete(this.#find(id));
    return this.state(id);
  }

  /** Throws `upload-not-found`. */
  state(id: string): UploadState {
    return this.#stateOf(this.#find(id));
  }

  /** Unfinished ones, oldest first. */
  list(): Upload[] {
    const { store, engine } = this.#options;
    return store.unfinished().map((row) => {
      const segmentBytes = [...engine().extentBytes(row.version_id)];
      return {
        id: toHex(row.upload_id),
        filename: row.filename,
        parent: idText(row.parent_id),
        sizeBytes: row.size_bytes,
        offsetBytes: segmentBytes.reduce((sum, bytes) => sum + bytes, 0),
        ...(row.modified_at_ms === null ? {} : { modifiedMs: row.modified_at_ms }),
        createdAtMs: row.created_at_ms,
        expiresAtMs: row.expires_at_ms,
        active: this.#active.has(toHex(row.upload_id)),
        segmentBytes,
      };
    });
  }

  /** Whether another file's segments are those that arrived; hashes beyond them say nothing. */
  check(id: string, { segments, fromSegment }: UploadCheck): UploadCheckResult {
    const row = this.#find(id);
    const hashes = this.#options.store.segments(row.upload_id);
    let end = 0;
    for (const [at, bytes] of this.#options.engine().extentBytes(row.version_id).entries()) {
      end += bytes;
      const sent = segments[at - fromSegment];
      if (at < fromSegment || sent === undefined) continue;
      const known = hashes.get(end);
      if (known === undefined || !equalConstantTime(known, fromHex(sent))) return { same: false, firstDifferent: at };
    }
    return { same: true };
  }

  /**
   * Takes bytes in. Throws `disk-full` before the device's reserve is touched, `upload-busy`, `upload-offset-differs`, `upload-bytes-differ`, `upload-too-long`, what the
   * engine throws, and what completing throws.
   */
  async receive(id: string, part: UploadPart): Promise<UploadState> {
    const row = this.#find(id);
    if (this.#stopping) throw stopping();
    if (this.#active.has(id)) {
      throw filesFaults.fault("upload-busy", "another request is sending this file; wait until it has ended");
    }
    const offsetBytes = this.#offset(row);
    if (part.offsetBytes !== offsetBytes) {
      throw filesFaults.fault("upload-offset-differs", `the upload goes on at byte ${offsetBytes}`, {
        details: { offsetBytes },
      });
    }
    if (part.lengthBytes !== undefined && offsetBytes + part.lengthBytes > row.size_bytes) throw tooLong(row);
    if (row.node_id !== null) return this.#stateOf(row);
    this.#checkPrefix(row, offsetBytes, part.prefixBlake3);
    const abort = new AbortController();
    const work = this.#write(row, part, AbortSignal.any([part.signal, abort.signal]));
    this.#active.set(id, { abort, ended: work.then(nothing, nothing) });
    try {
      await work;
    } finally {
      this.#active.delete(id);
    }
    return this.state(id);
  }

  /** Ends an upload and forgets what arrived of it; a finished one's file stays. */
  async remove(id: string): Promise<void> {
    this.#find(id);
    const active = this.#active.get(id);
    active?.abort.abort(filesFaults.fault("upload-not-found", "the upload was removed"));
    await active?.ended;
    transact(this.#options.db, () => this.#forget(this.#find(id)));
    this.#options.events.uploadGone(id);
  }

  /** Forgets uploads nobody went on with. */
  expire(): void {
    const { db, store, world, events } = this.#options;
    const due = store.expired(world.nowMs(), 1_000).filter((row) => !this.#active.has(toHex(row.upload_id)));
    // What never became a file may be large, and its removal is a commit of its own; the others are a row each.
    for (const row of due) if (row.node_id === null) transact(db, () => this.#forget(row));
    transact(db, () => {
      for (const row of due) if (row.node_id !== null) this.#forget(row);
    });
    for (const row of due) if (row.node_id === null) events.uploadGone(toHex(row.upload_id));
  }

  /** The engine's word that a version's committed bytes moved. */
  committed(versionId: Uint8Array, bytes: number): void {
    const upload = this.#moving.get(toHex(versionId));
    if (upload !== undefined) this.#options.events.uploadMoved(upload.id, bytes, upload.sizeBytes);
  }

  /** Ends what is being sent: the device stops. What is committed stays. */
  interrupt(): void {
    this.#stopping = true;
    for (const { abort } of this.#active.values()) abort.abort(stopping());
  }

  async stop(): Promise<void> {
    this.interrupt();
    await Promise.all([...this.#active.values()].map(({ ended }) => ended));
  }

  async #write(row: UploadRow, part: UploadPart, signal: AbortSignal): Promise<void> {
    const { engine, store, blake3, world, room } = this.#options;
    const version = toHex(row.version_id);
    store.extend(row.upload_id, world.nowMs() + uploadLifetimeMs);
    store.dropSegmentsAfter(row.upload_id, part.offsetBytes);
    if (part.offsetBytes < row.size_bytes) {
      this.#moving.set(version, { id: toHex(row.upload_id), sizeBytes: row.size_bytes });
      try {
        await receiveBody(engine().writer(row.version_id, signal), part.body, {
          offsetBytes: part.offsetBytes,
          sizeBytes: row.size_bytes,
          blake3,
          tooLong: () => tooLong(row),
          segmentEnds: (endBytes, hash) => {
            assertRoom(room);
            store.putSegment(row.upload_id, endBytes, hash);
          },
          signal,
        });
      } finally {
        this.#moving.delete(version);
      }
    } else {
      for await (const bytes of part.body) if (bytes.length > 0) throw tooLong(row);
    }
    if (this.#offset(row) < row.size_bytes) return;
    this.#options.crashPoint("before-version-completion");
    this.#complete(row);
    this.#options.crashPoint("after-version-completion");
  }

  /** Shows the whole file in the tree. Refused where its folder is gone or its name is taken by now. */
  #complete(row: UploadRow): void {
    const { db, store, engine, tree, world, events } = this.#options;
    const nowMs = world.nowMs();
    const folder = transact(db, () => {
      const parent = tree.liveFolder(row.parent_id).node_id;
      engine().completeVersion(row.version_id, row.size_bytes);
      const nodeId = tree.land(
        {
          parent,
          name: row.filename,
          onConflict: row.on_conflict,
          version: {
            version_id: row.version_id,
            media_type: row.media_type,
            modified_at_ms: row.modified_at_ms ?? nowMs,
            uploaded_at_ms: nowMs,
          },
        },
        nowMs,
      );
      store.finish(row.upload_id, nodeId, nowMs + finishedUploadMs);
      return idText(parent);
    });
    events.filesChanged([folder]);
    events.uploadGone(toHex(row.upload_id));
  }

  #forget(row: UploadRow): void {
    const { store, engine } = this.#options;
    if (row.node_id === null) engine().removeVersion(row.version_id);
    store.delete(row.upload_id);
  }

  #find(id: string): UploadRow {
    const { store, world } = this.#options;
    const row = /^[0-9a-f]{32}$/.test(id) ? store.get(fromHex(id)) : undefined;
    if (row === undefined || (row.expires_at_ms <= world.nowMs() && !this.#active.has(id))) {
      throw filesFaults.fault("upload-not-found", "there is no such upload any more; begin a new one");
    }
    return row;
  }

  #offset(row: UploadRow): number {
    return row.node_id === null ? this.#options.engine().committedBytes(row.version_id) : row.size_bytes;
  }

  #stateOf(row: UploadRow): UploadState {
    const placement = (): "durable" | "pending" => this.#options.engine().placementState(row.version_id);
    return {
      id: toHex(row.upload_id),
      offsetBytes: this.#offset(row),
      sizeBytes: row.size_bytes,
      expiresAtMs: row.expires_at_ms,
      finished: row.node_id === null ? undefined : { nodeId: idText(row.node_id), placement: placement() },
    };
  }

  #checkLanding(parent: number, name: string, onConflict: OnConflict): void {
    const { files, tree } = this.#options;
    const existing = files.byName(parent, nameKey(name));
    decideLanding({
      name,
      onConflict,
      existing: existing === undefined ? undefined : { nodeId: existing.node_id, kind: existing.kind },
      isTaken: (candidate) => tree.isTaken(parent, candidate),
    });
  }

  /** The hash of one segment is known; of several together it is not, and `check` asks for each. */
  #checkPrefix(row: UploadRow, offsetBytes: number, prefixBlake3: string | undefined): void {
    const { store, blake3 } = this.#options;
    if (prefixBlake3 === undefined) return;
    const known = offsetBytes === 0 ? blake3.hash(new Uint8Array(0)) : store.segments(row.upload_id).get(offsetBytes);
    const isFirst = offsetBytes === 0 || this.#options.engine().extentBytes(row.version_id).length === 1;
    if (known === undefined || !isFirst || toHex(known) === prefixBlake3) return;
    throw filesFaults.fault("upload-bytes-differ", "this is not the file the upload began with; choose that one");
  }
}

function nothing(): void {}

function tooLong(row: UploadRow): Error {
  return filesFaults.fault("upload-too-long", `the upload has ${row.size_bytes} bytes, and more came`);
}

function stopping(): Error {
  return filesFaults.fault("stopping", "the device is stopping; go on when it is back");
}

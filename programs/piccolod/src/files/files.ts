import type { DatabaseSync } from "node:sqlite";
import { fromHex, toHex } from "@piccolo/bytes";
import type { Listing, Node, NodeList, Version } from "@piccolo/device-api";
import type { OwnerEngine } from "@piccolo/storage/owner";
import type { World } from "@piccolo/world";
import type { FileCrashPoint } from "../crash-points.ts";
import { transact } from "../db/database.ts";
import { assertRoom, type Room } from "../room/room.ts";
import { decodeCursor, encodeCursor } from "./cursor.ts";
import { nameKey, parseNodeName } from "./names.ts";
import type { EntryRow, FileStore, Order, Sort } from "./store.ts";
import type { Tree } from "./tree.ts";
import { filesFaults, idText, nodeId, rootId } from "./types.ts";
import { nodeView, versionView } from "./views.ts";

const usualLimit = 200;
const lastId = Number.MAX_SAFE_INTEGER;

export interface FilesOptions {
  readonly db: DatabaseSync;
  readonly store: FileStore;
  readonly tree: Tree;
  readonly engine: () => OwnerEngine;
  /** Hex ids of versions of which a part lies only on this device. */
  readonly pendingVersionIds: () => ReadonlySet<string>;
  readonly world: World;
  /** Folders (as the interface names them, or `trash`) whose content changed. */
  readonly changed: (folders: readonly string[]) => void;
  readonly room: Pick<Room, "freeBytes">;
  readonly crashPoint: (name: FileCrashPoint) => void;
}

/** Folders, files, their versions and the trash, as the owner handles them. */
export class Files {
  readonly #options: FilesOptions;

  constructor(options: FilesOptions) {
    this.#options = options;
  }

  list(query: {
    readonly parent?: string | undefined;
    readonly sort?: Sort | undefined;
    readonly order?: Order | undefined;
    readonly cursor?: string | undefined;
    readonly limit?: number | undefined;
  }): Listing {
    const { store, tree } = this.#options;
    const { parent = "root", sort = "name", order = "asc", limit = usualLimit } = query;
    const folder = tree.liveFolder(nodeId(parent));
    const kind = `${parent} ${sort} ${order}`;
    const after = decodeCursor(kind, ["number", sort === "name" ? "string" : "number", "string"], query.cursor);
    const rows = store.list(folder.node_id, sort, order, after, limit + 1);
    const path = tree.crumbs(folder.node_id);
    const value = (row: EntryRow): string | number =>
      ({ name: row.name_key, modified: row.shown_modified_at_ms, size: row.size_bytes ?? 0 })[sort];
    const cursor = (row: EntryRow): string =>
      encodeCursor(kind, [row.kind === "file" ? 1 : 0, value(row), row.name_key]);
    return { parent: path.at(-1) ?? { id: parent, name: "" }, path, ...this.#page(rows, limit, cursor) };
  }

  search(query: {
    readonly q: string;
    readonly cursor?: string | undefined;
    readonly limit?: number | undefined;
  }): NodeList {
    const { store, tree } = this.#options;
    const { limit = usualLimit } = query;
    const text = nameKey(query.q);
    const kind = `search ${text}`;
    let [afterKey, afterId] = decodeCursor(kind, ["string", "string"], query.cursor) ?? ["", ""];
    const found: EntryRow[] = [];
    // What lies below a folder in the trash is found by its name too, and is left out here.
    for (;;) {
      const rows = store.search(text, String(afterKey), nodeId(String(afterId)) ?? -1, limit + 1);
      found.push(...rows.filter(({ node_id: id }) => tree.path(id) !== undefined));
      const last = rows.at(-1);
      if (found.length > limit || last === undefined || rows.length <= limit) break;
      [afterKey, afterId] = [last.name_key, idText(last.node_id)];
    }
    return this.#page(found.slice(0, limit + 1), limit, (row) =>
      encodeCursor(kind, [row.name_key, idText(row.node_id)]),
    );
  }

  trash(query: { readonly cursor?: string | undefined; readonly limit?: number | undefined }): NodeList {
    const { limit = usualLimit } = query;
    const [ms = Number.MAX_SAFE_INTEGER, id = ""] = decodeCursor("trash", ["number", "string"], query.cursor) ?? [];
    const rows = this.#options.store.trashed(Number(ms), nodeId(String(id)) ?? lastId, limit + 1);
    return this.#page(rows, limit, (row) => encodeCursor("trash", [row.trashed_at_ms ?? 0, idText(row.node_id)]));
  }

  /** Also an entry of the trash. Throws `not-found`. */
  get(id: string): Node {
    const { store, tree } = this.#options;
    const node = nodeId(id);
    const row = node === undefined ? undefined : store.entry(node);
    if (row?.trashed_at_ms === null) tree.live(row.node_id);
    if (row === undefined) throw filesFaults.fault("not-found", "there is no such file or folder any more");
    return this.#view(row);
  }

  createFolder(creation: { readonly parent: string; readonly name: string }): Node {
    const { db, tree, world, room } = this.#options;
    const name = parseNodeName(creation.name);
    assertRoom(room);
    let created = rootId;
    this.#commit("node-change", () =>
      transact(db, () => {
        const parent = tree.liveFolder(nodeId(creation.parent)).node_id;
        created = tree.add({ parent, name }, world.nowMs());
        return [idText(parent)];
      }),
    );
    return this.get(idText(created));
  }

  change(id: string, to: { readonly name?: string | undefined; readonly parent?: string | undefined }): Node {
    const { db, tree, world } = this.#options;
    this.#commit("node-change", () =>
      transact(db, () => {
        const node = tree.liveBelowTop(id);
        const parent = to.parent === undefined ? undefined : tree.liveFolder(nodeId(to.parent)).node_id;
        tree.change(node, { name: to.name, parent }, world.nowMs());
        return [idText(node.parent_id), ...(parent === undefined ? [] : [idText(parent)])];
      }),
    );
    return this.get(id);
  }

  delete(id: string): void {
    const { db, tree, world } = this.#options;
    this.#commit("trashing", () =>
      transact(db, () => {
        const node = tree.liveBelowTop(id);
        tree.trash(node, world.nowMs());
        return [idText(node.parent_id), "trash"];
      }),
    );
  }

  restore(id: string): Node {
    const { db, tree, world } = this.#options;
    this.#commit("node-change", () =>
      transact(db, () => [idText(tree.restore(tree.trashed(id), world.nowMs())), "trash"]),
    );
    return this.get(id);
  }

  /** Newest first. */
  versions(id: string): Version[] {
    const { store, tree } = this.#options;
    const node = tree.liveFile(nodeId(id));
    return store.versions(node.node_id).map((row) => versionView(row, node));
  }

  /** Makes an older version the current one. */
  restoreVersion(id: string, versionId: string): Node {
    const { db, store, tree, world } = this.#options;
    this.#commit("node-change", () =>
      transact(db, () => {
        const node = tree.liveFile(nodeId(id));
        const version = this.#version(node.node_id, versionId);
        if (versionId !== toHex(node.version_id)) store.setCurrent(node.node_id, version, world.nowMs());
        return [idText(node.parent_id ?? rootId)];
      }),
    );
    return this.get(id);
  }

  deleteVersion(id: string, versionId: string): void {
    const { db, tree, engine } = this.#options;
    this.#commit("node-change", () =>
      transact(db, () => {
        const node = tree.liveFile(nodeId(id));
        const version = this.#version(node.node_id, versionId);
        if (versionId === toHex(node.version_id)) {
          throw filesFaults.fault("version-is-current", "this is the current version; delete the file instead");
        }
        engine().removeVersion(version);
        return [idText(node.parent_id ?? rootId)];
      }),
    );
  }

  #version(node: number, versionId: string): Uint8Array {
    const bytes = /^[0-9a-f]{32}$/.test(versionId) ? fromHex(versionId) : undefined;
    const row = bytes === undefined ? undefined : this.#options.store.version(bytes);
    if (row === undefined || row.node_id !== node) {
      throw filesFaults.fault("not-found", "there is no such version any more");
    }
    return row.version_id;
  }

  #commit(what: "node-change" | "trashing", change: () => readonly string[]): void {
    const { crashPoint, changed } = this.#options;
    crashPoint(`before-${what}`);
    const folders = change();
    crashPoint(`after-${what}`);
    changed(folders);
  }

  #view(row: EntryRow): Node {
    const pending = this.#options.pendingVersionIds();
    return nodeView(row, (versionId) => pending.has(versionId));
  }

  /** `rows` has one more than `limit` when there is more. */
  #page(rows: readonly EntryRow[], limit: number, cursor: (row: EntryRow) => string): NodeList {
    const pending = this.#options.pendingVersionIds();
    const shown = rows.slice(0, limit);
    const last = shown.at(-1);
    return {
      nodes: shown.map((row) => nodeView(row, (versionId) => pending.has(versionId))),
      ...(rows.length > limit && last !== undefined ? { nextCursor: cursor(last) } : {}),
    };
  }
}

import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import type { CursorValues } from "./cursor.ts";

export interface NodeRow {
  readonly node_id: Uint8Array;
  readonly parent_id: Uint8Array | null;
  readonly kind: "folder" | "file";
  readonly name: string;
  readonly name_key: string;
  readonly created_at_ms: number;
  readonly modified_at_ms: number;
  readonly version_id: Uint8Array | null;
  readonly trashed_at_ms: number | null;
  readonly trashed_from: string | null;
}

/** A node with what its current version adds. */
export interface EntryRow extends NodeRow {
  readonly size_bytes: number | null;
  readonly media_type: string | null;
  readonly shown_modified_at_ms: number;
  readonly versions: number;
}

export interface VersionRow {
  readonly version_id: Uint8Array;
  readonly node_id: Uint8Array;
  readonly size_bytes: number;
  readonly media_type: string;
  readonly modified_at_ms: number;
  readonly uploaded_at_ms: number;
  readonly superseded_at_ms: number | null;
}

export type Sort = "name" | "modified" | "size";
export type Order = "asc" | "desc";

const entry = `SELECT node.*, size_bytes, media_type,
  coalesce(current.modified_at_ms, node.modified_at_ms) AS shown_modified_at_ms,
  (SELECT count(*) FROM file_version WHERE file_version.node_id = node.node_id) AS versions
  FROM node LEFT JOIN file_version AS current ON current.version_id = node.version_id`;

const sortValue: Readonly<Record<Sort, string>> = {
  name: "name_key",
  modified: "coalesce(current.modified_at_ms, node.modified_at_ms)",
  size: "coalesce(size_bytes, 0)",
};
/** Folders come before files, whatever the order. */
const rank = "(node.kind = 'file')";

function statements(db: DatabaseSync) {
  return {
    node: db.prepare("SELECT * FROM node WHERE node_id = ?"),
    entry: db.prepare(`${entry} WHERE node.node_id = ?`),
    byName: db.prepare("SELECT * FROM node WHERE parent_id = ? AND name_key = ? AND trashed_at_ms IS NULL"),
    insert: db.prepare("INSERT INTO node VALUES (?, ?, ?, ?, ?, ?, ?, NULL, NULL, NULL)"),
    place: db.prepare(
      `UPDATE node SET parent_id = ?, name = ?, name_key = ?, modified_at_ms = ?, trashed_at_ms = NULL,
       trashed_from = NULL WHERE node_id = ?`,
    ),
    touch: db.prepare("UPDATE node SET modified_at_ms = ? WHERE node_id = ?"),
    trash: db.prepare("UPDATE node SET trashed_at_ms = ?, trashed_from = ? WHERE node_id = ?"),
    trashed: db.prepare(
      `${entry} WHERE trashed_at_ms IS NOT NULL AND (trashed_at_ms, node.node_id) < (?, ?)
       ORDER BY trashed_at_ms DESC, node.node_id DESC LIMIT ?`,
    ),
    trashedBefore: db.prepare("SELECT * FROM node WHERE trashed_at_ms <= ? ORDER BY trashed_at_ms, node_id LIMIT ?"),
    trashedCount: db.prepare("SELECT count(*) AS count FROM node WHERE trashed_at_ms IS NOT NULL"),
    search: db.prepare(
      `${entry} WHERE instr(name_key, ?) > 0 AND trashed_at_ms IS NULL AND parent_id IS NOT NULL
       AND (name_key, node.node_id) > (?, ?) ORDER BY name_key, node.node_id LIMIT ?`,
    ),
    height: db.prepare(
      `WITH RECURSIVE below (node_id, level) AS (
         SELECT ?, 0 UNION ALL
         SELECT node.node_id, level + 1 FROM node JOIN below ON node.parent_id = below.node_id
         WHERE trashed_at_ms IS NULL)
       SELECT max(level) AS height FROM below`,
    ),
    children: db.prepare("SELECT * FROM node WHERE parent_id = ? LIMIT ?"),
    deleteNode: db.prepare("DELETE FROM node WHERE node_id = ?"),
    reparent: db.prepare("UPDATE node SET parent_id = ? WHERE node_id = ?"),
    version: db.prepare("SELECT * FROM file_version WHERE version_id = ?"),
    versions: db.prepare("SELECT * FROM file_version WHERE node_id = ? ORDER BY uploaded_at_ms DESC, version_id DESC"),
    insertVersion: db.prepare("INSERT INTO file_version VALUES (?, ?, ?, ?, ?, ?, NULL)"),
    supersede: db.prepare("UPDATE file_version SET superseded_at_ms = ? WHERE version_id = ?"),
    setCurrent: db.prepare("UPDATE node SET version_id = ? WHERE node_id = ?"),
    deleteVersion: db.prepare("DELETE FROM file_version WHERE version_id = ?"),
    supersededBefore: db.prepare(
      "SELECT * FROM file_version WHERE superseded_at_ms <= ? ORDER BY superseded_at_ms LIMIT ?",
    ),
    nodesInSegment: db.prepare(
      `SELECT DISTINCT node_id AS id FROM segment JOIN extent USING (segment_number) JOIN file_version USING (version_id)
       WHERE segment_id = ?`,
    ),
  } satisfies Record<string, StatementSync>;
}

/** The tree in the owner database. Transactions are the caller's. */
export class FileStore {
  readonly #db: DatabaseSync;
  readonly #sql: ReturnType<typeof statements>;
  readonly #listings = new Map<string, StatementSync>();

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#sql = statements(db);
  }

  node(id: Uint8Array): NodeRow | undefined {
    return this.#sql.node.get(id) as unknown as NodeRow | undefined;
  }

  entry(id: Uint8Array): EntryRow | undefined {
    return this.#sql.entry.get(id) as unknown as EntryRow | undefined;
  }

  byName(parent: Uint8Array, nameKey: string): NodeRow | undefined {
    return this.#sql.byName.get(parent, nameKey) as unknown as NodeRow | undefined;
  }

  /** `after`: rank, sort value and name key of the last entry given. */
  list(parent: Uint8Array, sort: Sort, order: Order, after: CursorValues | undefined, limit: number): EntryRow[] {
    const statement = this.#listing(sort, order, after !== undefined);
    const [afterRank = 0, ...rest] = after ?? [];
    const values: SQLInputValue[] = after === undefined ? [parent] : [parent, afterRank, afterRank, ...rest];
    return statement.all(...values, limit) as unknown as EntryRow[];
  }

  insert(node: Pick<NodeRow, "node_id" | "parent_id" | "kind" | "name" | "name_key">, nowMs: number): void {
    this.#sql.insert.run(node.node_id, node.parent_id, node.kind, node.name, node.name_key, nowMs, nowMs);
  }

  /** Gives a node a folder and a name; it is in the trash no longer. */
  place(id: Uint8Array, parent: Uint8Array, name: string, nameKey: string, modifiedAtMs: number): void {
    this.#sql.place.run(parent, name, nameKey, modifiedAtMs, id);
  }

  touch(id: Uint8Array, nowMs: number): void {
    this.#sql.touch.run(nowMs, id);
  }

  trash(id: Uint8Array, nowMs: number, from: string): void {
    this.#sql.trash.run(nowMs, from, id);
  }

  /** Newest first. */
  trashed(afterMs: number, afterId: Uint8Array, limit: number): EntryRow[] {
    return this.#sql.trashed.all(afterMs, afterId, limit) as unknown as EntryRow[];
  }

  trashedBefore(ms: number, limit: number): NodeRow[] {
    return this.#sql.trashedBefore.all(ms, limit) as unknown as NodeRow[];
  }

  trashedCount(): number {
    return (this.#sql.trashedCount.get() as { count: number }).count;
  }

  search(text: string, afterKey: string, afterId: Uint8Array, limit: number): EntryRow[] {
    return this.#sql.search.all(text, afterKey, afterId, limit) as unknown as EntryRow[];
  }

  /** Levels below a node; 0 = it has nothing in it. */
  height(id: Uint8Array): number {
    return (this.#sql.height.get(id) as { height: number }).height;
  }

  /** Whatever names it as its folder, also what was put into the trash from there. */
  children(id: Uint8Array, limit: number): NodeRow[] {
    return this.#sql.children.all(id, limit) as unknown as NodeRow[];
  }

  deleteNode(id: Uint8Array): void {
    this.#sql.deleteNode.run(id);
  }

  reparent(id: Uint8Array, parent: Uint8Array): void {
    this.#sql.reparent.run(parent, id);
  }

  version(id: Uint8Array): VersionRow | undefined {
    return this.#sql.version.get(id) as unknown as VersionRow | undefined;
  }

  /** Newest first. */
  versions(nodeId: Uint8Array): VersionRow[] {
    return this.#sql.versions.all(nodeId) as unknown as VersionRow[];
  }

  insertVersion(version: Omit<VersionRow, "superseded_at_ms">): void {
    const { version_id, node_id, size_bytes, media_type, modified_at_ms, uploaded_at_ms } = version;
    this.#sql.insertVersion.run(version_id, node_id, size_bytes, media_type, modified_at_ms, uploaded_at_ms);
  }

  /** Makes a version the current one; the one before it begins to age. */
  setCurrent(nodeId: Uint8Array, versionId: Uint8Array, nowMs: number): void {
    const before = this.node(nodeId)?.version_id;
    if (before !== undefined && before !== null) this.#sql.supersede.run(nowMs, before);
    this.#sql.supersede.run(null, versionId);
    this.#sql.setCurrent.run(versionId, nodeId);
  }

  deleteVersion(id: Uint8Array): void {
    this.#sql.deleteVersion.run(id);
  }

  supersededBefore(ms: number, limit: number): VersionRow[] {
    return this.#sql.supersededBefore.all(ms, limit) as unknown as VersionRow[];
  }

  /** The files of which a part lies in the segment. */
  nodesInSegment(segmentId: Uint8Array): readonly Uint8Array[] {
    return (this.#sql.nodesInSegment.all(segmentId) as unknown as { id: Uint8Array }[]).map(({ id }) => id);
  }

  #listing(sort: Sort, order: Order, goesOn: boolean): StatementSync {
    const name = `${sort} ${order} ${goesOn}`;
    const known = this.#listings.get(name);
    if (known !== undefined) return known;
    const value = sortValue[sort];
    const beyond = order === "asc" ? ">" : "<";
    const after = `AND (${rank} > ? OR (${rank} = ? AND (${value}, name_key) ${beyond} (?, ?)))`;
    const statement = this.#db.prepare(
      `${entry} WHERE parent_id = ? AND trashed_at_ms IS NULL ${goesOn ? after : ""}
       ORDER BY ${rank}, ${value} ${order}, name_key ${order} LIMIT ?`,
    );
    this.#listings.set(name, statement);
    return statement;
  }
}

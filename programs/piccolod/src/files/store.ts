import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import type { CursorValues } from "./cursor.ts";

export interface NodeRow {
  readonly node_id: number;
  readonly parent_id: number | null;
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
  readonly node_id: number;
  readonly size_bytes: number;
  readonly media_type: string;
  readonly modified_at_ms: number;
  readonly uploaded_at_ms: number;
  readonly superseded_at_ms: number | null;
}

export type Sort = "name" | "modified" | "size";
export type Order = "asc" | "desc";

/** The name without regard to case, as the index over names has it. */
const key = "coalesce(node.name_key, node.name)";
const nodeColumns = `node.node_id, node.parent_id, iif(node.version_number IS NULL, 'folder', 'file') AS kind, node.name,
  ${key} AS name_key, node.created_at_ms, node.modified_at_ms, current.version_id, node.trashed_at_ms, node.trashed_from`;
const fromNode = "FROM node LEFT JOIN version AS current ON current.version_number = node.version_number";
const node = `SELECT ${nodeColumns} ${fromNode}`;
const entry = `SELECT ${nodeColumns}, current.plain_bytes AS size_bytes, media_type.name AS media_type,
  coalesce(current.modified_at_ms, node.modified_at_ms) AS shown_modified_at_ms,
  (SELECT count(*) FROM version WHERE version.node_id = node.node_id AND superseded_at_ms IS NOT NULL)
  + (node.version_number IS NOT NULL) AS versions
  ${fromNode} LEFT JOIN media_type ON media_type.media_type_number = current.media_type_number`;
const version = `SELECT version_id, node_id, plain_bytes AS size_bytes, media_type.name AS media_type, modified_at_ms,
  uploaded_at_ms, superseded_at_ms FROM version JOIN media_type USING (media_type_number)`;

const sortValue: Readonly<Record<Sort, string>> = {
  name: key,
  modified: "coalesce(current.modified_at_ms, node.modified_at_ms)",
  size: "coalesce(current.plain_bytes, 0)",
};
/** Folders come before files, whatever the order. */
const rank = "(node.version_number IS NOT NULL)";

function statements(db: DatabaseSync) {
  return {
    node: db.prepare(`${node} WHERE node.node_id = ?`),
    entry: db.prepare(`${entry} WHERE node.node_id = ?`),
    byName: db.prepare(`${node} WHERE parent_id = ? AND ${key} = ? AND trashed_at_ms IS NULL`),
    insert: db.prepare(
      `INSERT INTO node (parent_id, name, name_key, created_at_ms, modified_at_ms, version_number)
       VALUES (?1, ?2, nullif(?3, ?2), ?4, ?4, (SELECT version_number FROM version WHERE version_id = ?5))`,
    ),
    place: db.prepare(
      `UPDATE node SET parent_id = ?1, name = ?2, name_key = nullif(?3, ?2), modified_at_ms = ?4, trashed_at_ms = NULL,
       trashed_from = NULL WHERE node_id = ?5`,
    ),
    touch: db.prepare("UPDATE node SET modified_at_ms = ? WHERE node_id = ?"),
    trash: db.prepare("UPDATE node SET trashed_at_ms = ?, trashed_from = ? WHERE node_id = ?"),
    trashed: db.prepare(
      `${entry} WHERE trashed_at_ms IS NOT NULL AND (trashed_at_ms, node.node_id) < (?, ?)
       ORDER BY trashed_at_ms DESC, node.node_id DESC LIMIT ?`,
    ),
    trashedBefore: db.prepare(`${node} WHERE trashed_at_ms <= ? ORDER BY trashed_at_ms, node.node_id LIMIT ?`),
    trashedCount: db.prepare("SELECT count(*) AS count FROM node WHERE trashed_at_ms IS NOT NULL"),
    search: db.prepare(
      `${entry} WHERE instr(${key}, ?) > 0 AND trashed_at_ms IS NULL AND parent_id IS NOT NULL
       AND (${key}, node.node_id) > (?, ?) ORDER BY ${key}, node.node_id LIMIT ?`,
    ),
    height: db.prepare(
      `WITH RECURSIVE below (node_id, level) AS (
         SELECT ?, 0 UNION ALL
         SELECT node.node_id, level + 1 FROM node JOIN below ON node.parent_id = below.node_id
         WHERE trashed_at_ms IS NULL)
       SELECT max(level) AS height FROM below`,
    ),
    children: db.prepare(`${node} WHERE parent_id = ? LIMIT ?`),
    deleteNode: db.prepare("DELETE FROM node WHERE node_id = ?"),
    reparent: db.prepare("UPDATE node SET parent_id = ? WHERE node_id = ?"),
    version: db.prepare(`${version} WHERE version_id = ?`),
    versions: db.prepare(
      `${version} WHERE version_number = (SELECT version_number FROM node WHERE node_id = ?1)
       UNION ALL ${version} WHERE node_id = ?1 AND superseded_at_ms IS NOT NULL
       ORDER BY uploaded_at_ms DESC, version_id DESC`,
    ),
    addMediaType: db.prepare("INSERT INTO media_type (name) VALUES (?) ON CONFLICT DO NOTHING"),
    showVersion: db.prepare(
      `UPDATE version SET node_id = ?, media_type_number = (SELECT media_type_number FROM media_type WHERE name = ?),
       modified_at_ms = ?, uploaded_at_ms = ? WHERE version_id = ?`,
    ),
    supersede: db.prepare("UPDATE version SET superseded_at_ms = ? WHERE version_id = ?"),
    setCurrent: db.prepare(
      "UPDATE node SET version_number = (SELECT version_number FROM version WHERE version_id = ?) WHERE node_id = ?",
    ),
    supersededBefore: db.prepare(
      `${version} WHERE superseded_at_ms <= ? ORDER BY superseded_at_ms, version_number LIMIT ?`,
    ),
    orphans: db.prepare(
      `SELECT version_id AS id FROM version WHERE node_id IS NULL AND plain_bytes IS NULL
       AND NOT EXISTS (SELECT 1 FROM upload WHERE upload.version_id = version.version_id)
       AND NOT EXISTS (SELECT 1 FROM replacement WHERE replacement.version_id = version.version_id) LIMIT ?`,
    ),
    nodesInSegment: db.prepare(
      `SELECT node_id AS id FROM segment JOIN version USING (segment_number)
       WHERE segment_id = ?1 AND node_id IS NOT NULL
       UNION SELECT node_id FROM segment JOIN extent USING (segment_number) JOIN version USING (version_number)
       WHERE segment_id = ?1 AND node_id IS NOT NULL`,
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

  node(id: number): NodeRow | undefined {
    return this.#sql.node.get(id) as unknown as NodeRow | undefined;
  }

  entry(id: number): EntryRow | undefined {
    return this.#sql.entry.get(id) as unknown as EntryRow | undefined;
  }

  byName(parent: number, nameKey: string): NodeRow | undefined {
    return this.#sql.byName.get(parent, nameKey) as unknown as NodeRow | undefined;
  }

  /** `after`: rank, sort value and name key of the last entry given. */
  list(parent: number, sort: Sort, order: Order, after: CursorValues | undefined, limit: number): EntryRow[] {
    const statement = this.#listing(sort, order, after !== undefined);
    const [afterRank = 0, ...rest] = after ?? [];
    const values: SQLInputValue[] = after === undefined ? [parent] : [parent, afterRank, afterRank, ...rest];
    return statement.all(...values, limit) as unknown as EntryRow[];
  }

  /** Adds a folder, or a file with its current version; returns its id. */
  insert(
    added: Pick<NodeRow, "name" | "name_key" | "version_id"> & { readonly parent_id: number },
    nowMs: number,
  ): number {
    const { parent_id: parent, name, name_key: nameKey, version_id: versionId } = added;
    return Number(this.#sql.insert.run(parent, name, nameKey, nowMs, versionId).lastInsertRowid);
  }

  /** Gives a node a folder and a name; it is in the trash no longer. */
  place(id: number, parent: number, name: string, nameKey: string, modifiedAtMs: number): void {
    this.#sql.place.run(parent, name, nameKey, modifiedAtMs, id);
  }

  touch(id: number, nowMs: number): void {
    this.#sql.touch.run(nowMs, id);
  }

  trash(id: number, nowMs: number, from: string): void {
    this.#sql.trash.run(nowMs, from, id);
  }

  /** Newest first. */
  trashed(afterMs: number, afterId: number, limit: number): EntryRow[] {
    return this.#sql.trashed.all(afterMs, afterId, limit) as unknown as EntryRow[];
  }

  trashedBefore(ms: number, limit: number): NodeRow[] {
    return this.#sql.trashedBefore.all(ms, limit) as unknown as NodeRow[];
  }

  trashedCount(): number {
    return (this.#sql.trashedCount.get() as { count: number }).count;
  }

  search(text: string, afterKey: string, afterId: number, limit: number): EntryRow[] {
    return this.#sql.search.all(text, afterKey, afterId, limit) as unknown as EntryRow[];
  }

  /** Levels below a node; 0 = it has nothing in it. */
  height(id: number): number {
    return (this.#sql.height.get(id) as { height: number }).height;
  }

  /** Whatever names it as its folder, also what was put into the trash from there. */
  children(id: number, limit: number): NodeRow[] {
    return this.#sql.children.all(id, limit) as unknown as NodeRow[];
  }

  deleteNode(id: number): void {
    this.#sql.deleteNode.run(id);
  }

  reparent(id: number, parent: number): void {
    this.#sql.reparent.run(parent, id);
  }

  version(id: Uint8Array): VersionRow | undefined {
    return this.#sql.version.get(id) as unknown as VersionRow | undefined;
  }

  /** Newest first. */
  versions(nodeId: number): VersionRow[] {
    return this.#sql.versions.all(nodeId) as unknown as VersionRow[];
  }

  /** Makes a complete version one of a file's. */
  showVersion(shown: Omit<VersionRow, "size_bytes" | "superseded_at_ms">): void {
    this.#sql.addMediaType.run(shown.media_type);
    const { node_id: nodeId, media_type: mediaType, version_id: versionId } = shown;
    this.#sql.showVersion.run(nodeId, mediaType, shown.modified_at_ms, shown.uploaded_at_ms, versionId);
  }

  /** Makes a version the current one; the one before it begins to age. */
  setCurrent(nodeId: number, versionId: Uint8Array, nowMs: number): void {
    const before = this.node(nodeId)?.version_id;
    if (before !== undefined && before !== null) this.#sql.supersede.run(nowMs, before);
    this.#sql.supersede.run(null, versionId);
    this.#sql.setCurrent.run(versionId, nodeId);
  }

  supersededBefore(ms: number, limit: number): VersionRow[] {
    return this.#sql.supersededBefore.all(ms, limit) as unknown as VersionRow[];
  }

  /** Versions under way that nothing goes on with: those of a restored database, since uploads are not backed up. */
  orphans(limit: number): readonly Uint8Array[] {
    return (this.#sql.orphans.all(limit) as unknown as { id: Uint8Array }[]).map(({ id }) => id);
  }

  /** The files of which a part lies in the segment. */
  nodesInSegment(segmentId: Uint8Array): readonly number[] {
    return (this.#sql.nodesInSegment.all(segmentId) as unknown as { id: number }[]).map(({ id }) => id);
  }

  #listing(sort: Sort, order: Order, goesOn: boolean): StatementSync {
    const name = `${sort} ${order} ${goesOn}`;
    const known = this.#listings.get(name);
    if (known !== undefined) return known;
    const value = sortValue[sort];
    const beyond = order === "asc" ? ">" : "<";
    const after = `AND (${rank} > ? OR (${rank} = ? AND (${value}, ${key}) ${beyond} (?, ?)))`;
    const statement = this.#db.prepare(
      `${entry} WHERE parent_id = ? AND trashed_at_ms IS NULL ${goesOn ? after : ""}
       ORDER BY ${rank}, ${value} ${order}, ${key} ${order} LIMIT ?`,
    );
    this.#listings.set(name, statement);
    return statement;
  }
}

import type { Listing } from "@piccolo/device-api";
import { decideLanding, type OnConflict } from "./decide.ts";
import { freeName, nameKey, parseNodeName } from "./names.ts";
import type { FileStore, NodeRow, VersionRow } from "./store.ts";
import { deepestLevel, filesFaults, idText, nodeId as parseNodeId, rootId } from "./types.ts";

/** The rules of the tree over its tables: what may lie where. Transactions are the caller's. */
export class Tree {
  readonly #store: FileStore;

  constructor(store: FileStore) {
    this.#store = store;
  }

  /** From the top folder down to the node itself; undefined when it, or a folder above it, is in the trash. */
  path(id: number): NodeRow[] | undefined {
    const path: NodeRow[] = [];
    for (let node = this.#store.node(id); node !== undefined; node = this.#above(node)) {
      if (node.trashed_at_ms !== null) return undefined;
      path.unshift(node);
      if (node.parent_id === null) return path;
    }
    return undefined;
  }

  /** A node that is neither in the trash nor below something that is. Throws `not-found`, `in-trash`. */
  live(id: number | undefined): NodeRow {
    const node = id === undefined ? undefined : this.#store.node(id);
    if (node === undefined) throw filesFaults.fault("not-found", "there is no such file or folder any more");
    if (this.path(node.node_id) === undefined) {
      throw filesFaults.fault("in-trash", "this is in the trash; restore it first");
    }
    return node;
  }

  /** Throws `not-found`, `in-trash`, `not-a-file`. */
  liveFile(id: number | undefined): NodeRow & { readonly version_id: Uint8Array } {
    const node = this.live(id);
    const { version_id: versionId } = node;
    if (versionId === null) throw filesFaults.fault("not-a-file", "this is a folder; choose a file");
    return { ...node, version_id: versionId };
  }

  /** Throws `not-found`, `in-trash`, `not-a-folder`. */
  liveFolder(id: number | undefined): NodeRow {
    const node = this.live(id);
    if (node.kind !== "folder") throw filesFaults.fault("not-a-folder", "this is a file; choose a folder");
    return node;
  }

  /** Anything but the top folder, which stays what it is. Throws like `live`. */
  liveBelowTop(id: string): NodeRow & { readonly parent_id: number } {
    const node = this.live(parseNodeId(id));
    const { parent_id: parentId } = node;
    if (parentId === null) throw filesFaults.fault("not-found", "the top folder cannot be changed");
    return { ...node, parent_id: parentId };
  }

  crumbs(id: number): Listing["path"] {
    return (this.path(id) ?? []).map((node) => ({
      id: idText(node.node_id),
      name: node.name,
    }));
  }

  /** The path for people, from the top folder down. */
  pathText(id: number): string {
    const names = (this.path(id) ?? []).slice(1).map(({ name }) => name);
    return `/${names.join("/")}`;
  }

  isTaken(parent: number, name: string): boolean {
    return this.#store.byName(parent, nameKey(name)) !== undefined;
  }

  /** A new folder, or a new file of that version; returns its id. Throws `name-taken`, `too-deep`. */
  add(
    added: { readonly parent: number; readonly name: string; readonly versionId?: Uint8Array },
    nowMs: number,
  ): number {
    const { parent, name, versionId = null } = added;
    if (this.isTaken(parent, name)) throw nameTaken(name);
    this.#checkDepth(parent, 0);
    const id = this.#store.insert({ parent_id: parent, name, name_key: nameKey(name), version_id: versionId }, nowMs);
    this.#store.touch(parent, nowMs);
    return id;
  }

  /** Renames and moves at once. Throws `name-taken`, `folder-into-itself`, `too-deep`, `not-a-folder`, ... */
  change(
    node: NodeRow & { readonly parent_id: number },
    to: { readonly name?: string | undefined; readonly parent?: number | undefined },
    nowMs: number,
  ): void {
    const name = to.name === undefined ? node.name : parseNodeName(to.name);
    const parent = to.parent === undefined ? node.parent_id : this.liveFolder(to.parent).node_id;
    const moves = parent !== node.parent_id;
    if (moves) {
      if ((this.path(parent) ?? []).some((above) => above.node_id === node.node_id)) {
        throw filesFaults.fault("folder-into-itself", "a folder cannot be moved into itself; choose another place");
      }
      this.#checkDepth(parent, this.#store.height(node.node_id));
    }
    const other = this.#store.byName(parent, nameKey(name));
    if (other !== undefined && other.node_id !== node.node_id) throw nameTaken(name);
    this.#store.place(node.node_id, parent, name, nameKey(name), node.modified_at_ms);
    this.#store.touch(node.parent_id, nowMs);
    if (moves) this.#store.touch(parent, nowMs);
  }

  /** Puts a node with all that is in it into the trash. */
  trash(node: NodeRow & { readonly parent_id: number }, nowMs: number): void {
    const { node_id: id, parent_id: parent } = node;
    this.#store.trash(id, nowMs, this.pathText(parent));
    this.#store.touch(parent, nowMs);
  }

  /** The entry of the trash with this id, not what lies in it. Throws `not-in-trash`. */
  trashed(id: string): NodeRow {
    const bytes = parseNodeId(id);
    const node = bytes === undefined ? undefined : this.#store.node(bytes);
    if (node === undefined || node.trashed_at_ms === null) {
      throw filesFaults.fault("not-in-trash", "there is no such entry in the trash any more");
    }
    return node;
  }

  /** Takes a node out of the trash, into its folder or the top one; returns that folder. */
  restore(node: NodeRow, nowMs: number): number {
    const before = node.parent_id === null ? undefined : this.path(node.parent_id)?.at(-1);
    const height = this.#store.height(node.node_id);
    const fits = before !== undefined && (this.path(before.node_id)?.length ?? 0) + height <= deepestLevel;
    const parent = fits ? before.node_id : rootId;
    const name = freeName(node.name, (candidate) => this.isTaken(parent, candidate));
    this.#store.place(node.node_id, parent, name, nameKey(name), node.modified_at_ms);
    this.#store.touch(parent, nowMs);
    return parent;
  }

  /** Shows a complete version in the tree. Throws `name-taken`, `too-deep`. */
  land(
    arrival: {
      readonly parent: number;
      readonly name: string;
      readonly onConflict: OnConflict;
      readonly version: Omit<VersionRow, "node_id" | "size_bytes" | "superseded_at_ms">;
    },
    nowMs: number,
  ): number {
    const { parent, name, onConflict, version } = arrival;
    const existing = this.#store.byName(parent, nameKey(name));
    const landing = decideLanding({
      name,
      onConflict,
      existing: existing === undefined ? undefined : { nodeId: existing.node_id, kind: existing.kind },
      isTaken: (candidate) => this.isTaken(parent, candidate),
    });
    const { version_id: versionId } = version;
    const nodeId =
      landing.kind === "version" ? landing.nodeId : this.add({ parent, name: landing.name, versionId }, nowMs);
    this.#store.showVersion({ ...version, node_id: nodeId });
    if (landing.kind === "version") this.#store.setCurrent(nodeId, versionId, nowMs);
    return nodeId;
  }

  #above(node: NodeRow): NodeRow | undefined {
    return node.parent_id === null ? undefined : this.#store.node(node.parent_id);
  }

  /** `height`: levels below the node that comes into `parent`. */
  #checkDepth(parent: number, height: number): void {
    if ((this.path(parent)?.length ?? 0) + height > deepestLevel) {
      throw filesFaults.fault("too-deep", `folders lie at most ${deepestLevel} deep; choose a place higher up`);
    }
  }
}

function nameTaken(name: string): Error {
  return filesFaults.fault("name-taken", `the folder has an entry named "${name}" already; choose another name`);
}

import { type Node, rootFolderId, type Version } from "@piccolo/device-api";
import { toHex } from "@piccolo/bytes";
import type { EntryRow, NodeRow, VersionRow } from "./store.ts";
import { idText, keepMs } from "./types.ts";

/** What the interface shows of an entry. `isPending` tells of a version (hex). */
export function nodeView(row: EntryRow, isPending: (versionId: string) => boolean): Node {
  const base: Node = {
    id: idText(row.node_id),
    kind: row.kind,
    name: row.name,
    parent: row.parent_id === null ? rootFolderId : idText(row.parent_id),
    createdAtMs: row.created_at_ms,
    modifiedAtMs: row.shown_modified_at_ms,
  };
  const trash =
    row.trashed_at_ms === null
      ? {}
      : {
          trashedAtMs: row.trashed_at_ms,
          purgeAtMs: row.trashed_at_ms + keepMs,
          from: row.trashed_from ?? "",
        };
  if (row.version_id === null || row.size_bytes === null) return { ...base, ...trash };
  const versionId = toHex(row.version_id);
  return {
    ...base,
    sizeBytes: row.size_bytes,
    mediaType: row.media_type ?? "application/octet-stream",
    versionId,
    versions: row.versions,
    placement: isPending(versionId) ? "pending" : "durable",
    ...trash,
  };
}

export function versionView(row: VersionRow, node: NodeRow): Version {
  const current = node.version_id !== null && toHex(node.version_id) === toHex(row.version_id);
  return {
    versionId: toHex(row.version_id),
    sizeBytes: row.size_bytes,
    modifiedAtMs: row.modified_at_ms,
    uploadedAtMs: row.uploaded_at_ms,
    current,
    ...(current || row.superseded_at_ms === null ? {} : { purgeAtMs: row.superseded_at_ms + keepMs }),
  };
}

import { z } from "@hono/zod-openapi";

/** The id of the top folder. */
export const rootFolderId = "root";

export const Node = z
  .object({
    id: z.string(),
    kind: z.enum(["folder", "file"]),
    name: z.string(),
    parent: z.string(),
    createdAtMs: z.number(),
    modifiedAtMs: z.number(),
    /** Files only, of the current version. */
    sizeBytes: z.number().optional(),
    mediaType: z.string().optional(),
    versionId: z.string().optional(),
    versions: z.int().optional(),
    /** `durable`: enough holders have all of it; `pending`: a part lies only on this device. */
    placement: z.enum(["durable", "pending"]).optional(),
    /** In the trash only. */
    trashedAtMs: z.number().optional(),
    purgeAtMs: z.number().optional(),
    /** In the trash: the path it was deleted from, for people. */
    from: z.string().optional(),
  })
  .openapi("Node");
export type Node = z.infer<typeof Node>;

export const Crumb = z.object({ id: z.string(), name: z.string() }).openapi("Crumb");

export const Listing = z
  .object({
    parent: Crumb,
    /** From the top folder down to `parent`, which is last. */
    path: z.array(Crumb),
    nodes: z.array(Node),
    nextCursor: z.string().optional(),
  })
  .openapi("Listing");
export type Listing = z.infer<typeof Listing>;

export const NodeList = z.object({ nodes: z.array(Node), nextCursor: z.string().optional() }).openapi("NodeList");
export type NodeList = z.infer<typeof NodeList>;

export const FolderCreation = z.object({ parent: z.string(), name: z.string().max(2000) }).openapi("FolderCreation");
export type FolderCreation = z.infer<typeof FolderCreation>;

/** At least one of the two. */
export const NodeChange = z
  .object({ name: z.string().max(2000).optional(), parent: z.string().optional() })
  .openapi("NodeChange");
export type NodeChange = z.infer<typeof NodeChange>;

export const Version = z
  .object({
    versionId: z.string(),
    sizeBytes: z.number(),
    modifiedAtMs: z.number(),
    uploadedAtMs: z.number(),
    current: z.boolean(),
    /** When an older version goes by itself; absent for the current one. */
    purgeAtMs: z.number().optional(),
  })
  .openapi("Version");
export type Version = z.infer<typeof Version>;

export const VersionList = z.object({ versions: z.array(Version) }).openapi("VersionList");

export const Placement = z
  .object({
    versionId: z.string(),
    sizeBytes: z.number(),
    k: z.int(),
    n: z.int(),
    /** Further losses the file survives now, from what is really stored and who is online or only briefly away. */
    survives: z.int(),
    expansion: z.number(),
    ninesPerYear: z.number(),
    pendingBytes: z.number(),
    segments: z.int(),
    holders: z.array(
      z.object({
        account: z.string(),
        name: z.string(),
        online: z.boolean(),
        fragments: z.int(),
        bytes: z.number(),
      }),
    ),
    /** Holders that would have to come back before the whole file can be read; 0 = readable. */
    missingNow: z.int(),
    readableNow: z.boolean(),
  })
  .openapi("Placement");
export type Placement = z.infer<typeof Placement>;

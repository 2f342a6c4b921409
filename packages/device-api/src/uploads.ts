import { z } from "@hono/zod-openapi";

/**
 * Uploads follow tus 1.0 (creation and termination extensions) at /uploads, which has no JSON bodies: HEAD and PATCH
 * and DELETE on /uploads/{id}. Upload-Metadata keys: filename, parent, mediaType, modifiedMs, onConflict (`refuse`,
 * `version`, `rename`). The offset is the end of the last durable segment. The last PATCH answers with the headers
 * `piccolo-node` and `piccolo-placement`, and `piccolo-backup: waiting` where too few members have witnessed it
 * yet. A resuming client may send `piccolo-prefix-blake3`, the hex BLAKE3 of all
 * bytes before the offset; a device that knows better refuses with `upload-bytes-differ`.
 */
export const conflictChoices = ["refuse", "version", "rename"] as const;

export const Upload = z
  .object({
    id: z.string(),
    filename: z.string(),
    parent: z.string(),
    sizeBytes: z.number(),
    offsetBytes: z.number(),
    modifiedMs: z.number().optional(),
    createdAtMs: z.number(),
    expiresAtMs: z.number(),
    /** Whether a request is sending bytes right now. */
    active: z.boolean(),
    /** Plaintext bytes of each of the first segments, in order: what `check` expects one hash for. */
    segmentBytes: z.array(z.number()),
  })
  .openapi("Upload");
export type Upload = z.infer<typeof Upload>;

export const UploadList = z.object({ uploads: z.array(Upload) }).openapi("UploadList");

/** Hex BLAKE3 of each segment's plaintext, in order, over the first segments of the chosen file. */
export const UploadCheck = z
  .object({ segments: z.array(z.string().regex(/^[0-9a-f]{64}$/)).max(4096), fromSegment: z.int().min(0) })
  .openapi("UploadCheck");
export type UploadCheck = z.infer<typeof UploadCheck>;

export const UploadCheckResult = z
  .object({ same: z.boolean(), firstDifferent: z.int().optional() })
  .openapi("UploadCheckResult");
export type UploadCheckResult = z.infer<typeof UploadCheckResult>;

import { z } from "@hono/zod-openapi";
import { Id, OpaqueBytes, Signature } from "./fields.ts";

/** How many entries a log has at central at most: as many as membership lets it have (docs/spec/membership.md, M22). */
export const logEntriesMax = 8_192;

export const EntrySubmission = z.object({ entry: OpaqueBytes }).openapi("EntrySubmission");
export type EntrySubmission = z.infer<typeof EntrySubmission>;

export const LogHead = z.object({ networkId: Id, length: z.int().min(1), headHash: Id }).openapi("LogHead");
export type LogHead = z.infer<typeof LogHead>;

/** Entries `from`, `from + 1`, ... as many as fit on a page; `length` says how many the log has. */
export const LogPage = z
  .object({
    networkId: Id,
    from: z.int().min(0),
    length: z.int().min(1).max(logEntriesMax),
    entries: z.array(OpaqueBytes).max(1_024),
  })
  .openapi("LogPage");
export type LogPage = z.infer<typeof LogPage>;

/** What an invited owner shows: the secret-free invitation, and that they hold its secret. */
export const InvitedRead = z
  .object({
    invitation: OpaqueBytes,
    proof: Signature.openapi({
      description:
        "By the invitation's key, over a statement of purpose `central-invited-read` for the network and the " +
        "caller's account, with an empty body",
    }),
    from: z.int().min(0).max(logEntriesMax),
  })
  .openapi("InvitedRead");
export type InvitedRead = z.infer<typeof InvitedRead>;

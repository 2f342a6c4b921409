import type { IncomingMessage, ServerResponse } from "node:http";
import { discard, fromHex, toHex } from "@piccolo/bytes";
import { isFault } from "@piccolo/fault";
import type { OwnerEngine } from "@piccolo/storage/owner";
import { errorFacts, type Log } from "../adapters/log.ts";
import type { StreamHandler, StreamRoute } from "../http/server.ts";
import { type ByteRange, decideRange, dispositionOf, isShownInline } from "./decide.ts";
import type { FileStore, VersionRow } from "./store.ts";
import type { Tree } from "./tree.ts";
import { filesFaults, nodeId } from "./types.ts";

export interface ContentOptions {
  readonly store: FileStore;
  readonly tree: Tree;
  readonly engine: () => OwnerEngine;
  readonly log: Log;
}

/** What a browser shows of a file may do nothing, whatever is in it. */
const contentPolicy =
  "sandbox; default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'self'";

/** GET and HEAD /files/{id}/content: `?version=` names an older version, `?download=1` has it saved, not shown. */
export function contentRoutes(options: ContentOptions): readonly StreamRoute[] {
  const { store, tree, engine, log } = options;

  const choose = (id: string, version: string | null): { readonly name: string; readonly row: VersionRow } => {
    const node = tree.liveFile(nodeId(id));
    const asked = version !== null && /^[0-9a-f]{32}$/.test(version) ? fromHex(version) : undefined;
    const row = store.version(version === null ? node.version_id : (asked ?? new Uint8Array(0)));
    if (row === undefined || row.node_id !== node.node_id) {
      throw filesFaults.fault("not-found", "there is no such version of this file any more");
    }
    return { name: node.name, row };
  };

  const handle: StreamHandler = async ({ req, res, params: [id = ""], query }) => {
    const { name, row } = choose(id, query.get("version"));
    const etag = `"${toHex(row.version_id)}"`;
    const shown = query.get("download") !== "1" && isShownInline(row.media_type);
    res.setHeader("etag", etag);
    res.setHeader("last-modified", new Date(row.modified_at_ms).toUTCString());
    res.setHeader("accept-ranges", "bytes");
    // Asking again costs one short request, and a page must not show what has been deleted since.
    res.setHeader("cache-control", "private, no-cache");
    if (matches(req.headers["if-none-match"], etag)) {
      res.writeHead(304);
      res.end();
      return;
    }
    const range = rangeOf(req, res, etag, row.size_bytes);
    const { start, end } = range ?? { start: 0, end: row.size_bytes };
    res.setHeader("content-type", row.media_type === "text/plain" ? "text/plain; charset=utf-8" : row.media_type);
    res.setHeader("content-disposition", dispositionOf(shown ? "inline" : "attachment", name));
    res.setHeader("content-security-policy", contentPolicy);
    res.setHeader("content-length", end - start);
    if (range !== undefined) res.setHeader("content-range", `bytes ${start}-${end - 1}/${row.size_bytes}`);
    res.statusCode = range === undefined ? 200 : 206;
    if (req.method === "HEAD" || start === end) {
      res.end();
      return;
    }
    await send(engine(), row.version_id, { start, end }, res, log);
  };

  return [{ pattern: /^\/files\/([^/]+)\/content$/, methods: { GET: handle, HEAD: handle } }];
}

function matches(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header.split(",").some((one) => one.trim() === "*" || one.trim().replace(/^W\//, "") === etag);
}

function rangeOf(req: IncomingMessage, res: ServerResponse, etag: string, sizeBytes: number): ByteRange | undefined {
  const condition = req.headers["if-range"];
  // A date cannot tell two versions of one second apart, so only the tag counts.
  if (condition !== undefined && condition !== etag) return undefined;
  try {
    return decideRange(req.headers.range, sizeBytes);
  } catch (error) {
    res.setHeader("content-range", `bytes */${sizeBytes}`);
    throw error;
  }
}

/** A client that takes nothing for so long holds memory others need; a paused player asks again for the rest. */
const stalledMs = 120_000;

/** Content headers say nothing about a refusal's body. */
const ofContent = ["etag", "last-modified", "content-type", "content-disposition", "content-length", "content-range"];

/**
 * Sends the bytes as they come. What fails before the first one is a refusal; after it the connection is broken, so that
 * nobody takes a part for the whole.
 */
async function send(
  engine: OwnerEngine,
  versionId: Uint8Array,
  range: ByteRange,
  res: ServerResponse,
  log: Log,
): Promise<void> {
  const gone = new AbortController();
  let moved: () => void = () => undefined;
  res.on("close", () => {
    gone.abort(new Error("the client went away"));
    moved();
  });
  res.on("drain", () => moved());
  let waiting = false;
  const timer = setTimeout(() => {
    if (waiting) res.destroy();
  }, stalledMs);
  const room = async (): Promise<void> => {
    gone.signal.throwIfAborted();
    waiting = true;
    timer.refresh();
    await new Promise<void>((resolve) => (moved = resolve));
    waiting = false;
    gone.signal.throwIfAborted();
  };
  try {
    for await (const bytes of engine.read(versionId, range, gone.signal)) {
      // Each piece is in memory of its own, and the socket may read it until it has gone.
      if (!res.write(bytes, () => discard(bytes))) await room();
    }
    res.end();
  } catch (error) {
    if (gone.signal.aborted) return;
    if (!res.headersSent) {
      for (const name of ofContent) res.removeHeader(name);
      throw error;
    }
    log.warn("read-broke-off", isFault(error) ? { code: error.code, ...error.details } : errorFacts(error));
    res.destroy();
  } finally {
    clearTimeout(timer);
  }
}

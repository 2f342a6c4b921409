/** Uploads over HTTP: tus 1.0 with creation, termination and expiration, as packages/device-api/src/uploads.ts says. */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import { discard, fromUtf8 } from "@piccolo/bytes";
import { conflictChoices } from "@piccolo/device-api";
import type { WriteGate } from "../backup/write-gate.ts";
import { apiPrefix } from "../http/api.ts";
import { httpFaults } from "../http/faults.ts";
import type { StreamHandler, StreamRoute } from "../http/server.ts";
import type { OnConflict } from "./decide.ts";
import { filesFaults, mostFileBytes } from "./types.ts";
import type { Uploads, UploadState } from "./uploads.ts";

const version = "1.0.0";
/** A client that sends nothing for so long is gone, whatever its connection says. */
const idleMs = 60_000;
const metadataCharactersMax = 8_192;

function invalid(what: string): Error {
  return filesFaults.fault("invalid-upload", what);
}

function begin(req: IncomingMessage, res: ServerResponse): void {
  res.setHeader("tus-resumable", version);
  if (req.headers["tus-resumable"] === version) return;
  res.setHeader("tus-version", version);
  throw filesFaults.fault(
    "tus-version",
    `this device speaks tus ${version}; send the header tus-resumable: ${version}`,
  );
}

function headerOf(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return typeof value === "string" ? value : undefined;
}

function bytesOf(headers: IncomingHttpHeaders, name: string): number {
  const text = headerOf(headers, name);
  if (text === undefined || !/^\d{1,15}$/.test(text)) throw invalid(`the header ${name} has to be a number of bytes`);
  return Number(text);
}

/** Pairs of a key and its value in base64, separated by commas. */
function parseMetadata(header: string | undefined): ReadonlyMap<string, string> {
  const metadata = new Map<string, string>();
  if (header === undefined || header === "") return metadata;
  if (header.length > metadataCharactersMax) throw invalid("the header upload-metadata is too long");
  for (const pair of header.split(",")) {
    const [key = "", value = "", ...more] = pair.trim().split(" ");
    if (key === "" || more.length > 0 || metadata.has(key)) throw invalid("the header upload-metadata is malformed");
    try {
      metadata.set(key, fromUtf8(Uint8Array.fromBase64(value)));
    } catch {
      throw invalid(`upload-metadata: ${key} is not UTF-8 in base64`);
    }
  }
  return metadata;
}

function onConflictOf(text: string | undefined): OnConflict {
  const choice = conflictChoices.find((known) => known === (text ?? "refuse"));
  if (choice === undefined) throw invalid("upload-metadata: onConflict is refuse, version or rename");
  return choice;
}

function modifiedOf(text: string | undefined): number | undefined {
  if (text === undefined || text === "") return undefined;
  if (!/^-?\d{1,15}$/.test(text)) throw invalid("upload-metadata: modifiedMs is a number of milliseconds");
  return Number(text);
}

function setState(res: ServerResponse, { offsetBytes, sizeBytes, expiresAtMs, finished }: UploadState): void {
  res.setHeader("upload-offset", offsetBytes);
  res.setHeader("upload-length", sizeBytes);
  res.setHeader("upload-expires", new Date(expiresAtMs).toUTCString());
  if (finished === undefined) return;
  res.setHeader("piccolo-node", finished.nodeId);
  res.setHeader("piccolo-placement", finished.placement);
}

/** The body as it comes. Breaking off leaves the connection, so that the refusal can still be sent. */
async function* bodyOf(req: IncomingMessage): AsyncGenerator<Uint8Array> {
  const giveUp = (): NodeJS.Timeout => setTimeout(() => req.destroy(new Error("the client sends nothing")), idleMs);
  let timer = giveUp();
  try {
    for await (const bytes of req.iterator({ destroyOnReturn: false })) {
      clearTimeout(timer);
      yield bytes as Buffer;
      // Whoever took it has sealed or copied it before asking for the next.
      discard(bytes as Buffer);
      timer = giveUp();
    }
  } finally {
    clearTimeout(timer);
  }
}

/** Holds uploads back until content may be changed, and their last answer until the file is with the witnesses. */
export type TusGate = Pick<WriteGate, "enter" | "answer">;

export function tusRoutes(uploads: Uploads, gate: TusGate): readonly StreamRoute[] {
  /** Only a file that is whole counts as kept; an upload under way does not outlive the device. */
  const settle = async (res: ServerResponse, state: UploadState): Promise<void> => {
    setState(res, state);
    if (state.finished !== undefined) await gate.answer(res);
  };

  const create: StreamHandler = async ({ req, res }) => {
    begin(req, res);
    await gate.enter();
    if (Number(headerOf(req.headers, "content-length") ?? 0) > 0) {
      throw invalid("an upload is announced without bytes; send them with PATCH");
    }
    const metadata = parseMetadata(headerOf(req.headers, "upload-metadata"));
    const filename = metadata.get("filename");
    if (filename === undefined) throw invalid("upload-metadata: filename is missing");
    const state = uploads.create({
      filename,
      parent: metadata.get("parent") ?? "root",
      sizeBytes: bytesOf(req.headers, "upload-length"),
      mediaType: metadata.get("mediaType"),
      modifiedMs: modifiedOf(metadata.get("modifiedMs")),
      onConflict: onConflictOf(metadata.get("onConflict")),
    });
    await settle(res, state);
    res.setHeader("location", `${apiPrefix}/uploads/${state.id}`);
    res.writeHead(201, { "content-length": 0 });
    res.end();
  };

  const head: StreamHandler = async ({ req, res, params: [id = ""] }) => {
    begin(req, res);
    await settle(res, uploads.state(id));
    res.writeHead(200);
    res.end();
  };

  const patch: StreamHandler = async ({ req, res, params: [id = ""] }) => {
    begin(req, res);
    if (headerOf(req.headers, "content-type") !== "application/offset+octet-stream") {
      throw httpFaults.fault("unsupported-media-type", "the body has to be application/offset+octet-stream");
    }
    await gate.enter();
    const prefixBlake3 = headerOf(req.headers, "piccolo-prefix-blake3");
    const gone = new AbortController();
    req.on("close", () => {
      if (!req.complete) gone.abort(new Error("the client went away"));
    });
    const state = await uploads.receive(id, {
      offsetBytes: bytesOf(req.headers, "upload-offset"),
      lengthBytes: req.headers["content-length"] === undefined ? undefined : bytesOf(req.headers, "content-length"),
      prefixBlake3,
      body: bodyOf(req),
      signal: gone.signal,
    });
    await settle(res, state);
    res.writeHead(204);
    res.end();
  };

  const remove: StreamHandler = async ({ req, res, params: [id = ""] }) => {
    begin(req, res);
    await gate.enter();
    await uploads.remove(id);
    res.writeHead(204);
    res.end();
  };

  const options: StreamHandler = async ({ res }) => {
    res.setHeader("tus-resumable", version);
    res.setHeader("tus-version", version);
    res.setHeader("tus-extension", "creation,termination,expiration");
    res.setHeader("tus-max-size", mostFileBytes);
    res.writeHead(204);
    res.end();
  };

  return [
    { pattern: /^\/uploads$/, methods: { POST: create, OPTIONS: options }, shared: true },
    { pattern: /^\/uploads\/([^/]+)$/, methods: { HEAD: head, PATCH: patch, DELETE: remove, OPTIONS: options } },
  ];
}

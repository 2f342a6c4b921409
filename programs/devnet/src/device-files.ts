/** Files of a device over its HTTP interface, as a client uses it: tus uploads and ranged downloads. */
import { createHash } from "node:crypto";
import type { Readable } from "node:stream";
import { textOf } from "./loopback-fetch.ts";
import type { DeviceSession } from "./device-session.ts";

const tus = { "tus-resumable": "1.0.0" };

export interface Uploaded {
  readonly nodeId: string;
  readonly placement: string;
  /** Whether too few witnesses had the change in time: it is made, and not acknowledged yet. */
  readonly isWaiting: boolean;
}

export interface UploadSource {
  readonly filename: string;
  readonly sizeBytes: number;
  /** Folder id, or the top folder. */
  readonly parent?: string;
  readonly content: (offsetBytes: number) => Readable;
}

/** Announces an upload and returns its id. */
export async function createUpload(session: DeviceSession, source: UploadSource): Promise<string> {
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  const metadata = [`filename ${base64(source.filename)}`];
  if (source.parent !== undefined) metadata.push(`parent ${base64(source.parent)}`);
  const reply = await session.raw("POST", "/uploads", {
    headers: { ...tus, "upload-length": String(source.sizeBytes), "upload-metadata": metadata.join(",") },
  });
  await textOf(reply);
  const id = String(reply.headers.location).split("/").at(-1);
  if (id === undefined || id === "") throw new Error("the device named no upload");
  return id;
}

/** Where an upload goes on: the end of its last durable segment. */
export async function uploadOffset(session: DeviceSession, id: string): Promise<number> {
  const reply = await session.raw("HEAD", `/uploads/${id}`, { headers: tus });
  await textOf(reply);
  return Number(reply.headers["upload-offset"]);
}

/** Sends the rest of an upload in one request; resolves when the device has committed the version. */
export async function sendUpload(
  session: DeviceSession,
  id: string,
  source: UploadSource,
  offsetBytes: number,
  signal?: AbortSignal,
): Promise<Uploaded> {
  const reply = await session.raw("PATCH", `/uploads/${id}`, {
    headers: {
      ...tus,
      "upload-offset": String(offsetBytes),
      "content-type": "application/offset+octet-stream",
      "content-length": String(source.sizeBytes - offsetBytes),
    },
    body: source.content(offsetBytes),
    ...(signal === undefined ? {} : { signal }),
  });
  await textOf(reply);
  return {
    nodeId: String(reply.headers["piccolo-node"]),
    placement: String(reply.headers["piccolo-placement"]),
    isWaiting: reply.headers["piccolo-backup"] === "waiting",
  };
}

export async function uploadFile(session: DeviceSession, source: UploadSource): Promise<Uploaded> {
  return sendUpload(session, await createUpload(session, source), source, 0);
}

/** SHA-256 of what the device sends, as it arrives. Throws when the body ends early. */
export async function downloadDigest(
  session: DeviceSession,
  nodeId: string,
  range?: { readonly start: number; readonly end: number },
): Promise<{ readonly digest: string; readonly sizeBytes: number }> {
  const init = range === undefined ? {} : { headers: { range: `bytes=${range.start}-${range.end - 1}` } };
  const reply = await session.raw("GET", `/files/${nodeId}/content`, init);
  const hash = createHash("sha256");
  let sizeBytes = 0;
  for await (const part of reply.body) {
    hash.update(part as Buffer);
    sizeBytes += (part as Buffer).length;
  }
  const announced = Number(reply.headers["content-length"]);
  if (sizeBytes !== announced) throw new Error(`the body ended after ${sizeBytes} of ${announced} bytes`);
  return { digest: hash.digest("hex"), sizeBytes };
}

export interface PlacementView {
  readonly k: number;
  readonly n: number;
  readonly survives: number;
  readonly pendingBytes: number;
  readonly segments: number;
  readonly missingNow: number;
  readonly readableNow: boolean;
  readonly holders: readonly {
    readonly account: string;
    readonly name: string;
    readonly online: boolean;
    readonly fragments: number;
  }[];
}

export function placementOf(session: DeviceSession, nodeId: string): Promise<PlacementView> {
  return session.call<PlacementView>("GET", `/files/${nodeId}/placement`);
}

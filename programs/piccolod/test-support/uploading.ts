/** Uploads as a client of tus makes them. */
import assert from "node:assert/strict";
import type { Upload } from "@piccolo/device-api";
import type { Client, Reply, RequestInit } from "./device.ts";

const tus = { "tus-resumable": "1.0.0" };
const base64 = (text: string): string => Buffer.from(text).toString("base64");

export interface Announcement {
  readonly filename: string;
  readonly sizeBytes: number;
  readonly parent?: string;
  readonly mediaType?: string;
  readonly modifiedMs?: number;
  readonly onConflict?: string;
}

export function metadataOf(pairs: Readonly<Record<string, string | number | undefined>>): string {
  return Object.entries(pairs)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key} ${base64(String(value))}`)
    .join(",");
}

export function announce(client: Client, { sizeBytes, ...metadata }: Announcement): Promise<Reply> {
  const headers = { ...tus, "upload-length": String(sizeBytes), "upload-metadata": metadataOf({ ...metadata }) };
  return client.raw("POST", "/uploads", { headers });
}

/** The new upload's id. */
export async function begin(client: Client, announcement: Announcement): Promise<string> {
  const reply = await announce(client, announcement);
  assert.equal(reply.status, 201, reply.text);
  const id = /^\/api\/v1\/uploads\/([0-9a-f]{32})$/.exec(String(reply.headers["location"]))?.[1];
  assert.ok(id !== undefined);
  return id;
}

export async function unfinished(client: Client): Promise<readonly Upload[]> {
  return (await client.call<{ readonly uploads: readonly Upload[] }>("GET", "/uploads")).uploads;
}

/** Resolves when bytes of the only upload there is are being taken in. */
export async function isTaken(client: Client): Promise<void> {
  while ((await unfinished(client))[0]?.active !== true) await new Promise((resolve) => setTimeout(resolve, 10));
}

export function patch(client: Client, id: string, offset: number, body: Uint8Array, init: RequestInit = {}) {
  return client.raw("PATCH", `/uploads/${id}`, {
    ...init,
    body,
    headers: {
      ...tus,
      "upload-offset": String(offset),
      "content-type": "application/offset+octet-stream",
      ...init.headers,
    },
  });
}

export function head(client: Client, id: string): Promise<Reply> {
  return client.raw("HEAD", `/uploads/${id}`, { headers: tus });
}

export async function offsetOf(client: Client, id: string): Promise<number> {
  const reply = await head(client, id);
  assert.equal(reply.status, 200);
  return Number(reply.headers["upload-offset"]);
}

export function discard(client: Client, id: string): Promise<Reply> {
  return client.raw("DELETE", `/uploads/${id}`, { headers: tus });
}

/** Sends a whole file; returns its node's id. */
export async function upload(
  client: Client,
  filename: string,
  content: Uint8Array,
  more: Omit<Announcement, "filename" | "sizeBytes"> = {},
): Promise<string> {
  const id = await begin(client, { filename, sizeBytes: content.length, ...more });
  const reply = await patch(client, id, 0, content);
  assert.equal(reply.status, 204, reply.text);
  return String(reply.headers["piccolo-node"]);
}

/** Bytes that differ from place to place. */
export function bytesOf(length: number, seed = 1): Buffer {
  // A prime period, so that a cut at any power of two is noticed.
  const pattern = Buffer.from(
    Uint8Array.from({ length: 65_521 }, (_, at) => (at * 31 + (at >> 8) * 7 + seed * 101) & 255),
  );
  return Buffer.alloc(length, pattern);
}

/**
 * The tus requests of one upload. XMLHttpRequest, because it reports how much of a body was sent. The whole rest of the
 * file goes in one PATCH: the device commits segment by segment while it arrives.
 */
import { DeviceRefusal } from "@piccolo/device-api/client";
import { backupHeader, changesWait } from "../api/changes-wait.ts";
import { apiBase, csrfToken } from "../api/device.ts";
import { problemOfText } from "../api/problem.ts";

export interface TransferEnd {
  readonly offsetBytes: number;
  /** Present when the upload is complete. */
  readonly node: string | undefined;
  readonly placement: "durable" | "pending" | undefined;
}

interface Reply {
  readonly status: number;
  readonly text: string;
  readonly header: (name: string) => string | undefined;
}

interface Send {
  readonly method: "POST" | "HEAD" | "PATCH" | "DELETE";
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Blob;
  readonly signal?: AbortSignal;
  readonly onSent?: (bytes: number) => void;
}

/** Throws `DeviceRefusal` unless the status is one of success; rejects with the signal's reason when aborted. */
async function send(options: Send): Promise<Reply> {
  const { signal } = options;
  const reply = await new Promise<Reply>((resolve, reject) => {
    signal?.throwIfAborted();
    const request = new XMLHttpRequest();
    request.open(options.method, `${apiBase}${options.path}`);
    request.setRequestHeader("tus-resumable", "1.0.0");
    request.setRequestHeader("x-piccolo-csrf", csrfToken());
    for (const [name, value] of Object.entries(options.headers ?? {})) request.setRequestHeader(name, value);
    const stop = (): void => request.abort();
    signal?.addEventListener("abort", stop);
    request.upload.addEventListener("progress", ({ loaded }) => options.onSent?.(loaded));
    request.addEventListener("loadend", () => {
      signal?.removeEventListener("abort", stop);
      if (signal?.aborted === true) reject(signal.reason as Error);
      else
        resolve({
          status: request.status,
          text: request.responseText,
          header: (name) => request.getResponseHeader(name) ?? undefined,
        });
    });
    request.send(options.body ?? null);
  });
  if (reply.status < 200 || reply.status > 299) throw new DeviceRefusal(problemOfText(reply.status, reply.text));
  changesWait.answered(options.method, options.path, reply.header(backupHeader));
  return reply;
}

function endOf(reply: Reply, fallbackOffset: number): TransferEnd {
  const placement = reply.header("piccolo-placement");
  return {
    offsetBytes: Number(reply.header("upload-offset") ?? fallbackOffset),
    node: reply.header("piccolo-node"),
    placement: placement === "durable" || placement === "pending" ? placement : undefined,
  };
}

const base64 = (text: string): string => btoa(String.fromCodePoint(...new TextEncoder().encode(text)));

export interface UploadCreation {
  readonly filename: string;
  readonly parent: string;
  readonly sizeBytes: number;
  readonly mediaType: string;
  readonly modifiedMs: number;
  readonly onConflict: "refuse" | "version" | "rename";
}

/**
 * Not to be broken off: the device would go on creating it, and nobody here would know its id. Who does not want it any
 * more discards it when the answer is there.
 */
export async function createUpload(creation: UploadCreation): Promise<TransferEnd & { readonly uploadId: string }> {
  const { sizeBytes, ...metadata } = creation;
  const reply = await send({
    method: "POST",
    path: "/uploads",
    headers: {
      "upload-length": String(sizeBytes),
      "upload-metadata": Object.entries(metadata)
        .filter(([, value]) => value !== "")
        .map(([key, value]) => `${key} ${base64(String(value))}`)
        .join(","),
    },
  });
  const uploadId = reply.header("location")?.split("/").at(-1) ?? "";
  return { uploadId: decodeURIComponent(uploadId), ...endOf(reply, 0) };
}

const pathOf = (uploadId: string): string => `/uploads/${encodeURIComponent(uploadId)}`;

/** Where it goes on; with a node when the upload was completed by a request whose reply got lost. */
export async function readState(uploadId: string, signal: AbortSignal): Promise<TransferEnd> {
  return endOf(await send({ method: "HEAD", path: pathOf(uploadId), signal }), 0);
}

export async function sendRest(
  uploadId: string,
  file: File,
  offsetBytes: number,
  signal: AbortSignal,
  onSent: (bytes: number) => void,
): Promise<TransferEnd> {
  const reply = await send({
    method: "PATCH",
    path: pathOf(uploadId),
    signal,
    headers: { "content-type": "application/offset+octet-stream", "upload-offset": String(offsetBytes) },
    body: file.slice(offsetBytes),
    onSent: (bytes) => onSent(Math.min(file.size, offsetBytes + bytes)),
  });
  return endOf(reply, file.size);
}

export async function discardUpload(uploadId: string): Promise<void> {
  await send({ method: "DELETE", path: pathOf(uploadId) });
}

import { constants } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { toHex } from "@piccolo/bytes";
import type { Message, PeerHandler } from "@piccolo/storage/ports";
import { maxBodyBytes } from "@piccolo/wire";
import type { World } from "@piccolo/world";
import { ConnectionShares } from "../connection-shares.ts";
import { ServerSockets } from "../server-sockets.ts";
import { certifiedKey, type ChannelCertificate } from "./channel-certificate.ts";
import { contentBytes, contentSource, sendContent } from "./http-message.ts";
import { IdleWatch } from "./idle-watch.ts";
import { mostPending } from "./inbound-shares.ts";
import { MessageInlet } from "./message-inlet.ts";
import { discardRest, leastBytesPerSecond, type Log, serveExchange } from "./serve-exchange.ts";

export const bulkPath = "/piccolo/fragments/1";

const mostConnectionsPerDevice = 32;

export interface BulkServerOptions {
  readonly certificate: ChannelCertificate;
  readonly handler: PeerHandler;
  readonly isAllowed: (deviceKey: Uint8Array) => boolean;
  readonly world: World;
  readonly log: Log;
  readonly idleTimeoutMs: number;
  readonly stopping: AbortSignal;
}

/** Serves requests over HTTP/1.1 with mutual TLS, to devices that prove a member's key. */
export class BulkServer {
  readonly #options: BulkServerOptions;
  readonly #server: Server;
  readonly #sockets: ServerSockets;
  readonly #keys = new WeakMap<object, Uint8Array>();
  readonly #connections = new Map<string, number>();
  readonly #pending = new ConnectionShares(mostPending.direct);
  /** By the other side's place, by which a connection is known before and after its handshake. */
  readonly #pendingEnds = new Map<string, () => void>();

  constructor(options: BulkServerOptions) {
    this.#options = options;
    const { cert, key } = options.certificate;
    this.#server = createServer({
      cert,
      key: key.export({ format: "pem", type: "pkcs8" }),
      minVersion: "TLSv1.3",
      requestCert: true,
      // No authority is trusted: the key is compared below, and the handshake proves that the device has it.
      rejectUnauthorized: false,
      // A resumed session shows no certificate.
      secureOptions: constants.SSL_OP_NO_TICKET,
      handshakeTimeout: 10_000,
      headersTimeout: 10_000,
      maxHeaderSize: 8_192,
      keepAliveTimeout: 60_000,
      // Whole fragments may take long on a slow line; silence is watched instead.
      requestTimeout: 0,
    });
    this.#sockets = new ServerSockets(this.#server);
    this.#server.on("connection", (socket: Socket) => this.#count(socket));
    this.#server.on("secureConnection", (socket: TLSSocket) => this.#greet(socket));
    this.#server.on("request", (request, response) => void this.#serve(request, response));
    this.#server.on("tlsClientError", () => undefined);
  }

  /** Resolves to the port. */
  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ host, port }, () => {
        this.#server.off("error", reject);
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#sockets.cutAll();
    });
  }

  /** A connection counts as pending until its side has proved a key, or it ends. */
  #count(socket: Socket): void {
    const place = placeOf(socket);
    const end = this.#pending.begin(socket.remoteAddress ?? "");
    if (end === undefined) {
      socket.destroy();
      return;
    }
    this.#pendingEnds.set(place, end);
    socket.once("close", () => {
      end();
      if (this.#pendingEnds.get(place) === end) this.#pendingEnds.delete(place);
    });
  }

  /** Strangers are cut off before a byte of theirs is read as HTTP. */
  #greet(socket: TLSSocket): void {
    const deviceKey = certifiedKey(socket.getPeerX509Certificate());
    socket.on("error", () => socket.destroy());
    this.#pendingEnds.get(placeOf(socket))?.();
    if (deviceKey === undefined || !this.#options.isAllowed(deviceKey)) {
      socket.destroy();
      return;
    }
    const device = toHex(deviceKey);
    const open = this.#connections.get(device) ?? 0;
    if (open >= mostConnectionsPerDevice) {
      socket.destroy();
      return;
    }
    this.#connections.set(device, open + 1);
    this.#keys.set(socket, deviceKey);
    socket.on("close", () => {
      const left = (this.#connections.get(device) ?? 1) - 1;
      if (left === 0) this.#connections.delete(device);
      else this.#connections.set(device, left);
    });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { handler, isAllowed, world, log, idleTimeoutMs, stopping } = this.#options;
    const deviceKey = this.#keys.get(request.socket);
    if (deviceKey === undefined || !isAllowed(deviceKey)) {
      request.socket.destroy();
      return;
    }
    if (request.method !== "POST" || request.url !== bulkPath) {
      response.writeHead(404, { connection: "close" }).end();
      return;
    }
    const watch = new IdleWatch(world, idleTimeoutMs, leastBytesPerSecond);
    const gone = new AbortController();
    response.on("close", () => {
      if (!response.writableFinished) gone.abort(new Error("the connection closed"));
    });
    const signal = AbortSignal.any([gone.signal, watch.signal, stopping]);
    const source = contentSource(request, watch);
    const onAbort = (): void => {
      source.fail(new Error("the exchange is over"));
      request.socket.destroy();
    };
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      const inlet = new MessageInlet(source, maxBodyBytes);
      const respond = (message: Message): Promise<void> => {
        response.writeHead(200, { "content-length": contentBytes(message) });
        return sendContent(response, message, watch);
      };
      const isWhole = await serveExchange({ deviceKey, handler, inlet, watch, signal, log, respond });
      if (!isWhole) await discardRest(source, world, signal);
      if (!request.complete) request.socket.destroy();
    } catch (error) {
      if (!signal.aborted) log("exchange-broke", { message: error instanceof Error ? error.message : "unknown" });
      request.socket.destroy();
    } finally {
      signal.removeEventListener("abort", onAbort);
      watch.stop();
    }
  }
}

function placeOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

/** Where the portal listens: HTTPS with a certificate that is renewed, and beside it the way there from plain HTTP. */
import { createServer, type Server } from "node:http";
import { Server as SecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { limitConnections, type Shares } from "../adapters/connection-shares.ts";
import { ServerSockets } from "../adapters/server-sockets.ts";
import type { AppLeaves } from "../adapters/tls/app-leaves.ts";
import type { Leaf } from "../adapters/tls/leaf.ts";
import type { Listen } from "../config.ts";
import type { OwnAddress } from "./own-address.ts";
import { createHttpServer, type ServerOptions } from "./server.ts";

const lookMs = 60_000;
const lastAnswersMs = 1_500;
const redirectMs = 10_000;
/**
 * A browser keeps a handful open for the portal and for each app. An IPv6 household is one network, and so is whoever is
 * behind one router.
 */
const portalConnections: Shares = { ofNetwork: 1_024, ofAll: 4_096 };
/** Each is over with its answer. */
const redirectConnections: Shares = { ofNetwork: 64, ofAll: 256 };

export interface ListeningOptions extends Omit<ServerOptions, "certificate"> {
  readonly listen: Listen;
  readonly redirect: Listen | undefined;
  readonly address: OwnAddress;
  /** Undefined = plain HTTP. */
  readonly leaf: Leaf | undefined;
  /** What is shown at the host names of apps. */
  readonly appLeaves: AppLeaves | undefined;
  /** Whether the name (lower case, without port) is an app's host. */
  readonly isAppHost: (name: string) => boolean;
  /** Ends the requests that would go on for long. */
  readonly interrupt: () => void;
}

export interface Listening {
  /** Whoever connects from now on is shown a certificate that is not stale. */
  renew(): void;
  close(): Promise<void>;
}

export async function listen(options: ListeningOptions): Promise<Listening> {
  const { leaf, appLeaves, redirect, address, isAppHost } = options;
  const server = createHttpServer({
    ...options,
    certificate: leaf?.make(),
    contextOf: (name) => appLeaves?.contextOf(name),
  });
  const sockets = await opened(server, options.listen, portalConnections);
  address.port = (server.address() as AddressInfo).port;
  const closers = [() => closed(server, sockets, options.interrupt)];
  const renew = (): void => {
    if (leaf?.isStale !== true || !(server instanceof SecureServer)) return;
    server.setSecureContext({ ...leaf.make(), minVersion: "TLSv1.3" });
  };
  if (leaf !== undefined) {
    const timer = setInterval(renew, lookMs);
    timer.unref();
    closers.push(async () => clearInterval(timer));
  }
  if (redirect !== undefined) {
    const plain = createRedirect(address, isAppHost);
    let plainSockets: ServerSockets;
    try {
      plainSockets = await opened(plain, redirect, redirectConnections);
    } catch (error) {
      for (const close of closers.reverse()) await close();
      throw error;
    }
    closers.push(() => closed(plain, plainSockets, () => undefined));
  }
  return {
    renew,
    close: async () => {
      for (const close of closers.toReversed()) await close();
    },
  };
}

/** Nothing that somebody types goes over plain HTTP, so it says no more than where to go. */
function createRedirect(address: OwnAddress, isAppHost: ListeningOptions["isAppHost"]): Server {
  return createServer(
    { requestTimeout: redirectMs, headersTimeout: redirectMs, maxHeaderSize: 8 * 1024 },
    (req, res) => {
      res.on("error", () => undefined);
      res.setHeader("connection", "close");
      const { host } = req.headers;
      const name = (host?.toLowerCase() ?? "").replace(/:\d{1,5}$/, "");
      const target = isAppHost(name) ? address.originAt(name) : address.secureTwin(host, req.socket.localAddress);
      if (
        target === undefined ||
        (req.method !== "GET" && req.method !== "HEAD") ||
        req.url?.startsWith("/") !== true
      ) {
        res.writeHead(421).end();
        return;
      }
      // Only browsers that follow are sent on, and they forget it: the certificate may be another one tomorrow.
      res.writeHead(307, { location: `${target}${req.url}`, "cache-control": "no-store" }).end();
    },
  );
}

function opened(
  server: Server | SecureServer,
  { listenHost, listenPort }: Listen,
  most: Shares,
): Promise<ServerSockets> {
  limitConnections(server, most);
  const sockets = new ServerSockets(server);
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(listenPort, listenHost, () => {
      server.off("error", reject);
      resolve(sockets);
    });
  });
}

function closed(server: Server | SecureServer, sockets: ServerSockets, interrupt: () => void): Promise<void> {
  return new Promise((resolve) => {
    interrupt();
    server.close(() => resolve());
    server.closeIdleConnections();
    setTimeout(() => sockets.cutAll(), lastAnswersMs).unref();
  });
}

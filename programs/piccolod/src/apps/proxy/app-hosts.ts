/** The reverse proxy: what arrives at an app's host name goes to the app's web service, if the visitor may. */
import { Agent, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { isFault } from "@piccolo/fault";
import { errorFacts, type Log } from "../../adapters/log.ts";
import { authFaults, sessionLifetimeMs } from "../../auth/types.ts";
import { httpFaults } from "../../http/faults.ts";
import { type Apps, describedOf, type OpenRoute } from "../apps.ts";
import { appFaults } from "../types.ts";
import type { Entrance } from "./entrance.ts";
import { isPublicPath, pairs, replyHeaders, requestHeaders, type Visit } from "./headers.ts";
import type { HostNames } from "./host-names.ts";

const socketsMax = 256;
/** So long a container that was looked at is taken for the one that has the address. */
const routeMs = 1_000;
const connectMs = 10_000;
const drainMs = 10_000;
const enterPath = "/.piccolo/enter";

export interface AppHostsOptions {
  readonly apps: Pick<Apps, "openRoute" | "routeOf" | "get">;
  readonly entrance: Entrance;
  readonly names: HostNames;
  /** Of the portal, such as `https://piccolo.local`. */
  readonly portalOrigin: () => string;
  readonly ownerName: () => string;
  readonly monotonicMs: () => number;
  readonly log: Log;
}

interface KnownRoute extends OpenRoute {
  readonly untilMs: number;
}

export class AppHosts {
  readonly #options: AppHostsOptions;
  readonly #routes = new Map<string, KnownRoute>();
  readonly #agents = new Map<string, Agent>();
  readonly #underWay = new Map<string, number>();
  readonly #drained = new Map<string, (() => void)[]>();
  readonly #upgraded = new Set<Duplex>();

  constructor(options: AppHostsOptions) {
    this.#options = options;
  }

  /** The app whose host a request names; undefined where it is not for an app. */
  appOf(req: IncomingMessage): string | undefined {
    const hosts = req.headersDistinct["host"];
    const [name = "", port] = (hosts?.length === 1 ? (hosts[0] ?? "") : "").toLowerCase().split(":");
    if (port !== this.#port) return undefined;
    return this.#options.names.appOf(name);
  }

  /** As in a Host header: none where it is the protocol's own. */
  get #port(): string | undefined {
    const { port } = new URL(this.#options.portalOrigin());
    return port === "" ? undefined : port;
  }

  hostOf(app: string): string {
    const port = this.#port;
    return `${this.#options.names.hostOf(app)}${port === undefined ? "" : `:${port}`}`;
  }

  originOf(app: string): string {
    return `${new URL(this.#options.portalOrigin()).protocol}//${this.hostOf(app)}`;
  }

  /** Where a signed-in person is sent to enter the app. */
  entryOf(app: string, session: Parameters<Entrance["ticket"]>[1], path: string): string {
    const query = new URLSearchParams({ ticket: this.#options.entrance.ticket(app, session), path });
    return `${this.originOf(app)}${enterPath}?${query.toString()}`;
  }

  async answer(app: string, req: IncomingMessage, res: ServerResponse): Promise<void> {
    if (req.url?.startsWith("/") !== true) throw httpFaults.fault("invalid-request", "the address is not a path");
    if (/^\/\.piccolo(?:[/?#]|$)/i.test(req.url)) {
      this.#enter(app, req, res);
      return;
    }
    const visit = this.#visit(app, req);
    if (visit === undefined) {
      this.#sendAway(app, req, res);
      return;
    }
    let route = await this.#route(app);
    // It may have changed while this was waited for; from this look on the visit is under way.
    while (this.#options.apps.routeOf(app) !== route.route) route = await this.#route(app);
    const end = this.#begin(app);
    res.once("close", end);
    await this.#forward(route, visit, req, res);
  }

  #begin(app: string): () => void {
    this.#underWay.set(app, (this.#underWay.get(app) ?? 0) + 1);
    return () => {
      const left = (this.#underWay.get(app) ?? 1) - 1;
      if (left > 0) this.#underWay.set(app, left);
      else this.#underWay.delete(app);
      if (left === 0) for (const tell of this.#drained.get(app)?.splice(0) ?? []) tell();
    };
  }

  /** Resolves when nothing is under way to the app, or after a while: what streams for ever is cut off with its container. */
  drained(app: string): Promise<void> {
    if (!this.#underWay.has(app)) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, drainMs);
      const waiting = this.#drained.get(app) ?? [];
      this.#drained.set(app, waiting);
      waiting.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /** Undefined where the visitor has to sign in first. */
  #visit(app: string, req: IncomingMessage): Visit | undefined {
    const session = this.#options.entrance.visitor(req.headers.cookie, app);
    if (session === undefined && !this.#isPublic(app, req.url ?? "/")) return undefined;
    return {
      app,
      host: this.hostOf(app),
      scheme: "http",
      remote: req.socket.remoteAddress ?? "",
      owner: session === undefined ? undefined : this.#options.ownerName(),
    };
  }

  #isPublic(app: string, target: string): boolean {
    try {
      const { manifest, grants } = describedOf(this.#options.apps.get(app).record);
      if (!grants.includes("public-paths")) return false;
      return isPublicPath(
        target,
        manifest.grants.flatMap((grant) => (grant.kind === "public-paths" ? grant.paths : [])),
      );
    } catch (error) {
      if (appFaults.owns(error)) return false;
      throw error;
    }
  }

  /** A page is opened by way of the portal; anything else is told to sign in. */
  #sendAway(app: string, req: IncomingMessage, res: ServerResponse): void {
    const isPage = req.method === "GET" && (req.headers.accept ?? "").includes("text/html");
    if (!isPage) throw authFaults.fault("sign-in-required", "sign in at the device's portal, then do it again");
    const query = new URLSearchParams({ path: req.url ?? "/" });
    const place = `${this.#options.portalOrigin()}/api/v1/apps/${app}/enter?${query.toString()}`;
    res.writeHead(303, { location: place, "cache-control": "no-store", "referrer-policy": "no-referrer" });
    res.end();
  }

  #enter(app: string, req: IncomingMessage, res: ServerResponse): void {
    const url = URL.parse(req.url ?? "/", this.originOf(app));
    if (req.method !== "GET" || url?.pathname !== enterPath) {
      throw httpFaults.fault("unknown-route", "there is nothing at this address");
    }
    const value = this.#options.entrance.redeem(url.searchParams.get("ticket") ?? "", app);
    if (value === undefined) {
      throw authFaults.fault(
        "sign-in-required",
        "this link was used already or is too old; open the app from the portal",
      );
    }
    const { cookieName } = this.#options.entrance;
    res.writeHead(303, {
      location: localPath(url.searchParams.get("path")),
      "set-cookie": `${cookieName}=${value}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${sessionLifetimeMs / 1_000}`,
      "cache-control": "no-store",
      "referrer-policy": "no-referrer",
    });
    res.end();
  }

  async #route(app: string): Promise<OpenRoute> {
    const nowMs = this.#options.monotonicMs();
    const known = this.#routes.get(app);
    const isSame = known !== undefined && this.#options.apps.routeOf(app) === known.route;
    if (isSame && nowMs < known.untilMs) return known;
    try {
      const route = await this.#options.apps.openRoute(app);
      if (route.containerId !== known?.containerId) this.#forget(app);
      this.#routes.set(app, { ...route, untilMs: this.#options.monotonicMs() + routeMs });
      return route;
    } catch (error) {
      this.#forget(app);
      throw error;
    }
  }

  /** Of a container that is gone, no connection is used again; those in use end by themselves. */
  #forget(app: string): void {
    this.#routes.delete(app);
    const agent = this.#agents.get(app);
    this.#agents.delete(app);
    for (const sockets of Object.values(agent?.freeSockets ?? {})) for (const socket of sockets ?? []) socket.destroy();
  }

  #agent(app: string): Agent {
    let agent = this.#agents.get(app);
    if (agent === undefined) {
      agent = new Agent({ keepAlive: true, maxSockets: socketsMax, maxFreeSockets: 32, scheduling: "lifo" });
      this.#agents.set(app, agent);
    }
    return agent;
  }

  #forward(route: OpenRoute, visit: Visit, req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const outgoing = request({
      host: route.address,
      port: route.port,
      method: req.method ?? "GET",
      path: req.url ?? "/",
      agent: this.#agent(visit.app),
      setHost: false,
      headers: [...requestHeaders(pairs(req.rawHeaders), visit, undefined), ...framing(req)],
    });
    const timer = setTimeout(() => outgoing.destroy(new Error("no connection in time")), connectMs);
    outgoing.once("socket", (socket) => {
      if (!socket.connecting) clearTimeout(timer);
      else socket.once("connect", () => clearTimeout(timer));
    });
    outgoing.once("response", (incoming) => {
      res.writeHead(incoming.statusCode ?? 502, incoming.statusMessage, replyHeaders(pairs(incoming.rawHeaders)));
      res.flushHeaders();
      incoming.pipe(res);
      incoming.once("error", () => res.destroy());
      // What the app cut off ends as cut off, never as a whole answer.
      incoming.once("close", () => {
        if (!incoming.complete) res.destroy();
        resolve();
      });
    });
    outgoing.once("error", (error) => {
      clearTimeout(timer);
      this.#options.log.debug("app-did-not-answer", { app: visit.app, ...errorFacts(error) });
      this.#forget(visit.app);
      reject(appFaults.fault("app-not-running", "the app does not answer at the moment"));
    });
    res.once("close", () => {
      if (!res.writableFinished) outgoing.destroy();
    });
    req.pipe(outgoing);
    req.once("aborted", () => outgoing.destroy());
    return promise;
  }

  /** WebSocket and its like: after the switch, bytes go to and fro. */
  upgrade(app: string, req: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on("error", () => socket.destroy());
    this.#upgrade(app, req, socket, head).catch((error: unknown) => {
      const fault = isFault(error) ? error : appFaults.fault("app-not-running", "the app does not answer");
      const status = fault.code === "sign-in-required" ? "401 Unauthorized" : "502 Bad Gateway";
      socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
    });
  }

  async #upgrade(app: string, req: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const visit = this.#visit(app, req);
    const isOwnPage = req.headers.origin === undefined || req.headers.origin === this.originOf(app);
    if (visit === undefined || !isOwnPage || /^\/\.piccolo(?:[/?#]|$)/i.test(req.url ?? "/")) {
      throw authFaults.fault("sign-in-required", "sign in at the device's portal, then do it again");
    }
    const route = await this.#route(app);
    const outgoing = request({
      host: route.address,
      port: route.port,
      method: req.method ?? "GET",
      path: req.url ?? "/",
      agent: false,
      setHost: false,
      headers: requestHeaders(pairs(req.rawHeaders), visit, req.headers.upgrade ?? "websocket"),
    });
    outgoing.setTimeout(connectMs, () => outgoing.destroy(new Error("no answer in time")));
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    outgoing.once("upgrade", (incoming, appSocket, appHead) => {
      appSocket.setTimeout(0);
      const lines = pairs(replyHeaders(pairs(incoming.rawHeaders), incoming.headers.upgrade ?? "websocket"));
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`,
      );
      if (appHead.length > 0) socket.write(appHead);
      if (head.length > 0) appSocket.write(head);
      join(socket, appSocket);
      this.#upgraded.add(socket);
      socket.once("close", () => this.#upgraded.delete(socket));
      resolve();
    });
    // It answered without switching: that answer is passed on, and the connection is over.
    outgoing.once("response", (incoming) => {
      incoming.resume();
      socket.end(
        `HTTP/1.1 ${incoming.statusCode ?? 502} ${incoming.statusMessage ?? ""}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`,
      );
      resolve();
    });
    outgoing.once("error", reject);
    socket.once("close", () => outgoing.destroy());
    outgoing.end();
    return promise;
  }

  close(): void {
    for (const socket of this.#upgraded) socket.destroy();
    for (const app of this.#agents.keys()) this.#forget(app);
  }
}

/** How long the body is, where its own headers do not say so any more. */
function framing(req: IncomingMessage): string[] {
  if (req.headers["transfer-encoding"] !== undefined) return ["Transfer-Encoding", "chunked"];
  const hasNone = req.headers["content-length"] === undefined && req.method !== "GET" && req.method !== "HEAD";
  return hasNone ? ["Content-Length", "0"] : [];
}

function join(one: Duplex, other: Duplex): void {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.pipe(to);
    from.once("error", () => to.destroy());
    from.once("close", () => to.destroy());
  }
}

/** A path of the app's own host; anything else is its start. */
export function localPath(path: string | null): string {
  return path !== null && /^\/(?![/\\])[\x21-\x7e]*$/.test(path) && !path.includes("\\") ? path : "/";
}

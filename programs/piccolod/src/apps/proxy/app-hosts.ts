/** The reverse proxy: what arrives at an app's host name goes to the app's web service, if the visitor may. */
import { type IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { isFault } from "@piccolo/fault";
import type { World } from "@piccolo/world";
import { errorFacts, type Log } from "../../adapters/log.ts";
import { authFaults } from "../../auth/types.ts";
import { httpFaults } from "../../http/faults.ts";
import { sendPage, wantsPage } from "../../http/page.ts";
import { agreedPaths } from "../agreed-grants.ts";
import { type Apps, describedOf, type OpenRoute } from "../apps.ts";
import type { AppPlanRecord } from "../plan-types.ts";
import { appFaults } from "../types.ts";
import { AppConnections } from "./app-connections.ts";
import { AppPlace } from "./app-place.ts";
import type { AppSession, Entrance } from "./entrance.ts";
import { Forwarding, type ForwardingOptions } from "./forwarding.ts";
import { isPublicPath, takesMessageAlong, type Visit } from "./headers.ts";
import type { HostNames } from "./host-names.ts";
import { visitorWords } from "./visitor-words.ts";
import { endSocket, hasAccepted, isWebSocket, joinSockets, switchingHead } from "./tunnel.ts";

/** Of one app: visits that are answered or wait for it to change over. */
const visitsMax = 512;
/** Who has not signed in leaves room for those who have. */
const strangersMax = 256;
/** So long a container that was looked at is taken for the one that has the address. */
const routeMs = 1_000;
const drainMs = 10_000;
const sweepMs = 60_000;
const keepAliveMs = 30_000;
const pagePatienceMs = 4_000;
const enterPath = "/.piccolo/enter";
const isOwnPath = (path: string): boolean => path.startsWith("/.") && /^\/\.piccolo(?:[/?#]|$)/i.test(path);

export interface AppHostsOptions {
  readonly apps: Pick<Apps, "openRoute" | "routeOf" | "get">;
  readonly entrance: Entrance;
  readonly names: HostNames;
  /** Of the portal, such as `https://piccolo.local`. */
  readonly portalOrigin: () => string;
  readonly ownerName: () => string;
  readonly world: Pick<World, "monotonicMs" | "sleep">;
  readonly log: Log;
}

interface Admitted {
  readonly session: AppSession | undefined;
  readonly visit: Visit;
}

/** A connection that shall switch, what came on it behind the request, and what listens for its end until then. */
interface Switching {
  readonly socket: Duplex;
  readonly head: Buffer;
  readonly goes: () => void;
}

export class AppHosts {
  readonly #options: AppHostsOptions;
  readonly #places = new Map<string, AppPlace>();
  readonly #upgraded = new Set<Duplex>();
  readonly #sweep: NodeJS.Timeout;
  #origin = "";
  #scheme: "http" | "https" = "http";
  #port = "";

  constructor(options: AppHostsOptions) {
    this.#options = options;
    this.#sweep = setInterval(() => options.entrance.endExpired(), sweepMs);
    this.#sweep.unref();
  }

  /** The portal's port is known once the server listens. */
  #readOrigin(): void {
    const origin = this.#options.portalOrigin();
    if (origin === this.#origin) return;
    const { protocol, port } = new URL(origin);
    this.#origin = origin;
    this.#scheme = protocol === "https:" ? "https" : "http";
    this.#port = port === "" ? "" : `:${port}`;
  }

  /** The app whose host a request names; undefined where it is not for an app, or names two hosts. */
  appOf({ headers, rawHeaders }: IncomingMessage): string | undefined {
    const host = headers.host?.toLowerCase() ?? "";
    this.#readOrigin();
    if (!host.endsWith(this.#port)) return undefined;
    const app = this.#options.names.appOf(host.slice(0, host.length - this.#port.length));
    if (app === undefined) return undefined;
    let hosts = 0;
    for (let at = 0; at < rawHeaders.length; at += 2) {
      if (rawHeaders[at]?.length === 4 && rawHeaders[at]?.toLowerCase() === "host") hosts++;
    }
    return hosts === 1 ? app : undefined;
  }

  hostOf(app: string): string {
    this.#readOrigin();
    return `${this.#options.names.hostOf(app)}${this.#port}`;
  }

  originOf(app: string): string {
    const host = this.hostOf(app);
    return `${this.#scheme}://${host}`;
  }

  /** Where a signed-in person is sent to enter the app. */
  entryOf(app: string, session: Parameters<Entrance["ticket"]>[1], path: string): string {
    const query = new URLSearchParams({ ticket: this.#options.entrance.ticket(app, session), path });
    return `${this.originOf(app)}${enterPath}?${query.toString()}`;
  }

  #place(app: string): AppPlace {
    let place = this.#places.get(app);
    if (place === undefined) this.#places.set(app, (place = new AppPlace(app)));
    return place;
  }

  /** `expectsContinue`: the visitor sends its body once it is told to. Throws why it is not let in, where no person looks at it. */
  async answer(app: string, req: IncomingMessage, res: ServerResponse, expectsContinue = false): Promise<void> {
    try {
      await this.#answer(app, req, res, expectsContinue);
    } catch (error) {
      if (!isFault(error) || res.headersSent || !wantsPage(req)) throw error;
      sendPage(req, res, error, visitorWords(app, error, this.#recordFor(app, req), this.#options.portalOrigin()));
    }
  }

  /** Undefined for a stranger, and where there is no such app. */
  #recordFor(app: string, req: IncomingMessage): AppPlanRecord | undefined {
    const { entrance, apps } = this.#options;
    if (entrance.visitor(req.headers.cookie, app, req.socket) === undefined) return undefined;
    try {
      return apps.get(app).record;
    } catch (error) {
      if (appFaults.owns(error)) return undefined;
      throw error;
    }
  }

  async #answer(app: string, req: IncomingMessage, res: ServerResponse, expectsContinue: boolean): Promise<void> {
    const target = req.url ?? "";
    if (!target.startsWith("/")) throw httpFaults.fault("invalid-request", "the address is not a path");
    if (isOwnPath(target)) {
      this.#enter(app, req, res);
      return;
    }
    // A first line without a version, which some servers read without the lines behind it.
    if (req.httpVersionMajor !== 1) throw httpFaults.fault("invalid-request", "a request says its version");
    if (takesMessageAlong(req.headers.connection)) throw connectionRefused();
    const coding = req.headers["transfer-encoding"];
    if (coding !== undefined && coding.toLowerCase() !== "chunked") {
      throw httpFaults.fault("invalid-request", "a body comes as it is, or in chunks");
    }
    const admitted = this.#admit(app, req);
    if (admitted === undefined) {
      this.#sendAway(app, req, res);
      return;
    }
    await this.#visit(app, admitted, { req, res, expectsContinue });
  }

  /** Resolves when the visit is on its way or could not begin; throws where the app gives no answer. */
  async #visit(
    app: string,
    { session, visit }: Admitted,
    call: Pick<ForwardingOptions, "req" | "res" | "expectsContinue" | "upgrade">,
  ): Promise<void> {
    const place = this.#place(app);
    const isStranger = session === undefined;
    if (place.visits >= visitsMax || (isStranger && place.strangers >= strangersMax)) {
      throw appFaults.fault("app-overloaded", "too many visits of the app are under way; try again in a moment", {
        details: { retryAfterMs: 1_000 },
      });
    }
    place.visits++;
    if (isStranger) place.strangers++;
    const under: { way?: Forwarding } = {};
    call.res.once("close", () => {
      place.visits--;
      if (isStranger) place.strangers--;
      if (under.way === undefined) return;
      session?.open.delete(under.way);
      place.end();
    });
    let connections = this.#connections(place);
    // It may have changed while this was waited for; from the last look on the visit is under way.
    while (connections === undefined) {
      await (call.upgrade === undefined && wantsPage(call.req) ? this.#openSoon(place) : this.#open(place));
      connections = this.#connections(place);
    }
    if (call.res.destroyed || call.res.closed) return;
    if (session?.isEnded === true) throw signInRequired();
    place.underWay++;
    const { promise, reject, resolve } = Promise.withResolvers<void>();
    under.way = new Forwarding({
      ...call,
      connections,
      visit,
      failed: (error) => {
        this.#options.log.debug("app-did-not-answer", { app, ...errorFacts(error) });
        place.forget();
        reject(
          appFaults.fault(
            "app-not-running",
            "the app does not answer at the moment; try again in a moment, or look at it on the page Apps",
          ),
        );
      },
      ended: resolve,
    });
    session?.open.add(under.way);
    await promise;
  }

  /** Where the app is, if that was looked up a moment ago and has not changed. */
  #connections(place: AppPlace): AppConnections | undefined {
    const { route } = place;
    if (route === undefined || this.#options.world.monotonicMs() >= route.untilMs) return undefined;
    return this.#options.apps.routeOf(place.app) === route.route ? place.connections : undefined;
  }

  /** However many visits wait, the app is looked for once. */
  #open(place: AppPlace): Promise<OpenRoute> {
    place.opening ??= this.#lookUp(place).finally(() => {
      place.opening = undefined;
    });
    return place.opening;
  }

  /** Who looks at an empty page is told after a moment what it waits for; all else waits as long as the app may take. */
  async #openSoon(place: AppPlace): Promise<void> {
    const over = new AbortController();
    const late = this.#options.world.sleep(pagePatienceMs, over.signal).then(
      () => "late" as const,
      () => "over" as const,
    );
    const opening = this.#open(place);
    // Others may wait for it, or nobody any more.
    opening.catch(() => undefined);
    const first = await Promise.race([opening, late]).finally(() => over.abort(new Error("it is open")));
    if (first === "late") {
      throw appFaults.fault("app-not-running", "the app does not answer yet; try again in a moment", {
        details: { retryAfterMs: pagePatienceMs },
      });
    }
  }

  async #lookUp(place: AppPlace): Promise<OpenRoute> {
    const { apps, world } = this.#options;
    try {
      const route = await apps.openRoute(place.app);
      const before = place.route;
      const isSame =
        before?.containerId === route.containerId && before.address === route.address && before.port === route.port;
      if (!isSame) place.forget();
      place.connections ??= new AppConnections(route.address, route.port, () => world.monotonicMs());
      place.route = { ...route, untilMs: world.monotonicMs() + routeMs };
      return route;
    } catch (error) {
      place.forget();
      throw error;
    }
  }

  /** Resolves when nothing is under way to the app, or after a while: what streams for ever is cut off with its container. */
  drained(app: string): Promise<void> {
    const place = this.#places.get(app);
    if (place === undefined || place.underWay === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, drainMs);
      place.drained.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /** Undefined where the visitor has to sign in first. */
  #admit(app: string, req: IncomingMessage): Admitted | undefined {
    const { entrance, ownerName } = this.#options;
    const session = entrance.visitor(req.headers.cookie, app, req.socket);
    if (session === undefined && !this.#isPublic(app, req.url ?? "/")) return undefined;
    const visit = {
      app,
      host: this.hostOf(app),
      scheme: this.#scheme,
      remote: (req.socket.remoteAddress ?? "").replace(/^::ffff:/, ""),
      owner: session === undefined ? undefined : ownerName(),
    };
    return { session, visit };
  }

  #isPublic(app: string, target: string): boolean {
    try {
      return isPublicPath(target, agreedPaths(describedOf(this.#options.apps.get(app).record)));
    } catch (error) {
      if (appFaults.owns(error)) return false;
      throw error;
    }
  }

  /** A page is opened by way of the portal; anything else is told to sign in. */
  #sendAway(app: string, req: IncomingMessage, res: ServerResponse): void {
    const isPage = req.method === "GET" && (req.headers.accept ?? "").includes("text/html");
    if (!isPage) throw signInRequired();
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
    const cookie = this.#options.entrance.redeem(url.searchParams.get("ticket") ?? "", app);
    if (cookie === undefined) {
      throw authFaults.fault(
        "sign-in-required",
        "this link was used already or is too old; open the app from the portal",
      );
    }
    res.writeHead(303, {
      location: localPath(url.searchParams.get("path")),
      "set-cookie": cookie,
      "cache-control": "no-store",
      "referrer-policy": "no-referrer",
    });
    res.end();
  }

  /** A WebSocket and nothing else: after the switch, bytes go to and fro. */
  upgrade(app: string, req: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on("error", () => socket.destroy());
    this.#upgraded.add(socket);
    socket.once("close", () => this.#upgraded.delete(socket));
    // As on any other connection; only what goes over a WebSocket may go on in one direction.
    const goes = (): void => void socket.end();
    socket.once("end", goes);
    // Nobody reads until the app has answered, so that a visitor that is gone is only noticed by asking it.
    if (socket instanceof Socket) socket.setTimeout(0).setKeepAlive(true, keepAliveMs);
    this.#upgrade(app, req, { socket, head, goes }).catch((error: unknown) => {
      const code = isFault(error) ? error.code : "app-not-running";
      if (!isFault(error)) this.#options.log.error("upgrade-failed", errorFacts(error));
      const status = upgradeRefusals[code] ?? "502 Bad Gateway";
      if (socket.writable) socket.write(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
      endSocket(socket, this.#options.world);
    });
  }

  async #upgrade(app: string, req: IncomingMessage, { socket, head, goes }: Switching): Promise<void> {
    const admitted = this.#admit(app, req);
    const isOwnPage = req.headers.origin === undefined || req.headers.origin === this.originOf(app);
    if (admitted === undefined || !isOwnPage || isOwnPath(req.url ?? "/")) throw signInRequired();
    if (takesMessageAlong(req.headers.connection)) throw connectionRefused();
    if (!isWebSocket(req)) throw httpFaults.fault("invalid-request", "this is no WebSocket");
    // Where the app does not switch, its answer is passed on like any other, as the last one of the connection.
    const res = new ServerResponse(req);
    res.shouldKeepAlive = false;
    res.assignSocket(req.socket);
    res.on("error", () => undefined);
    const leave = this.#place(app).takeTunnel(admitted.session === undefined);
    if (leave === undefined)
      throw appFaults.fault(
        "app-overloaded",
        "too many WebSockets are open; close other windows of the app, and try again",
      );
    let hasSwitched = false;
    res.once("close", () => {
      if (!hasSwitched) leave();
    });
    /** No server tells this answer that it is over, and what counts it waits for that, not for the visitor to hang up. */
    const finish = (): void => {
      if (res.socket === null) return;
      res.detachSocket(req.socket);
      res.emit("close");
    };
    res.once("finish", () => {
      finish();
      endSocket(socket, this.#options.world);
    });
    const take: NonNullable<ForwardingOptions["upgrade"]>["take"] = (reply, appSocket, rest) => {
      if (!hasAccepted(req, reply) || !socket.writable || admitted.session?.isEnded === true) return false;
      hasSwitched = true;
      socket.off("end", goes);
      this.#keepTunnel(admitted.session, socket, leave);
      finish();
      socket.write(switchingHead(reply), "latin1");
      if (rest.length > 0) socket.write(rest);
      if (head.length > 0) appSocket.write(head);
      joinSockets(socket, appSocket);
      return true;
    };
    try {
      await this.#visit(app, admitted, { req, res, expectsContinue: false, upgrade: { to: "websocket", take } });
    } finally {
      finish();
    }
  }
  /** `leave`: gives its room back. */
  #keepTunnel(session: AppSession | undefined, socket: Duplex, leave: () => void): void {
    const tunnel = { cut: () => socket.destroy() };
    session?.open.add(tunnel);
    socket.once("close", () => {
      leave();
      session?.open.delete(tunnel);
    });
  }

  close(): void {
    clearInterval(this.#sweep);
    for (const socket of this.#upgraded) socket.destroy();
    for (const place of this.#places.values()) place.forget();
  }
}

const upgradeRefusals: Readonly<Record<string, string>> = {
  "sign-in-required": "401 Unauthorized",
  "invalid-request": "400 Bad Request",
  "app-overloaded": "503 Service Unavailable",
};

function connectionRefused(): Error {
  return httpFaults.fault("invalid-request", "a connection's own headers are none of the message");
}

function signInRequired(): Error {
  return authFaults.fault("sign-in-required", "sign in at the device's portal, then do it again");
}

/** A path of the app's own host; anything else is its start. */
export function localPath(path: string | null): string {
  return path !== null && /^\/(?![/\\])[\x21-\x7e]*$/.test(path) && !path.includes("\\") ? path : "/";
}

/** The reverse proxy with everything before and behind it on this machine's loopback: a visitor's socket, the device's server, an app's. */
import { once } from "node:events";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer as createAppServer } from "node:http";
import { type AddressInfo, connect, createServer, type Server as SocketServer, type Socket } from "node:net";
import { DatabaseSync } from "node:sqlite";
import { connect as connectSecurely } from "node:tls";
import { promisify } from "node:util";
import { checkManifest } from "@piccolo/app-manifest";
import type { World } from "@piccolo/world";
import { realWorld } from "@piccolo/world/real";
import { keyOfSeed, makeAuthority } from "../src/adapters/tls/certificates.ts";
import { Leaf } from "../src/adapters/tls/leaf.ts";
import type { OpenRoute } from "../src/apps/apps.ts";
import type { Route } from "../src/apps/plan-types.ts";
import { AppHosts } from "../src/apps/proxy/app-hosts.ts";
import { Entrance } from "../src/apps/proxy/entrance.ts";
import { hostNames } from "../src/apps/proxy/host-names.ts";
import { requestInstall } from "../src/apps/requests.ts";
import { appFaults, type InstalledApp } from "../src/apps/types.ts";
import { Sessions } from "../src/auth/sessions.ts";
import { SessionStore } from "../src/auth/store.ts";
import type { OpenedSession } from "../src/auth/types.ts";
import { httpFaults } from "../src/http/faults.ts";
import { createHttpServer, type Site } from "../src/http/server.ts";
import { createLog } from "../src/adapters/log.ts";
import { manifestText } from "./app-device.ts";

/** What stands for the app: an HTTP server, or one that says what bytes it likes. */
export type AppAnswer = (req: IncomingMessage, res: ServerResponse) => void;

function certificateOf(world: World): { readonly key: string; readonly cert: string } {
  const key = keyOfSeed(new Uint8Array(32).fill(1));
  if (key === undefined) throw new Error("the seed is no key");
  const authority = makeAuthority(key, "device1", world.randomBytes(16));
  const names = ["device1.localhost", "notes.localhost"];
  return new Leaf({ authority: () => authority, deviceName: "device1", names, world }).make();
}

export class ProxyScene {
  readonly hosts: AppHosts;
  readonly sessions: Sessions;
  readonly entrance: Entrance;
  readonly #server: Server;
  #app: Server | SocketServer | undefined;
  readonly #appSockets = new Set<Socket>();
  #port = 0;
  #route: Route = { kind: "open", generation: 1 };
  #containers = 1;
  /** The app's record; without one no path of it is public. */
  installed: InstalledApp | undefined;
  /** How often the app was looked for. */
  looks = 0;
  readonly #waiting: (() => void)[] = [];

  readonly #isSecure: boolean;

  private constructor(world: World, isSecure: boolean) {
    this.#isSecure = isSecure;
    const db = new DatabaseSync(":memory:");
    db.exec("CREATE TABLE session (token_hash BLOB PRIMARY KEY, created_at_ms INTEGER, expires_at_ms INTEGER) STRICT");
    this.sessions = new Sessions(new SessionStore(db), world);
    const key = world.randomBytes(32);
    this.entrance = new Entrance({
      world,
      deviceName: "device1",
      isSecure: false,
      key: () => key,
      session: (tokenHash) => this.sessions.findByHash(tokenHash),
      onSessionEnd: (listener) => this.sessions.onEnd(listener),
    });
    const log = createLog(
      () => undefined,
      () => 0,
    );
    this.hosts = new AppHosts({
      apps: {
        routeOf: () => this.#route,
        openRoute: () => this.#openRoute(),
        get: () => {
          if (this.installed !== undefined) return this.installed;
          throw appFaults.fault("app-not-found", "no path of the scene's app is public");
        },
      },
      entrance: this.entrance,
      names: hostNames({ hostName: "device1.localhost", deviceName: "device1", isSecure: false }),
      portalOrigin: () => `${isSecure ? "https" : "http"}://device1.localhost:${this.#port}`,
      ownerName: () => "Ada",
      world,
      log,
    });
    const door = {
      enter: () => {
        throw httpFaults.fault("wrong-host", "this is no app's host");
      },
    };
    const site = { appHosts: this.hosts, door } as unknown as Site;
    const certificate = isSecure ? certificateOf(world) : undefined;
    this.#server = createHttpServer({ site: () => site, portal: undefined, log, certificate }) as Server;
  }

  /** `isSecure`: visitors come over HTTPS. */
  static async open({ world = realWorld, isSecure = false } = {}): Promise<ProxyScene> {
    const scene = new ProxyScene(world, isSecure);
    scene.#server.listen(0, "127.0.0.1");
    await once(scene.#server, "listening");
    scene.#port = (scene.#server.address() as AddressInfo).port;
    return scene;
  }

  get host(): string {
    return `notes.localhost:${this.#port}`;
  }

  async #openRoute(): Promise<OpenRoute> {
    this.looks++;
    while (this.#route.kind === "held") await new Promise<void>((resolve) => this.#waiting.push(resolve));
    if (this.#route.kind !== "open" || this.#app === undefined)
      throw appFaults.fault("app-not-running", "it does not run");
    const { port } = this.#app.address() as AddressInfo;
    return { route: this.#route, address: "127.0.0.1", port, containerId: String(this.#containers) };
  }

  /** Like a lane: while held, visits wait; open again, they go to what serves then. */
  set route(kind: "held" | "open" | "closed") {
    this.#route = kind === "open" ? { kind, generation: ++this.#containers } : { kind };
    for (const go of this.#waiting.splice(0)) go();
  }

  async serve(answer: AppAnswer): Promise<Server> {
    const app = createAppServer(answer);
    await this.#serve(app);
    return app;
  }

  /** An app that speaks as it likes. */
  async serveRaw(take: (socket: Socket) => void): Promise<void> {
    await this.#serve(createServer({ allowHalfOpen: true }, take));
  }

  async #serve(app: Server | SocketServer): Promise<void> {
    this.stopApp();
    this.#app = app;
    app.on("connection", (socket: Socket) => {
      this.#appSockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => this.#appSockets.delete(socket));
    });
    app.listen(0, "127.0.0.1");
    await once(app, "listening");
    this.route = "open";
  }

  /** As a container that was killed. */
  stopApp(): void {
    this.#app?.close();
    this.#app = undefined;
    for (const socket of this.#appSockets) socket.destroy();
  }

  get appConnections(): number {
    return this.#appSockets.size;
  }

  /** Of visitors, as the device's server has them. */
  async visitorConnections(): Promise<number> {
    return promisify(this.#server.getConnections.bind(this.#server))();
  }

  /** Everybody may visit these paths of the app. */
  showAll(...paths: readonly string[]): void {
    const { manifest } = checkManifest(manifestText("notes", { publicPaths: [...paths] }));
    if (manifest === undefined) throw new Error("the manifest is none");
    const record = requestInstall(undefined, { manifest, grants: ["public-paths"], settings: {} }, 0);
    this.installed = { slot: 0, networkSlot: 0, idStart: 1_073_741_824, installedAtMs: 0, record };
  }

  signIn(): { readonly session: OpenedSession; readonly cookie: string } {
    const session = this.sessions.open();
    const cookie = this.entrance.redeem(this.entrance.ticket("notes", session), "notes") ?? "";
    return { session, cookie: cookie.split(";")[0] ?? "" };
  }

  /** A visitor's connection, and all it hears on it. */
  visitor(): Visitor {
    const to = { host: "127.0.0.1", port: this.#port, allowHalfOpen: true };
    return new Visitor(this.#isSecure ? connectSecurely({ ...to, rejectUnauthorized: false }) : connect(to));
  }

  /** A request's head with the host and a cookie, and whatever else. */
  head(first: string, cookie: string, ...lines: readonly string[]): string {
    return [`${first} HTTP/1.1`, `Host: ${this.host}`, `Cookie: ${cookie}`, ...lines, "", ""].join("\r\n");
  }

  async close(): Promise<void> {
    this.stopApp();
    this.hosts.close();
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}

export class Visitor {
  readonly socket: Socket;
  /** Without what `take` took. */
  heard = Buffer.alloc(0);
  isClosed = false;
  isEnded = false;
  readonly #changed: (() => void)[] = [];

  constructor(socket: Socket) {
    this.socket = socket;
    const tell = (): void => {
      for (const go of this.#changed.splice(0)) go();
    };
    socket.on("error", () => undefined);
    socket.on("data", (bytes: Buffer) => {
      this.heard = Buffer.concat([this.heard, bytes]);
      tell();
    });
    socket.on("end", () => {
      this.isEnded = true;
      tell();
    });
    socket.on("close", () => {
      this.isClosed = true;
      this.isEnded = true;
      tell();
    });
  }

  say(text: string | Uint8Array): void {
    this.socket.write(typeof text === "string" ? Buffer.from(text, "latin1") : text);
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      if (this.isClosed) throw new Error(`the connection closed after ${JSON.stringify(this.text.slice(0, 500))}`);
      await new Promise<void>((resolve) => this.#changed.push(resolve));
    }
  }

  get text(): string {
    return this.heard.toString("latin1");
  }

  async ended(): Promise<string> {
    while (!this.isEnded) await new Promise<void>((resolve) => this.#changed.push(resolve));
    return this.text;
  }

  /** The next answer of a known length, or without a body. */
  async answer(): Promise<{ readonly status: number; readonly head: string; readonly body: string }> {
    await this.until(() => this.heard.includes("\r\n\r\n"));
    const end = this.heard.indexOf("\r\n\r\n");
    const head = this.heard.toString("latin1", 0, end);
    const length = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0);
    const whole = end + 4 + length;
    await this.until(() => this.heard.length >= whole);
    const body = this.heard.toString("latin1", end + 4, whole);
    this.heard = this.heard.subarray(whole);
    return { status: Number(head.slice(9, 12)), head, body };
  }

  close(): void {
    this.socket.destroy();
  }
}

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createSecureServer, type Server as SecureServer } from "node:https";
import type { Socket } from "node:net";
import type { SecureContext } from "node:tls";
import { getRequestListener, type HttpBindings } from "@hono/node-server";
import { toHex } from "@piccolo/bytes";
import type { Log } from "../adapters/log.ts";
import type { PortalFiles } from "../adapters/portal-files.ts";
import type { AppHosts } from "../apps/proxy/app-hosts.ts";
import { type Api, apiPrefix, type Caller } from "./api.ts";
import type { Door } from "./door.ts";
import { httpFaults } from "./faults.ts";
import type { LockGate } from "./lock-gate.ts";
import { sendProblem } from "./problem.ts";
import { servePortal } from "./static.ts";

/** Requests whose bodies stream: they are answered on the plain server, without Hono. */
export interface StreamRoute {
  /** Of the path below the prefix. */
  readonly pattern: RegExp;
  readonly methods: Readonly<Record<string, StreamHandler>>;
  /** Other methods belong to the JSON interface; where absent they are `method-not-allowed`. */
  readonly shared?: true;
}

export type StreamHandler = (call: StreamCall) => Promise<void>;

export interface StreamCall {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly caller: Caller;
  /** The pattern's groups. */
  readonly params: readonly string[];
  readonly query: URLSearchParams;
}

/** What answers: the whole device, or only what a closed one can do. */
export interface Site {
  readonly api: Api;
  readonly streams: readonly StreamRoute[];
  readonly door: Door;
  /** Throws `locked` for what needs the owner's keys while they are not in memory. */
  readonly lockGate: LockGate;
  /** What answers at the host names of apps; a closed device has none. */
  readonly appHosts?: AppHosts;
}

export interface ServerOptions {
  /** As it is at the moment of a request. */
  readonly site: () => Site;
  readonly portal: PortalFiles | undefined;
  readonly log: Log;
  /** HTTPS, with these at first; undefined = plain HTTP. */
  readonly certificate?: { readonly key: string; readonly cert: string } | undefined;
  /** What is shown to who asks for another name; undefined = the certificate. */
  readonly contextOf?: (name: string) => SecureContext | undefined;
}

const jsonBodyMs = 30_000;
const headersMs = 10_000;
const keepAliveMs = 65_000;
const headerBytesMax = 16 * 1024;

/**
 * What each connection still waits for. Where a request asks for a switch while others before it have no answer yet, Node
 * gives the connection away and forgets those in line: they would never hear that it closed.
 */
class Unanswered {
  readonly #answers = new WeakMap<Socket, Set<ServerResponse>>();

  add({ socket }: IncomingMessage, res: ServerResponse): void {
    let answers = this.#answers.get(socket);
    if (answers === undefined) this.#answers.set(socket, (answers = new Set()));
    const its = answers.add(res);
    res.once("close", () => its.delete(res));
  }

  /** Whether there were any on the request's connection. */
  end({ socket }: IncomingMessage): boolean {
    const answers = [...(this.#answers.get(socket) ?? [])];
    for (const res of answers) res.destroy();
    return answers.length > 0;
  }
}

/** The device's HTTP server; it does not listen yet. */
export function createHttpServer(options: ServerOptions): Server | SecureServer {
  const { portal, log } = options;
  const callers = new WeakMap<IncomingMessage, { readonly caller: Caller; readonly api: Api }>();
  const jsonListener = getRequestListener(
    (request, env) => {
      const { incoming, outgoing } = env as HttpBindings;
      const admitted = callers.get(incoming);
      return (admitted?.api ?? options.site().api).fetch(request, { incoming, outgoing, caller: admitted?.caller });
    },
    { overrideGlobalObjects: false },
  );

  const answer = async (req: IncomingMessage, res: ServerResponse, expectsContinue: boolean): Promise<void> => {
    const { door, streams, api, lockGate, appHosts } = options.site();
    const app = appHosts?.appOf(req);
    if (appHosts !== undefined && app !== undefined) {
      await appHosts.answer(app, req, res, expectsContinue);
      return;
    }
    if (expectsContinue) res.writeContinue();
    door.enter(req, res);
    const [path = "/", search = ""] = (req.url ?? "/").split("?", 2);
    if (path !== "/api" && !path.startsWith("/api/")) {
      await servePortal(portal, req, res, path);
      return;
    }
    const caller = door.admit(req, res, path);
    if (!path.startsWith(`${apiPrefix}/`)) throw httpFaults.fault("unknown-route", "there is nothing at this address");
    for (const { pattern, methods, shared } of streams) {
      const match = pattern.exec(path.slice(apiPrefix.length));
      if (match === null) continue;
      const handler = methods[req.method ?? ""];
      if (handler === undefined) {
        if (shared === true) break;
        res.setHeader("allow", Object.keys(methods).join(", "));
        throw httpFaults.fault("method-not-allowed", "the address does not know this method");
      }
      lockGate.pass(path.slice(apiPrefix.length), res, toHex(caller.session?.tokenHash ?? new Uint8Array(0)));
      await handler({ req, res, caller, params: match.slice(1), query: new URLSearchParams(search) });
      return;
    }
    callers.set(req, { caller, api });
    // A body that trickles in forever would hold a connection; bulk bodies have their own clock. The socket's timer is
    // left alone, since it would outlive this request and cut a slow upload on the same connection.
    const timer = setTimeout(() => {
      if (!req.complete) req.destroy();
    }, jsonBodyMs);
    res.once("close", () => clearTimeout(timer));
    await jsonListener(req, res);
  };

  const bounds = {
    headersTimeout: headersMs,
    requestTimeout: 0,
    keepAliveTimeout: keepAliveMs,
    maxHeaderSize: headerBytesMax,
    // Whoever asks for another switch gets an answer without one.
    shouldUpgradeCallback: ({ headers }: IncomingMessage) => headers.upgrade?.toLowerCase() === "websocket",
  };
  const unanswered = new Unanswered();
  const listen = (expectsContinue: boolean) => (req: IncomingMessage, res: ServerResponse) => {
    unanswered.add(req, res);
    // Writing to a connection that has just gone is an event of its own; `close` says what has to be known.
    res.on("error", (error) => log.debug("reply-not-taken", { error: error.message }));
    answer(req, res, expectsContinue).catch((error: unknown) => sendProblem(req, res, error, log));
  };
  const { certificate, contextOf } = options;
  const choose = (name: string, tell: (error: Error | null, context?: SecureContext) => void): void => {
    const context = contextOf?.(name.toLowerCase());
    if (context === undefined) tell(null);
    else tell(null, context);
  };
  const server =
    certificate === undefined
      ? createServer(bounds, listen(false))
      : createSecureServer(
          { ...bounds, ...certificate, minVersion: "TLSv1.3", handshakeTimeout: headersMs, SNICallback: choose },
          listen(false),
        );
  server.on("checkContinue", listen(true));
  server.on("connect", (req, socket) => {
    unanswered.end(req);
    socket.destroy();
  });
  server.on("upgrade", (req, socket, head) => {
    if (unanswered.end(req)) {
      socket.destroy();
      return;
    }
    const { appHosts } = options.site();
    const app = appHosts?.appOf(req);
    // The portal itself switches to nothing else.
    if (appHosts === undefined || app === undefined) socket.destroy();
    else appHosts.upgrade(app, req, socket, head);
  });
  server.maxRequestsPerSocket = 0;
  return server;
}

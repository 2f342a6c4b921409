import type { ClientRequest, IncomingMessage } from "node:http";
import { Agent, request as httpsRequest } from "node:https";
import type { Duplex } from "node:stream";
import { connect } from "node:tls";
import { discard, equalConstantTime, toHex } from "@piccolo/bytes";
import {
  asTransportFault,
  type Message,
  type PeerTarget,
  type RequestOptions,
  transportFaults,
} from "@piccolo/storage/ports";
import type { World } from "@piccolo/world";
import { bulkPath } from "./bulk-server.ts";
import { certifiedKey, type ChannelCertificate } from "./channel-certificate.ts";
import type { ClockEvidence } from "./clock-evidence.ts";
import { unreachable } from "./faults.ts";
import { contentBytes, contentSource, sendContent } from "./http-message.ts";
import { IdleWatch } from "./idle-watch.ts";
import { MessageInlet } from "./message-inlet.ts";
import { type Place, ReachablePlaces } from "./reachable-place.ts";

/** Requests under way to one device; each has a connection of its own, which is kept. */
const connectionsPerDevice = 8;

export interface BulkPathOptions {
  readonly certificate: ChannelCertificate;
  readonly world: World;
  readonly idleTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly clocks: ClockEvidence;
  readonly stopping: AbortSignal;
}

/** Nothing came back, so the request may be made again on another way. */
class NoAnswer extends Error {}

/** Requests over HTTP/1.1 with mutual TLS to devices that announce an address for it. */
export class BulkPath {
  readonly #options: BulkPathOptions;
  readonly #agents = new Map<string, PinnedAgent>();
  readonly #places: ReachablePlaces;

  constructor(options: BulkPathOptions) {
    this.#options = options;
    this.#places = new ReachablePlaces(options.world, options.connectTimeoutMs);
  }

  isConnectedTo(deviceKey: Uint8Array): boolean {
    const device = toHex(deviceKey);
    return [...this.#agents].some(([key, agent]) => key.startsWith(device) && agent.hasConnections());
  }

  /** Undefined where the device did not answer on this path; then another one may be tried. */
  async request(target: PeerTarget, request: Message, options: RequestOptions): Promise<Message | undefined> {
    const device = toHex(target.deviceKey);
    const place = await this.#places.find(device, target.addresses.flatMap(placeOf), options.signal);
    if (place === undefined) return undefined;
    try {
      const agent = this.#agentFor(target.deviceKey, place);
      const message = await this.#exchange(agent, place, target.deviceKey, request, options);
      this.#places.answered(device);
      return message;
    } catch (error) {
      options.signal.throwIfAborted();
      if (!(error instanceof NoAnswer)) throw asTransportFault(error);
      this.#places.failed(device);
      return undefined;
    }
  }

  close(): void {
    for (const agent of this.#agents.values()) agent.destroy();
  }

  #agentFor(deviceKey: Uint8Array, { host, port }: Place): PinnedAgent {
    const key = `${toHex(deviceKey)} ${host} ${port}`;
    const agent = this.#agents.get(key) ?? new PinnedAgent(deviceKey, this.#options);
    this.#agents.set(key, agent);
    return agent;
  }

  async #exchange(
    agent: PinnedAgent,
    place: Place,
    deviceKey: Uint8Array,
    message: Message,
    options: RequestOptions,
  ): Promise<Message> {
    for (let attempt = 0; ; attempt++) {
      const request = httpsRequest({
        ...place,
        agent,
        method: "POST",
        path: bulkPath,
        headers: { "content-length": contentBytes(message) },
      });
      try {
        return await this.#exchangeOnce(request, deviceKey, message, options);
      } catch (error) {
        // A kept connection may have been closed by the other side in the very moment it was used again.
        if (!(error instanceof NoAnswer && request.reusedSocket && attempt < connectionsPerDevice)) throw error;
        options.signal.throwIfAborted();
      }
    }
  }

  async #exchangeOnce(
    request: ClientRequest,
    deviceKey: Uint8Array,
    message: Message,
    options: RequestOptions,
  ): Promise<Message> {
    const { world, idleTimeoutMs, clocks, stopping } = this.#options;
    const watch = new IdleWatch(world, idleTimeoutMs);
    const signal = AbortSignal.any([options.signal, watch.signal, stopping]);
    const answered = Promise.withResolvers<IncomingMessage>();
    const onAbort = (): void => {
      answered.reject(signal.reason);
      request.destroy(signal.reason instanceof Error ? signal.reason : new Error("the request was aborted"));
    };
    // A request that waits for a connection of its device is not silent.
    watch.pause();
    request.once("socket", () => watch.resume());
    request.once("response", answered.resolve);
    request.on("error", (error) => answered.reject(new NoAnswer("the device did not answer", { cause: error })));
    signal.addEventListener("abort", onAbort, { once: true });
    let isSent = false;
    let isWhole = false;
    try {
      if (signal.aborted) onAbort();
      // A holder may refuse before it has read the body, so sending and listening go on side by side.
      const sending = sendContent(request, message, watch).then(
        () => (isSent = true),
        () => undefined,
      );
      const response = await answered.promise;
      const source = contentSource(response, watch);
      signal.addEventListener("abort", () => source.fail(new Error("the request was aborted")), { once: true });
      if (response.statusCode !== 200) {
        throw transportFaults.fault("peer-protocol", `the device answered with HTTP status ${response.statusCode}`);
      }
      const peerMs = Date.parse(response.headers.date ?? "");
      if (Number.isFinite(peerMs)) clocks.note(deviceKey, peerMs - world.nowMs());
      const inlet = new MessageInlet(source, options.maxBodyBytes);
      const { frame } = await inlet.frame();
      const body = await inlet.body();
      if (isSent) await sending;
      isWhole = true;
      return { frame, body, release: () => body.forEach(discard) };
    } catch (error) {
      options.signal.throwIfAborted();
      watch.signal.throwIfAborted();
      if (stopping.aborted) throw unreachable("this device is stopping", error);
      throw error;
    } finally {
      signal.removeEventListener("abort", onAbort);
      watch.stop();
      if (!isSent || !isWhole) request.destroy();
    }
  }
}

/** Connections to exactly one device: they are handed out only after it has proved its key. */
class PinnedAgent extends Agent {
  readonly #deviceKey: Uint8Array;
  readonly #path: BulkPathOptions;

  constructor(deviceKey: Uint8Array, path: BulkPathOptions) {
    super({ keepAlive: true, maxSockets: connectionsPerDevice, scheduling: "lifo" });
    this.#deviceKey = deviceKey;
    this.#path = path;
  }

  hasConnections(): boolean {
    return Object.keys(this.sockets).length > 0 || Object.keys(this.freeSockets).length > 0;
  }

  override createConnection(
    { host, port }: { readonly host?: string | null; readonly port?: number | string | null },
    onConnection?: (error: Error | null, connection: Duplex) => void,
  ): undefined {
    const { cert, key } = this.#path.certificate;
    const socket = connect({
      host: host ?? "",
      port: Number(port),
      cert,
      key: key.export({ format: "pem", type: "pkcs8" }),
      minVersion: "TLSv1.3",
      // No authority is trusted: the key is compared below, and the handshake proves that the device has it.
      rejectUnauthorized: false,
    });
    const onFailure = (error: Error): void => {
      socket.destroy();
      onConnection?.(error, socket);
      onConnection = undefined;
    };
    const onTimeout = (): void => onFailure(new Error("connecting took too long"));
    socket.once("error", onFailure);
    socket.once("timeout", onTimeout);
    socket.setTimeout(this.#path.connectTimeoutMs);
    socket.once("secureConnect", () => {
      socket.setTimeout(0);
      socket.off("timeout", onTimeout);
      socket.setNoDelay(true);
      const proved = certifiedKey(socket.getPeerX509Certificate());
      if (proved === undefined || !equalConstantTime(proved, this.#deviceKey)) {
        onFailure(new Error("another device answers at this address"));
        return;
      }
      socket.off("error", onFailure);
      onConnection?.(null, socket);
    });
    return undefined;
  }
}

const bulkAddress = /^\/(?:ip4|ip6|dns|dns4|dns6)\/([^/]+)\/tcp\/(\d{1,5})\/tls\/http$/;

function placeOf(address: string): Place[] {
  const [, host, port] = bulkAddress.exec(address) ?? [];
  return host === undefined || port === undefined ? [] : [{ host, port: Number(port) }];
}

/** The form in which a place of this path is announced. */
export function bulkAddressOf(host: string, port: number): string {
  return `/${host.includes(":") ? "ip6" : "ip4"}/${host}/tcp/${port}/tls/http`;
}

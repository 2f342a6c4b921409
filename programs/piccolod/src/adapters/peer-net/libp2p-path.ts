import { multiaddr } from "@multiformats/multiaddr";
import { discard, toHex } from "@piccolo/bytes";
import {
  asTransportFault,
  type Message,
  orAborted,
  type PeerHandler,
  type PeerTarget,
  type RequestOptions,
} from "@piccolo/storage/ports";
import { maxBodyBytes } from "@piccolo/wire";
import type { World } from "@piccolo/world";
import { certificateFault, type ClockEvidence } from "./clock-evidence.ts";
import { deviceKeyOf, type PeerId, peerIdOf } from "./device-peer.ts";
import { unreachable } from "./faults.ts";
import { IdleWatch } from "./idle-watch.ts";
import { maxStreamsPerConnection, type Node, withPeer } from "./libp2p-node.ts";
import { type Connection, sendMessage, type Stream, streamSource } from "./libp2p-stream.ts";
import { MessageInlet } from "./message-inlet.ts";
import { RequestSlots } from "./request-slots.ts";
import { discardRest, leastBytesPerSecond, type Log, serveExchange } from "./serve-exchange.ts";

export const protocol = "/piccolo/fragments/1";
/** For devices that are no member's yet (docs/spec/wire.md section 5). */
export const recoverProtocol = "/piccolo/recover/1";

export interface PathOptions {
  readonly protocol: string;
  readonly handler: PeerHandler;
  readonly isAllowed: (deviceKey: Uint8Array) => boolean;
  readonly world: World;
  readonly log: Log;
  readonly idleTimeoutMs: number;
  readonly dialTimeoutMs: number;
  /** What a device has told the local network of itself; none where multicast DNS is off. */
  readonly localAddressesOf: (deviceKey: Uint8Array) => readonly string[];
  readonly clocks: ClockEvidence;
  /** Aborted when the device stops. */
  readonly stopping: AbortSignal;
}

/** Requests over libp2p, direct or through the relay: one stream each. */
export class Libp2pPath {
  readonly #node: Node;
  readonly #options: PathOptions;
  readonly #slots = new RequestSlots(maxStreamsPerConnection - 16);

  constructor(node: Node, options: PathOptions) {
    this.#node = node;
    this.#options = options;
  }

  async start(): Promise<void> {
    await this.#node.libp2p.handle(this.#options.protocol, (stream, connection) => this.#serve(stream, connection), {
      runOnLimitedConnection: true,
      maxInboundStreams: maxStreamsPerConnection,
      maxOutboundStreams: maxStreamsPerConnection,
    });
  }

  pathTo(deviceKey: Uint8Array): "direct" | "relay" | "none" {
    const connection = this.#openConnection(peerIdOf(deviceKey));
    if (connection === undefined) return "none";
    return isDirect(connection) ? "direct" : "relay";
  }

  async request(target: PeerTarget, request: Message, options: RequestOptions): Promise<Message> {
    const { world, idleTimeoutMs, stopping } = this.#options;
    const giveBack = await this.#slots.take(toHex(target.deviceKey), options.signal);
    const watch = new IdleWatch(world, idleTimeoutMs);
    const signal = AbortSignal.any([options.signal, watch.signal, stopping]);
    try {
      const { stream, connection } = await this.#open(target, signal, watch);
      const exchange = { watch, signal };
      try {
        return await this.#exchange(stream, connection, request, options.maxBodyBytes, exchange);
      } catch (error) {
        signal.throwIfAborted();
        const direct = this.#openConnection(peerIdOf(target.deviceKey));
        if (isDirect(connection) || direct === undefined || !isDirect(direct)) throw error;
        // The relayed connection was given up for a direct one in the middle; every request may be made again.
        const again = await this.#newStream(direct, signal);
        return await this.#exchange(again, direct, request, options.maxBodyBytes, exchange);
      }
    } catch (error) {
      options.signal.throwIfAborted();
      watch.signal.throwIfAborted();
      if (stopping.aborted) throw unreachable("this device is stopping", error);
      throw asTransportFault(error);
    } finally {
      watch.stop();
      giveBack();
    }
  }

  async #exchange(
    stream: Stream,
    connection: Connection,
    request: Message,
    mostBodyBytes: number,
    { watch, signal }: { readonly watch: IdleWatch; readonly signal: AbortSignal },
  ): Promise<Message> {
    const source = streamSource(stream, watch);
    const onAbort = (): void => {
      const reason = signal.reason instanceof Error ? signal.reason : new Error("the request was aborted");
      stream.abort(reason);
      source.fail(reason);
      // A device that lost its power never closes its connection: the next request makes a new one.
      if (
        watch.signal.aborted &&
        !connection.streams.some((other) => other !== stream && other.protocol === this.#options.protocol)
      ) {
        connection.abort(new Error("the device fell silent"));
      }
    };
    signal.addEventListener("abort", onAbort, { once: true });
    const inlet = new MessageInlet(source, mostBodyBytes);
    let isSent = false;
    try {
      if (signal.aborted) onAbort();
      // A holder may refuse before it has read the body, so sending and listening go on side by side.
      const sending = sendMessage(stream, request, watch).then(
        () => (isSent = true),
        () => undefined,
      );
      const { frame } = await inlet.frame();
      const body = await inlet.body();
      if (isSent) await sending;
      return { frame, body, release: () => body.forEach(discard) };
    } finally {
      signal.removeEventListener("abort", onAbort);
      if (!isSent || stream.status === "open") stream.abort(new Error("the exchange is over"));
    }
  }

  async #open(
    target: PeerTarget,
    signal: AbortSignal,
    watch: IdleWatch,
  ): Promise<{ readonly stream: Stream; readonly connection: Connection }> {
    const { deviceKey } = target;
    if (!this.#options.isAllowed(deviceKey)) throw unreachable("the device is not a member's; it is not asked");
    const peer = peerIdOf(deviceKey);
    const known = this.#openConnection(peer);
    if (known !== undefined) {
      try {
        return { stream: await this.#newStream(known, signal), connection: known };
      } catch (error) {
        signal.throwIfAborted();
        if (known.status === "open") throw unreachable("the device takes no request", error);
        // The connection ended since it was last used; a new one may come about.
      }
    }
    // Dialling has a limit of its own, which may be longer than the silence allowed within an exchange.
    watch.pause();
    const connection = await this.#dial(target, peer, signal);
    watch.resume();
    try {
      const stream = await this.#newStream(connection, signal);
      this.#options.clocks.noteAgreement(deviceKey);
      return { stream, connection };
    } catch (error) {
      signal.throwIfAborted();
      // A device that refuses this one's certificate, or does not let it in, closes right after the handshake.
      throw (
        this.#options.clocks.faultFor(deviceKey, error) ??
        unreachable("the device closed the connection: it does not let this one in, or its clock is wrong", error, {
          closedAtOnce: true,
        })
      );
    }
  }

  async #newStream(connection: Connection, signal: AbortSignal): Promise<Stream> {
    return connection.newStream(this.#options.protocol, {
      signal,
      runOnLimitedConnection: true,
      maxOutboundStreams: maxStreamsPerConnection,
    });
  }

  async #dial(target: PeerTarget, peer: PeerId, signal: AbortSignal): Promise<Connection> {
    const timeout = AbortSignal.timeout(this.#options.dialTimeoutMs);
    // What is announced may be out of date where central is out of reach; the local network may know better.
    const known = [...target.addresses, ...this.#options.localAddressesOf(target.deviceKey)];
    const addresses = known.flatMap((address) => dialable(address, peer.toString()));
    const to = addresses.length === 0 ? peer : addresses;
    try {
      return await orAborted(this.#node.libp2p.dial(to, { signal: AbortSignal.any([signal, timeout]) }), signal);
    } catch (error) {
      signal.throwIfAborted();
      if (hasClockFailure(error)) this.#options.clocks.noteAhead(target.deviceKey);
      throw (
        this.#options.clocks.faultFor(target.deviceKey, error) ??
        unreachable("none of the device's addresses answers as this device; it may be switched off", error)
      );
    }
  }

  /** Dials an address without knowing whose it is, and says whose it is. */
  async whoIsAt(address: string, signal: AbortSignal): Promise<PeerTarget> {
    const timeout = AbortSignal.timeout(this.#options.dialTimeoutMs);
    try {
      const dialling = this.#node.libp2p.dial(multiaddr(address), { signal: AbortSignal.any([signal, timeout]) });
      const { remotePeer } = await orAborted(dialling, signal);
      const deviceKey = deviceKeyOf(remotePeer);
      if (deviceKey !== undefined) return { deviceKey, addresses: [withPeer(address, remotePeer.toString())] };
    } catch (error) {
      signal.throwIfAborted();
      if (hasClockFailure(error)) throw certificateFault(error);
      throw unreachable("no device answers at this address; it may be switched off", error);
    }
    throw unreachable("what answers at this address is no device");
  }

  /** The best connection that stands: a direct one before one through the relay. */
  #openConnection(peer: PeerId): Connection | undefined {
    const open = this.#node.libp2p.getConnections(peer).filter(({ status }) => status === "open");
    return open.find(isDirect) ?? open[0];
  }

  async #serve(stream: Stream, connection: Connection): Promise<void> {
    const { handler, world, idleTimeoutMs, isAllowed, log, stopping } = this.#options;
    const deviceKey = deviceKeyOf(connection.remotePeer);
    if (deviceKey === undefined || !isAllowed(deviceKey)) {
      // The relay is connected, too, and membership may have ended since the gate let the device in.
      stream.abort(new Error("not a member"));
      return;
    }
    const watch = new IdleWatch(world, idleTimeoutMs, leastBytesPerSecond);
    const gone = new AbortController();
    stream.addEventListener("close", (event) => gone.abort(event.error ?? new Error("the connection closed")));
    const signal = AbortSignal.any([gone.signal, watch.signal, stopping]);
    const source = streamSource(stream, watch);
    const onAbort = (): void => {
      stream.abort(new Error("the exchange is over"));
      source.fail(new Error("the exchange is over"));
    };
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      const inlet = new MessageInlet(source, maxBodyBytes);
      const respond = (response: Message): Promise<void> => orAborted(sendMessage(stream, response, watch), signal);
      const isWhole = await serveExchange({ deviceKey, handler, inlet, watch, signal, log, respond });
      if (!isWhole) await discardRest(source, world, signal);
    } catch (error) {
      if (!signal.aborted) log("exchange-broke", { message: error instanceof Error ? error.message : "unknown" });
    } finally {
      signal.removeEventListener("abort", onAbort);
      watch.stop();
      if (stream.status !== "closed") stream.abort(new Error("the exchange is over"));
    }
  }
}

function isDirect({ limits, direct }: Connection): boolean {
  return limits === undefined && direct;
}

/** A multiaddr libp2p may dial to reach this peer; none where it names another peer or another path. */
function dialable(address: string, peer: string): ReturnType<typeof multiaddr>[] {
  if (address.includes("/http")) return [];
  try {
    const named = /\/p2p\/([^/]+)$/.exec(address)?.[1];
    if (named !== undefined && named !== peer) return [];
    return [multiaddr(withPeer(address, peer))];
  } catch {
    return [];
  }
}

function hasClockFailure(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.some(hasClockFailure);
  // The library wraps what its certificate check says and keeps only the text.
  return error instanceof Error && /certificate (?:is not valid yet|has expired)/i.test(error.message);
}

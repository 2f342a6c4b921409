import { concat, toHex } from "@piccolo/bytes";
import { isFault } from "@piccolo/fault";
import { encodeFraming, encodeResponse, FrameReader, maxBodyBytes, refusal } from "@piccolo/wire";
import type { World } from "@piccolo/world";
import {
  asTransportFault,
  type Message,
  orAborted,
  type PeerHandler,
  type PeerTarget,
  type PeerTransport,
  type RequestOptions,
  transportFaults,
} from "../ports/index.ts";

/** What happens to one request on its way. */
export type Interference =
  /** The other device never sees it, and nothing comes back. */
  | { readonly type: "drop" }
  /** It is handled, and the response is lost. */
  | { readonly type: "lose-response" }
  | { readonly type: "delay"; readonly ms: number }
  /** One byte of the response's frame or body is changed. */
  | { readonly type: "garble"; readonly part: "frame" | "body" }
  /** The connection is refused. */
  | { readonly type: "refuse" };

export interface MemoryTraffic {
  readonly from: Uint8Array;
  readonly to: Uint8Array;
  readonly request: Message;
}

export interface MemoryNetworkOptions {
  readonly world: World;
  /** Silence that long is a `peer-timeout`; undefined: it lasts until the request is aborted. */
  readonly timeoutMs?: number | undefined;
}

/** A device of a network in memory. */
export interface MemoryDevice {
  readonly deviceKey: Uint8Array;
  readonly handler: PeerHandler;
  readonly isAllowed: (deviceKey: Uint8Array) => boolean;
}

/** Bytes a device answers with whatever it is asked, instead of handling it; after them its stream ends or stays silent. */
export interface RawAnswer {
  readonly bytes: Uint8Array;
  readonly afterwards: "end" | "break" | "stall";
}

/** What a device's answer looks like on its way back. */
interface Arrived {
  readonly bytes: Uint8Array;
  readonly afterwards: RawAnswer["afterwards"];
}

/** Devices that reach each other without a network. Whatever is sent goes through the real framing. */
export class MemoryNetwork {
  readonly #world: World;
  readonly #timeoutMs: number | undefined;
  readonly #devices = new Map<string, MemoryDevice>();
  readonly #raw = new Map<string, RawAnswer>();
  /** Asked for every request; undefined lets it pass. */
  interfere: (traffic: MemoryTraffic) => Interference | undefined = () => undefined;

  constructor(options: MemoryNetworkOptions) {
    this.#world = options.world;
    this.#timeoutMs = options.timeoutMs;
  }

  /** Brings a device into the network; it answers and may ask until `leave`. */
  join(device: MemoryDevice): PeerTransport {
    this.#devices.set(toHex(device.deviceKey), device);
    return { request: (peer, request, options) => this.#request(device, peer, request, options) };
  }

  leave(deviceKey: Uint8Array): void {
    this.#devices.delete(toHex(deviceKey));
    this.#raw.delete(toHex(deviceKey));
  }

  /** A device that proves its key and then says anything. */
  answerRaw(deviceKey: Uint8Array, answer: RawAnswer): void {
    this.#raw.set(toHex(deviceKey), answer);
  }

  /** Lets a device's serving side read these bytes, as if a member had sent them; resolves with what it sends back. */
  async serveRaw(from: Uint8Array, to: Uint8Array, bytes: Uint8Array): Promise<Uint8Array> {
    const device = this.#devices.get(toHex(to));
    if (device === undefined || !device.isAllowed(from)) return new Uint8Array(0);
    return this.#serve(device, from, bytes, new AbortController().signal);
  }

  async #request(from: MemoryDevice, to: PeerTarget, request: Message, options: RequestOptions): Promise<Message> {
    const { signal } = options;
    signal.throwIfAborted();
    if (!from.isAllowed(to.deviceKey)) throw unreachable("this device does not talk to one that is no member");
    // A copy, as on a network: what the asker changes later does not reach the other side.
    const sent = encoded(request);
    const interference = this.interfere({ from: from.deviceKey, to: to.deviceKey, request });
    if (interference?.type === "refuse") throw unreachable("the connection was refused");
    const arrived = await orAborted(this.#exchange(from, to.deviceKey, sent, interference, signal), signal);
    return this.#read(arrived, options);
  }

  async #exchange(
    from: MemoryDevice,
    to: Uint8Array,
    sent: Uint8Array,
    interference: Interference | undefined,
    signal: AbortSignal,
  ): Promise<Arrived> {
    // A request never settles within the call that made it, as over a network.
    await Promise.resolve();
    if (interference?.type === "delay") await this.#world.sleep(interference.ms, signal);
    if (interference?.type === "drop") return { bytes: new Uint8Array(0), afterwards: "stall" };
    const raw = this.#raw.get(toHex(to));
    if (raw !== undefined) return raw;
    const device = this.#devices.get(toHex(to));
    if (device === undefined) throw unreachable("no device answers under that key");
    if (!device.isAllowed(from.deviceKey)) throw unreachable("the device does not let this one in");
    const bytes = await this.#serve(device, from.deviceKey, sent, signal);
    if (interference?.type === "lose-response") return { bytes: new Uint8Array(0), afterwards: "stall" };
    if (interference?.type === "garble") return { bytes: garbled(bytes, interference.part), afterwards: "end" };
    return { bytes, afterwards: "end" };
  }

  async #serve(device: MemoryDevice, from: Uint8Array, bytes: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    const reader = new FrameReader({ maxBodyBytes });
    try {
      const [first, ...rest] = reader.push(bytes);
      reader.finish();
      if (first?.type !== "frame") throw new Error("a whole message begins with its frame");
      const admitted = device.handler.admit(from, first.frame);
      if ("refusal" in admitted) return encoded(admitted.refusal);
      try {
        if (first.bodyBytes > admitted.bodyBytes) return refused("malformed", "the body is longer than granted");
        const body = rest.flatMap((event) => (event.type === "body" ? [event.bytes] : []));
        return encoded(await device.handler.handle(from, { frame: first.frame, body }, signal));
      } finally {
        admitted.release();
      }
    } catch (error) {
      if (isFault(error, "malformed")) return refused("malformed", error.message);
      return refused("internal", "the device could not do it; ask again later");
    }
  }

  async #read(arrived: Arrived, options: RequestOptions): Promise<Message> {
    const reader = new FrameReader({ maxBodyBytes: options.maxBodyBytes });
    try {
      const events = reader.push(arrived.bytes);
      if (!reader.ended && arrived.afterwards === "stall") await this.#silence(options.signal);
      if (!reader.ended && arrived.afterwards === "break")
        throw unreachable("the connection broke within the response");
      reader.finish();
      const [first, ...rest] = events;
      if (first?.type !== "frame") throw new Error("a whole message begins with its frame");
      return { frame: first.frame, body: rest.flatMap((event) => (event.type === "body" ? [event.bytes] : [])) };
    } catch (error) {
      throw asTransportFault(error);
    }
  }

  async #silence(signal: AbortSignal): Promise<never> {
    if (this.#timeoutMs === undefined) return orAborted(new Promise<never>(() => undefined), signal);
    await this.#world.sleep(this.#timeoutMs, signal);
    throw transportFaults.fault("peer-timeout", "the device did not answer in time; ask it again later");
  }
}

function unreachable(message: string): Error {
  return transportFaults.fault("peer-unreachable", message);
}

function encoded(message: Message): Uint8Array {
  const bodyBytes = message.body.reduce((sum, part) => sum + part.length, 0);
  return concat(encodeFraming(message.frame, bodyBytes), ...message.body);
}

function refused(code: "malformed" | "internal", message: string): Uint8Array {
  return encoded({ frame: encodeResponse(refusal(code, message)), body: [] });
}

/** Changes one byte behind the prefix: in the middle of the frame, or the last one of the body. */
function garbled(bytes: Uint8Array, part: "frame" | "body"): Uint8Array {
  const copy = bytes.slice();
  const frameBytes = new DataView(copy.buffer).getUint32(0);
  const at = part === "frame" ? 12 + Math.floor(frameBytes / 2) : copy.length - 1;
  copy[at] = (copy[at] ?? 0) ^ 0x55;
  return copy;
}

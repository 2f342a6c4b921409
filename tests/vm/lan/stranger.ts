/** Somebody on the same network as a machine, who tries every port. */
import { once } from "node:events";
import { connect, isIPv4, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import {
  allNodes,
  arpReply,
  arpRequest,
  datagram,
  echoRequest,
  hear,
  type Heard,
  isFor,
  nameQuestion,
  namesOfTheLink,
  neighbourAdvertisement,
  saysNameHas,
  type Station,
  tcpOpening,
} from "./frames.ts";

const hardware = Uint8Array.from([0x52, 0x54, 0, 0, 0, 0x77]);
const own = { ipv4: { hardware, address: "10.0.2.77" }, ipv6: { hardware, address: "fe80::77" } } as const;
const ownPort = 40_000;
const portsMax = 65_535;
/** QEMU keeps many more for a machine that is slow; after these it has to answer an echo. */
const atOnce = 1024;
const waitMs = 1_000;
const triesMax = 60;

/** Ports by what came back; what is silent is in none. */
export interface Scan {
  readonly open: readonly number[];
  readonly refused: readonly number[];
}

export class Stranger {
  readonly #socket: Socket;
  readonly #listeners = new Set<(heard: Heard) => void>();
  #rest: Buffer = Buffer.alloc(0);
  #echo = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    socket.on("error", () => undefined);
  }

  /** `path` is the socket of QEMU's `stream` network: each frame stands behind its length, four bytes. */
  static async join(path: string): Promise<Stranger> {
    const socket = connect(path);
    await once(socket, "connect");
    return new Stranger(socket);
  }

  #receive(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= 4) {
      const length = this.#rest.readUInt32BE(0);
      if (this.#rest.length < 4 + length) return;
      const frame = new Uint8Array(this.#rest.subarray(4, 4 + length));
      this.#rest = this.#rest.subarray(4 + length);
      // QEMU's hub tells everybody everything: what the machine asks the gateway is no answer to us.
      const heard = isFor(frame, hardware) ? hear(frame) : undefined;
      if (heard === undefined) continue;
      this.#answer(heard);
      for (const listener of this.#listeners) listener(heard);
    }
  }

  /** A machine sends nothing to somebody who does not say where he is. */
  #answer(heard: Heard): void {
    if (heard.kind !== "who-has") return;
    if (heard.wanted === own.ipv4.address) this.#send(arpReply(own.ipv4, heard.from));
    if (heard.wanted === own.ipv6.address) this.#send(neighbourAdvertisement(own.ipv6, heard.from));
  }

  #send(frame: Uint8Array): void {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(frame.length);
    this.#socket.write(Buffer.concat([length, frame]));
  }

  /** Asks until `wanted` is heard. */
  async #ask(frame: Uint8Array, wanted: (heard: Heard) => boolean): Promise<Heard> {
    for (let tries = 0; tries < triesMax; tries++) {
      const stop = new AbortController();
      const heard = new Promise<Heard>((resolve) => {
        const listener = (each: Heard): void => {
          if (wanted(each)) resolve(each);
        };
        this.#listeners.add(listener);
        stop.signal.addEventListener("abort", () => this.#listeners.delete(listener));
      });
      this.#send(frame);
      const late = delay(waitMs, undefined, { signal: stop.signal }).catch(() => undefined);
      const found = await Promise.race([heard, late]);
      stop.abort();
      if (found !== undefined) return found;
    }
    throw new Error("the machine is not heard on its own network");
  }

  /** Who has this IPv4 address. */
  async findByAddress(address: string): Promise<Station> {
    const found = await this.#ask(
      arpRequest(own.ipv4, address),
      ({ kind, from }) => kind === "is-at" && from.address === address,
    );
    return found.from;
  }

  /** The IPv6 address a machine gives itself, told by its hardware. */
  async findByHardware(station: Station): Promise<Station> {
    const isIt = (heard: Heard): boolean =>
      heard.kind === "echo" &&
      Buffer.from(heard.from.hardware).equals(station.hardware) &&
      heard.from.address.startsWith("fe80:");
    return (await this.#ask(echoRequest(own.ipv6, allNodes, ++this.#echo & 0xffff), isIt)).from;
  }

  /** Whether somebody says, by multicast DNS, that the name has the station's address; throws where nobody does. */
  async findByName(name: string, station: Station): Promise<Station> {
    const question = datagram(own.ipv4, namesOfTheLink, { from: 5353, to: 5353 }, nameQuestion(name));
    const isIt = (heard: Heard): boolean =>
      heard.kind === "udp" && heard.port === 5353 && saysNameHas(heard.content, name, station.address);
    return (await this.#ask(question, isIt)).from;
  }

  /** Asks every port for a connection, or sends each a datagram; the machine has seen them all when it resolves. */
  async scan(target: Station, by: "tcp" | "udp"): Promise<Scan> {
    const from = isIPv4(target.address) ? own.ipv4 : own.ipv6;
    const open = new Set<number>();
    const refused = new Set<number>();
    const isTarget = (heard: Heard): boolean =>
      heard.from.address === target.address && Buffer.from(heard.from.hardware).equals(target.hardware);
    const listener = (heard: Heard): void => {
      if (!isTarget(heard)) return;
      if (heard.kind === (by === "tcp" ? "tcp-open" : "udp")) open.add(heard.port);
      if (heard.kind === (by === "tcp" ? "tcp-refused" : "udp-refused")) refused.add(heard.port);
    };
    this.#listeners.add(listener);
    const frameOf = by === "tcp" ? tcpOpening : datagram;
    for (let port = 1; port <= portsMax; port++) {
      this.#send(frameOf(from, target, { from: ownPort, to: port }));
      if (port % atOnce === 0 || port === portsMax) await this.#untilSeen(from, target);
    }
    // What is answered late is answered by then.
    await delay(2 * waitMs);
    this.#listeners.delete(listener);
    const sorted = (ports: ReadonlySet<number>): number[] => [...ports].sort((a, b) => a - b);
    return { open: sorted(open), refused: sorted(refused) };
  }

  /** Frames are taken in order: once an echo comes back, those before were seen. */
  async #untilSeen(from: Station, target: Station): Promise<void> {
    const number = ++this.#echo & 0xffff;
    await this.#ask(echoRequest(from, target, number), (heard) => heard.kind === "echo" && heard.number === number);
  }

  leave(): void {
    this.#socket.destroy();
  }
}

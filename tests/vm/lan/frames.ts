/** Ethernet frames of a stranger on the same network: what he asks a device, and what it answers. IPv4 and IPv6, pure. */
import { isIPv4 } from "node:net";

export interface Station {
  /** Six bytes. */
  readonly hardware: Uint8Array;
  readonly address: string;
}

const types = { ipv4: 0x0800, arp: 0x0806, ipv6: 0x86dd } as const;
const protocols = { icmp: 1, tcp: 6, udp: 17, icmpv6: 58 } as const;
export const everybody = Uint8Array.from({ length: 6 }, () => 0xff);
/** All machines of the network (RFC 4291, 2.7.1), and the hardware address that stands for it. */
export const allNodes: Station = { hardware: Uint8Array.from([0x33, 0x33, 0, 0, 0, 1]), address: "ff02::1" };
/** Whoever answers for names ending in .local (RFC 6762, 3), and the hardware address for that (RFC 1112, 6.4). */
export const namesOfTheLink: Station = {
  hardware: Uint8Array.from([0x01, 0, 0x5e, 0, 0, 0xfb]),
  address: "224.0.0.251",
};

export function addressBytes(address: string): Uint8Array {
  if (isIPv4(address)) return Uint8Array.from(address.split(".").map(Number));
  const [front = "", back] = address.split("::");
  const groups = (text: string): number[] =>
    text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16));
  const [before, after] = [groups(front), groups(back ?? "")];
  const middle = back === undefined ? [] : Array<number>(8 - before.length - after.length).fill(0);
  return Uint8Array.from([...before, ...middle, ...after].flatMap((group) => [group >> 8, group & 0xff]));
}

export function addressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  const groups = Array.from({ length: 8 }, (_, at) =>
    (((bytes[2 * at] ?? 0) << 8) | (bytes[2 * at + 1] ?? 0)).toString(16),
  );
  return groups.join(":").replace(/(?:^|:)0(?::0)+(?::|$)/, "::");
}

const word = (value: number): number[] => [(value >> 8) & 0xff, value & 0xff];

/** The sum of RFC 1071. */
export function checksum(...parts: readonly (Uint8Array | readonly number[])[]): number {
  let sum = 0;
  for (const part of parts) {
    for (let at = 0; at < part.length; at += 2) sum += ((part[at] ?? 0) << 8) | (part[at + 1] ?? 0);
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

function ethernet(to: Uint8Array, from: Uint8Array, type: number, content: Uint8Array | readonly number[]): Uint8Array {
  const frame = new Uint8Array(Math.max(60, 14 + content.length));
  frame.set([...to, ...from, ...word(type)]);
  frame.set(content, 14);
  return frame;
}

/** A packet in its frame; `fill` puts the checksum, which in IPv6 and TCP covers the addresses too. */
function packet(from: Station, to: Station, protocol: number, content: number[], checksumAt: number): Uint8Array {
  const [source, target] = [addressBytes(from.address), addressBytes(to.address)];
  const pseudo = [0, protocol, ...word(content.length)];
  const covered = protocol === protocols.icmp ? [content] : [source, target, pseudo, content];
  const sum = checksum(...covered);
  content.splice(checksumAt, 2, ...word(protocol === protocols.udp && sum === 0 ? 0xffff : sum));
  if (source.length === 16) {
    const head = [0x60, 0, 0, 0, ...word(content.length), protocol, 255, ...source, ...target];
    return ethernet(to.hardware, from.hardware, types.ipv6, [...head, ...content]);
  }
  const head = [0x45, 0, ...word(20 + content.length), 0, 0, 0x40, 0, 64, protocol, 0, 0, ...source, ...target];
  head.splice(10, 2, ...word(checksum(head)));
  return ethernet(to.hardware, from.hardware, types.ipv4, [...head, ...content]);
}

/** Asks for a connection. */
export function tcpOpening(
  from: Station,
  to: Station,
  ports: { readonly from: number; readonly to: number },
): Uint8Array {
  const content = [...word(ports.from), ...word(ports.to), 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x02, 0x20, 0, 0, 0, 0, 0];
  return packet(from, to, protocols.tcp, content, 16);
}

export function datagram(
  from: Station,
  to: Station,
  ports: { readonly from: number; readonly to: number },
  content: Uint8Array = Buffer.from("anybody?"),
): Uint8Array {
  const head = [...word(ports.from), ...word(ports.to), ...word(8 + content.length), 0, 0];
  return packet(from, to, protocols.udp, [...head, ...content], 6);
}

const labels = (name: string): Buffer =>
  Buffer.from(name.split(".").flatMap((label) => [label.length, ...Buffer.from(label)]));

/** Which address has the name? (RFC 1035, 4.1; RFC 6762, 18.) */
export function nameQuestion(name: string): Uint8Array {
  const head = [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
  return Uint8Array.from([...head, ...labels(name), 0, 0, 1, 0, 1]);
}

/** Whether a message answers with authority that the name has the address. */
export function saysNameHas(message: Uint8Array, name: string, address: string): boolean {
  const text = Buffer.from(message);
  return ((message[2] ?? 0) & 0x84) === 0x84 && text.includes(labels(name)) && text.includes(addressBytes(address));
}

/** Asks for an echo with this number. */
export function echoRequest(from: Station, to: Station, number: number): Uint8Array {
  const [protocol, type] = isIPv4(to.address) ? [protocols.icmp, 8] : [protocols.icmpv6, 128];
  return packet(from, to, protocol, [type, 0, 0, 0, 0x70, 0x63, ...word(number)], 2);
}

/** Whose hardware has this address? ARP (RFC 826). */
export function arpRequest(from: Station, address: string): Uint8Array {
  return arp(1, everybody, from, { hardware: new Uint8Array(6), address });
}

export function arpReply(from: Station, to: Station): Uint8Array {
  return arp(2, to.hardware, from, to);
}

function arp(operation: number, destination: Uint8Array, from: Station, to: Station): Uint8Array {
  const head = [0, 1, ...word(types.ipv4), 6, 4, ...word(operation)];
  const ends = [...from.hardware, ...addressBytes(from.address), ...to.hardware, ...addressBytes(to.address)];
  return ethernet(destination, from.hardware, types.arp, [...head, ...ends]);
}

/** The same in IPv6 (RFC 4861, 4.4). */
export function neighbourAdvertisement(from: Station, to: Station): Uint8Array {
  const content = [136, 0, 0, 0, 0x60, 0, 0, 0, ...addressBytes(from.address), 2, 1, ...from.hardware];
  return packet(from, to, protocols.icmpv6, content, 2);
}

export type Heard =
  /** Who asks for the hardware of `wanted`, or tells his own. */
  | { readonly kind: "who-has" | "is-at"; readonly from: Station; readonly wanted: string }
  | { readonly kind: "echo"; readonly from: Station; readonly number: number }
  /** An answer of a port: it takes connections (`open`), or says that it does not. */
  | { readonly kind: "tcp-open" | "tcp-refused"; readonly from: Station; readonly port: number }
  | { readonly kind: "udp"; readonly from: Station; readonly port: number; readonly content: Uint8Array }
  /** The machine itself says that nobody is at a port. */
  | { readonly kind: "udp-refused"; readonly from: Station; readonly port: number };

/** Whether a card with that hardware address takes the frame: it is sent to it, or to a group (IEEE 802, the lowest bit of the first byte). */
export function isFor(frame: Uint8Array, hardware: Uint8Array): boolean {
  if (((frame[0] ?? 0) & 1) === 1) return true;
  return hardware.every((byte, at) => frame[at] === byte);
}

/** What a frame says, if anything. */
export function hear(frame: Uint8Array): Heard | undefined {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const bytes = (at: number, length: number): Uint8Array => frame.slice(at, at + length);
  const hardware = bytes(6, 6);
  try {
    const type = view.getUint16(12);
    if (type === types.arp) {
      const from = { hardware: bytes(22, 6), address: addressText(bytes(28, 4)) };
      return { kind: view.getUint16(20) === 1 ? "who-has" : "is-at", from, wanted: addressText(bytes(38, 4)) };
    }
    if (type === types.ipv4) {
      const at = 14 + (view.getUint8(14) & 0x0f) * 4;
      const from = { hardware, address: addressText(bytes(26, 4)) };
      return hearInside(view, { at, protocol: view.getUint8(23), from, header: 20 });
    }
    if (type !== types.ipv6) return undefined;
    const from = { hardware, address: addressText(bytes(22, 16)) };
    return hearInside(view, { at: 54, protocol: view.getUint8(20), from, header: 40 });
  } catch (error) {
    // Too short to be one of those.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

interface Inside {
  readonly at: number;
  readonly protocol: number;
  readonly from: Station;
  /** Length of an IP header of this version: it stands before the port in what an error quotes. */
  readonly header: number;
}

function hearInside(view: DataView, { at, protocol, from, header }: Inside): Heard | undefined {
  const first = view.getUint8(at);
  if (protocol === protocols.tcp) {
    const flags = view.getUint8(at + 13);
    return { kind: (flags & 0x04) === 0 ? "tcp-open" : "tcp-refused", from, port: view.getUint16(at) };
  }
  if (protocol === protocols.udp) {
    const content = new Uint8Array(view.buffer, view.byteOffset + at + 8, view.getUint16(at + 4) - 8).slice();
    return { kind: "udp", from, port: view.getUint16(at), content };
  }
  if (protocol === protocols.icmp || protocol === protocols.icmpv6) {
    const isNew = protocol === protocols.icmpv6;
    if (first === (isNew ? 129 : 0)) return { kind: "echo", from, number: view.getUint16(at + 6) };
    if (first === (isNew ? 1 : 3)) return { kind: "udp-refused", from, port: view.getUint16(at + 8 + header + 2) };
    if (isNew && first === 135) {
      const wanted = addressText(
        new Uint8Array(view.buffer.slice(view.byteOffset + at + 8, view.byteOffset + at + 24)),
      );
      return { kind: "who-has", from, wanted };
    }
  }
  return undefined;
}

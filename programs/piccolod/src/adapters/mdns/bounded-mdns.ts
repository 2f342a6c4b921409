/** Multicast DNS that reads no more of what anybody on the network sends than a device has to. */
import { createSocket } from "node:dgram";
import multicastDns, { type MulticastDNS, type Options } from "multicast-dns";

/** RFC 6762, section 17. */
const packetBytesMax = 9_000;
/** Questions and records of all kinds; far more than names a household's devices ask for, or answer with, at once. */
const entriesMax = 128;
const headerBytes = 12;

/**
 * Whether a packet may be read. The library follows each name through as many pointers as lie before it, so that the work
 * grows with the size times the entries: at these bounds it is half a million pointers and takes milliseconds, at those of
 * a datagram more than a hundred times that.
 */
export function isReadable(packet: Uint8Array): boolean {
  if (packet.length < headerBytes || packet.length > packetBytesMax) return false;
  const header = new DataView(packet.buffer, packet.byteOffset, headerBytes);
  return [4, 6, 8, 10].reduce((entries, at) => entries + header.getUint16(at), 0) <= entriesMax;
}

/** As the library makes it, of packets that may be read; the others are dropped unseen. */
export function openMulticastDns(options: Options = {}): MulticastDNS {
  const socket = options.socket ?? createSocket({ type: "udp4", reuseAddr: options.reuseAddr ?? true });
  const dns = multicastDns({ ...options, socket });
  const [read] = socket.listeners("message");
  if (read === undefined) throw new Error("the library does not listen to its socket");
  socket.removeAllListeners("message");
  socket.on("message", (packet, from) => {
    if (isReadable(packet)) read.call(socket, packet, from);
  });
  return dns;
}

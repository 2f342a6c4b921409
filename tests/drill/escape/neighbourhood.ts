/** What the hostile app could find around it: a home network, the internet, services of the host, and IPv6 of its own. */
import { createSocket, type Socket } from "node:dgram";
import { writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { must } from "./scene.ts";

/** This machine's own on the home network, and a neighbour's there; one of the internet behind the neighbour. */
export const places = {
  host: "192.168.77.2",
  neighbour: "192.168.77.1",
  internet: "44.0.0.1",
  host6: "2001:db8:77::2",
  neighbour6: "2001:db8:77::1",
  internet6: "2a00:1::1",
} as const;

/** A machine beyond this one that answers on port 80, over IPv4 and IPv6. */
export function makeNeighbourhood(): void {
  must("ip", "netns", "add", "outside");
  must("ip", "link", "add", "out0", "type", "veth", "peer", "name", "in0", "netns", "outside");
  must("ip", "address", "add", `${places.host}/24`, "dev", "out0");
  must("ip", "address", "add", `${places.host6}/64`, "dev", "out0", "nodad");
  must("ip", "link", "set", "out0", "up");
  for (const args of [
    ["link", "set", "lo", "up"],
    ["address", "add", `${places.neighbour}/24`, "dev", "in0"],
    ["address", "add", `${places.neighbour6}/64`, "dev", "in0", "nodad"],
    ["address", "add", `${places.internet}/32`, "dev", "lo"],
    ["address", "add", `${places.internet6}/128`, "dev", "lo", "nodad"],
    ["link", "set", "in0", "up"],
    ["route", "add", "default", "via", places.host],
    ["-6", "route", "add", "default", "via", places.host6],
  ]) {
    must("ip", "-n", "outside", ...args);
  }
  must("ip", "route", "add", "default", "via", places.neighbour);
  must("ip", "-6", "route", "add", "default", "via", places.neighbour6);
  must("sh", "-c", "ip netns exec outside /bin/busybox httpd -p [::]:80 -h /");
}

/** Services of the host, on all its addresses. */
export async function openServices(port: number): Promise<readonly Server[]> {
  return Promise.all(
    ["0.0.0.0", "::"].map(async (host) => {
      const server = createServer((socket) => socket.on("error", () => undefined).end("host\n"));
      await new Promise<void>((resolve) => server.listen({ host, port, ipv6Only: host === "::" }, resolve));
      return server;
    }),
  );
}

/** What every name is, where `answerNames` is asked. */
export const madeUpAddress = "192.0.2.77";

/** A name server of the host that knows an IPv4 address for every name. */
export async function answerNames(address: string): Promise<Socket> {
  const server = createSocket("udp4");
  server.on("message", (query, from) => {
    // Behind the head of twelve bytes one question: labels, then type and class.
    const end = query.indexOf(0, 12) + 5;
    const reply = Buffer.from(query.subarray(0, end));
    reply.writeUInt16BE(0x8180, 2);
    reply.writeUInt32BE(0x0001_0001, 4);
    reply.writeUInt32BE(0, 8);
    const record = Buffer.from([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ...madeUpAddress.split(".").map(Number)]);
    server.send(Buffer.concat([reply, record]), from.port, from.address);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.bind(53, address, resolve);
  });
  return server;
}

/** A bridge of an app, and how the app's container names its end of it. */
export interface Bridge {
  readonly name: string;
  readonly gateway: string;
  readonly linkLocal: string;
  readonly device: string;
  /** Whether it is the network without a way out. */
  readonly isInner: boolean;
}

/** On the network of that number, which no app has of itself. */
export const own6 = (number: number, who: "host" | "app"): string => `fd00:77:${number}::${who === "host" ? 1 : 5}`;

/** Gives a container IPv6 on its networks, with a way out by the last of them, and has the host forward. */
export function giveIpv6(pid: number, networks: readonly (readonly [number: number, bridge: Bridge])[]): void {
  const inside = (...args: readonly string[]): string =>
    must("nsenter", "--target", String(pid), "--net", "ip", "-6", ...args);
  for (const [number, { name, device }] of networks) {
    must("ip", "-6", "address", "add", `${own6(number, "host")}/64`, "dev", name, "nodad");
    inside("address", "add", `${own6(number, "app")}/64`, "dev", device, "nodad");
    inside("route", "replace", "default", "via", own6(number, "host"), "dev", device);
  }
  writeFileSync("/proc/sys/net/ipv6/conf/all/forwarding", "1");
}

/**
 * A machine beyond this one: at an address of the home network, one of the internet, and one of each range that no app may
 * reach. It answers visits on port 80 and questions for names. Made with what busybox alone has, so that a machine with
 * nothing else can have it.
 */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { readlinkSync } from "node:fs";

export const publicAddress = "44.0.0.1";
export const homeAddress = "192.168.77.1";
/** This machine's own on the home network. */
export const hostAddress = "192.168.77.2";
export const webPort = 80;
export const knownName = "example.org";
/** What every name is for whoever asks at the outside. */
export const knownAddress = "44.0.0.77";

const device = "out0";

export function must(program: string, ...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: "utf8" });
  assert.equal(status, 0, `${program} ${args.join(" ")}: ${stderr}`);
  return stdout;
}

const ip = (...args: readonly string[]): string => must("/bin/busybox", "ip", ...args);

/** Knows an address for every name; as a program, since it runs in another network than who starts it. */
const nameServer = `
const server = require("node:dgram").createSocket("udp4");
server.on("message", (query, from) => {
  // Behind the head of twelve bytes one question: labels, then type and class.
  const end = query.indexOf(0, 12) + 5;
  const isAddress = query.readUInt16BE(end - 4) === 1;
  const reply = Buffer.from(query.subarray(0, end));
  reply.writeUInt16BE(0x8180, 2);
  reply.writeUInt32BE(isAddress ? 0x00010001 : 0x00010000, 4);
  reply.writeUInt32BE(0, 8);
  const record = Buffer.from([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ${knownAddress.replaceAll(".", ", ")}]);
  server.send(isAddress ? Buffer.concat([reply, record]) : reply, from.port, from.address);
});
server.bind(53, "${publicAddress}");
`;

export class Outside {
  readonly #pid: number;

  private constructor(pid: number) {
    this.#pid = pid;
  }

  /** `more`: addresses it has besides. It is there as long as the machine of this process. */
  static async make(more: readonly string[] = []): Promise<Outside> {
    const place = spawn("unshare", ["--net", "sleep", "infinity"], { stdio: "ignore" });
    place.unref();
    const { pid = 0 } = place;
    const outside = new Outside(pid);
    while (readlinkSync(`/proc/${pid}/ns/net`) === readlinkSync("/proc/self/ns/net")) await delay(10);
    // The other end is named by the kernel: nothing says what it shall be called.
    ip("link", "add", device, "type", "veth");
    const peer = /(veth\d+)@out0/.exec(ip("-o", "link"))?.[1] ?? assert.fail("no other end");
    ip("link", "set", peer, "netns", String(pid));
    ip("address", "add", `${hostAddress}/24`, "dev", device);
    ip("link", "set", device, "up");
    outside.#ip("link", "set", "lo", "up");
    outside.#ip("address", "add", `${homeAddress}/24`, "dev", peer);
    for (const address of [publicAddress, ...more]) outside.#ip("address", "add", `${address}/32`, "dev", "lo");
    outside.#ip("link", "set", peer, "up");
    outside.#ip("route", "add", "default", "via", hostAddress);
    ip("route", "add", "default", "via", homeAddress);
    outside.#must("/bin/busybox", "httpd", "-p", String(webPort), "-h", "/");
    const names = spawn("nsenter", [...outside.#inside, process.execPath, "-e", nameServer], { stdio: "ignore" });
    names.unref();
    while (!outside.#does("/bin/busybox", "nslookup", "-type=a", knownName, publicAddress)) await delay(50);
    return outside;
  }

  get #inside(): readonly string[] {
    return [`--net=/proc/${this.#pid}/ns/net`];
  }

  #must(...command: readonly string[]): string {
    return must("nsenter", ...this.#inside, ...command);
  }

  #ip(...args: readonly string[]): string {
    return this.#must("/bin/busybox", "ip", ...args);
  }

  #does(...command: readonly string[]): boolean {
    return spawnSync("nsenter", [...this.#inside, ...command], { input: "" }).status === 0;
  }

  /** Whether the outside reaches what listens there. */
  connects(address: string, port: number): boolean {
    return this.#does("/bin/busybox", "nc", "-w", "2", address, String(port));
  }
}

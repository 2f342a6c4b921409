/** Networks, containers and rules on which the isolation suites try what an app cannot do, and what switches the rules off. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createSocket, type Socket } from "node:dgram";
import { createServer, type Server } from "node:net";
import type { SealedAppStorage } from "../../programs/piccolod/src/adapters/app-storage/sealed-app-storage.ts";
import { NftFirewall } from "../../programs/piccolod/src/adapters/firewall/nft-firewall.ts";
import { keptAwayFrom } from "../../programs/piccolod/src/adapters/firewall/rules.ts";
import type { Log } from "../../programs/piccolod/src/adapters/log.ts";
import type { Podman } from "../../programs/piccolod/src/adapters/podman/podman.ts";
import type { ContainerSpec, NetworkSpec } from "../../programs/piccolod/src/apps/runtime/container-spec.ts";
import type { FirewallPlan } from "../../programs/piccolod/src/apps/runtime/firewall.ts";
import { forEver, loadSuiteImage, specOf } from "../../programs/piccolod/test-support/container-runtime-suite.ts";
import { forwardEverywhere, onlyMasquerade, savedRules } from "./forwarding.ts";
import { must, Outside } from "./outside.ts";
import { pidOf } from "./podman-call.ts";

export interface IsolationParts {
  /** The files that bound what containers write to their roots. */
  readonly rootFiles: () => readonly string[];
  readonly runtime: Podman;
  /** Of the runtime's service. */
  readonly socketPath: string;
  readonly cgroupParent: string;
  readonly storage: SealedAppStorage;
  readonly log: Log;
}

const tag = "iso0";
export const inner = (number: number): NetworkSpec => ({
  name: `pc${tag}-${number}i`,
  bridge: `pc${tag}-${number}i`,
  subnet: `10.132.${number}.0/26`,
  gateway: `10.132.${number}.1`,
  internal: true,
  nameService: false,
});
export const outer = (number: number): NetworkSpec => ({
  name: `pc${tag}-${number}o`,
  bridge: `pc${tag}-${number}o`,
  subnet: `10.132.${number}.0/26`,
  gateway: `10.132.${number}.1`,
  internal: false,
  nameService: true,
});
const networks = [inner(1), inner(2), outer(8), outer(9)];
const plan: FirewallPlan = {
  bridgePrefix: `pc${tag}-`,
  networks: networks.map(({ bridge, gateway, internal }) => ({ bridge, gateway, egress: !internal })),
};

/** Containers that stay: who tries, and who is tried. */
const attackers = {
  /** Without a way out, of its own. */
  inside: { network: inner(1), address: "10.132.1.5", nameServers: [] },
  /** With one, as the owner agreed. */
  outgoing: { network: outer(9), address: "10.132.9.5", nameServers: [outer(9).gateway] },
} as const;
export type Attacker = keyof typeof attackers;
export const innerApp = { name: "serves", network: inner(2), address: "10.132.2.5" } as const;
export const outerApp = { name: "serves-outside", network: outer(8), address: "10.132.8.5" } as const;
export const appPort = 8_080;
/** Of services of the host: over IPv4, over IPv6, and for datagrams. */
export const hostPorts = { tcp4: 7_000, tcp6: 7_001, udp: 7_002 } as const;

/** What does not leave a container by a network, or reaches nobody by a connection, whatever the rules. */
const neverSent: readonly string[] = ["127.0.0.0/8", "224.0.0.0/4"];
/** An address of each other range that no app may reach. */
export const keptAddresses: readonly string[] = keptAwayFrom
  .filter((range) => !neverSent.includes(range))
  .map((range) => `${range.slice(0, range.lastIndexOf("."))}.9`);

/** Without the app's rules alone, or without any that keep networks apart, the runtime's own ones included. */
type Off = "ours" | "all";

export class IsolationScene {
  readonly #parts: IsolationParts;
  readonly #firewall: NftFirewall;
  readonly #servers: (Server | Socket)[] = [];
  #outside: Promise<Outside> | undefined;

  constructor(parts: IsolationParts) {
    this.#parts = parts;
    this.#firewall = new NftFirewall(`piccolo_${tag}`, parts.log);
  }

  /** Rules, networks, containers, services of the host and the machine outside; once. */
  ready(): Promise<Outside> {
    this.#outside ??= this.#prepare();
    return this.#outside;
  }

  async #prepare(): Promise<Outside> {
    const { runtime, socketPath } = this.#parts;
    await loadSuiteImage(runtime);
    await this.#firewall.apply(plan);
    for (const network of networks) await runtime.createNetwork(network);
    await this.#openServices();
    const outside = await Outside.make(keptAddresses);
    for (const [name, { network, address, nameServers }] of Object.entries(attackers)) {
      const attached = { networks: [{ network: network.name, address }], nameServers };
      await runtime.create(specOf(name, forEver, attached));
      await runtime.start(name);
    }
    for (const { name, network, address } of [innerApp, outerApp]) {
      const serve = `exec /bin/busybox httpd -f -p ${appPort} -h /www`;
      await runtime.create(specOf(name, serve, { networks: [{ network: network.name, address }] }));
      await runtime.start(name);
    }
    // On its network there is no way anywhere. Given one, it is the rules that refuse.
    const inside = `--net=/proc/${await pidOf(socketPath, "inside")}/ns/net`;
    must("nsenter", inside, "/bin/busybox", "ip", "route", "add", "default", "via", inner(1).gateway);
    return outside;
  }

  async #openServices(): Promise<void> {
    for (const [host, port] of [
      ["0.0.0.0", hostPorts.tcp4],
      ["::", hostPorts.tcp6],
    ] as const) {
      const server = createServer((socket) => socket.on("error", () => undefined).end("host\n"));
      this.#servers.push(server);
      await new Promise<void>((resolve) => server.listen({ host, port, ipv6Only: host === "::" }, resolve));
    }
    const datagrams = answerDatagrams();
    this.#servers.push(datagrams);
    await new Promise<void>((resolve) => datagrams.bind(hostPorts.udp, "0.0.0.0", resolve));
  }

  async close(): Promise<void> {
    for (const server of this.#servers) server.close();
    await this.#firewall.remove();
    if (this.#outside === undefined) return;
    for (const name of [...Object.keys(attackers), innerApp.name, outerApp.name])
      await this.#parts.runtime.remove(name);
    for (const { name } of networks) await this.#parts.runtime.removeNetwork(name);
  }

  /** Those of the scripts, by their names, that end well in the container; all of them are tried at once. */
  async reached(attacker: Attacker, scripts: Readonly<Record<string, string>>): Promise<readonly string[]> {
    await this.ready();
    const script = Object.entries(scripts)
      .map(([what, one]) => `( ${one} ) >/dev/null 2>&1 && echo "reached <${what}>" &`)
      .join("\n");
    const { output } = await this.#parts.runtime.exec(attacker, ["/bin/sh", "-c", `${script}\nwait`], 30_000);
    return [...output.matchAll(/^reached <(.*)>$/gm)].map(([, what = ""]) => what).toSorted();
  }

  /** Whether a program of the machine does so in the container's network, with all rights. */
  async inNetworkOf(attacker: Attacker, ...command: readonly string[]): Promise<boolean> {
    await this.ready();
    const pid = await pidOf(this.#parts.socketPath, attacker);
    return spawnSync("nsenter", [`--net=/proc/${pid}/ns/net`, ...command], { input: "" }).status === 0;
  }

  /** What is tried is refused with the rules; without them, all of it is possible: else the refusal would show nothing. */
  async refused(names: readonly string[], attempt: () => Promise<readonly string[]>, off: Off = "ours"): Promise<void> {
    await this.ready();
    assert.deepEqual(await attempt(), [], "possible with the rules");
    const restore = savedRules();
    const forwarding = off === "all" ? forwardEverywhere() : () => undefined;
    try {
      if (off === "all") onlyMasquerade(`pc${tag}-*`, "out0");
      else await this.#firewall.remove();
      assert.deepEqual(await attempt(), names.toSorted(), "possible without the rules; what is not, shows nothing");
    } finally {
      forwarding();
      restore();
    }
  }

  /** `refused`, of scripts in a container. */
  refusedIn(attacker: Attacker, scripts: Readonly<Record<string, string>>, off: Off = "ours"): Promise<void> {
    return this.refused(Object.keys(scripts), () => this.reached(attacker, scripts), off);
  }

  /** The exit code of a script in a container that is made for it. */
  async codeOf(script: string, more: Partial<ContainerSpec> = {}): Promise<number> {
    const { runtime } = this.#parts;
    await loadSuiteImage(runtime);
    await runtime.remove("tries");
    await runtime.create(specOf("tries", script, more));
    await runtime.start("tries");
    for (;;) {
      const now = await runtime.container("tries");
      if (now?.phase === "stopped") {
        await runtime.remove("tries");
        return now.exitCode ?? -1;
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

export const connects = (address: string, port: number): string => `nc -w 2 ${address} ${port} </dev/null`;

/** The smallest exchange of datagrams that busybox can ask for: a file of two bytes, by TFTP. */
export const asksByDatagram = (address: string, port: number): string =>
  `/bin/busybox timeout 2 /bin/busybox tftp -g -l /dev/null -r x ${address} ${port}`;

function answerDatagrams(): Socket {
  const server = createSocket("udp4");
  const lastBlock = Buffer.from([0, 3, 0, 1, 0x6f, 0x6b]);
  server.on("message", (asked, from) => {
    if (asked.readUInt16BE(0) === 1) server.send(lastBlock, from.port, from.address);
  });
  return server;
}

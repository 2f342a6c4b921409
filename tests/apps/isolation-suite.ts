/**
 * What an app cannot do, on real Podman. Each refusal stands beside the same attempt with the rule left out, which succeeds:
 * else the attempt might fail for another reason.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { after, test } from "node:test";
import type { SealedAppStorage } from "../../programs/piccolod/src/adapters/app-storage/sealed-app-storage.ts";
import { NftFirewall } from "../../programs/piccolod/src/adapters/firewall/nft-firewall.ts";
import type { Log } from "../../programs/piccolod/src/adapters/log.ts";
import { whatIsolationLacks } from "../../programs/piccolod/src/adapters/podman/isolation.ts";
import type { Podman } from "../../programs/piccolod/src/adapters/podman/podman.ts";
import type { FirewallPlan } from "../../programs/piccolod/src/apps/runtime/firewall.ts";
import type { ContainerSpec, NetworkSpec } from "../../programs/piccolod/src/apps/runtime/container-spec.ts";
import { forEver, loadSuiteImage, specOf } from "../../programs/piccolod/test-support/container-runtime-suite.ts";

export interface IsolationParts {
  /** The files that bound what containers write to their roots. */
  readonly rootFiles: () => readonly string[];
  readonly runtime: Podman;
  readonly storage: SealedAppStorage;
  readonly log: Log;
}

const mebibyte = 1024 ** 2;
const tag = "iso0";
const inner = (number: number): NetworkSpec => ({
  name: `pc${tag}-${number}i`,
  bridge: `pc${tag}-${number}i`,
  subnet: `10.132.${number}.0/26`,
  gateway: `10.132.${number}.1`,
  internal: true,
  nameService: false,
});
const outer: NetworkSpec = {
  name: `pc${tag}-9o`,
  bridge: `pc${tag}-9o`,
  subnet: "10.132.9.0/26",
  gateway: "10.132.9.1",
  internal: false,
  nameService: true,
};
const plan: FirewallPlan = {
  bridgePrefix: `pc${tag}-`,
  networks: [
    ...[1, 2].map((number) => ({ bridge: inner(number).bridge, gateway: inner(number).gateway, egress: false })),
    { bridge: outer.bridge, gateway: outer.gateway, egress: true },
  ],
};
const publicAddress = "44.0.0.1";
const homeAddress = "192.168.77.1";
/** This machine's own on the home network. */
const hostAddress = "192.168.77.2";

function must(program: string, ...args: readonly string[]): void {
  const { status, stderr } = spawnSync(program, args, { encoding: "utf8" });
  assert.equal(status, 0, `${program} ${args.join(" ")}: ${stderr}`);
}

/** A machine beyond this one, at an address of the internet and one of the home network, that answers on port 80. */
function neighbour(): void {
  must("ip", "netns", "add", "outside");
  must("ip", "link", "add", "out0", "type", "veth", "peer", "name", "in0", "netns", "outside");
  must("ip", "address", "add", `${hostAddress}/24`, "dev", "out0");
  must("ip", "link", "set", "out0", "up");
  for (const args of [
    ["link", "set", "lo", "up"],
    ["address", "add", `${homeAddress}/24`, "dev", "in0"],
    ["address", "add", `${publicAddress}/32`, "dev", "lo"],
    ["link", "set", "in0", "up"],
    ["route", "add", "default", "via", hostAddress],
  ]) {
    must("ip", "-n", "outside", ...args);
  }
  must("ip", "route", "add", "default", "via", homeAddress);
  must("sh", "-c", "ip netns exec outside /bin/busybox httpd -p 80 -h /");
}

export function isolationSuite({ runtime, storage, log, rootFiles }: IsolationParts): void {
  const firewall = new NftFirewall(`piccolo_${tag}`, log);
  const servers: Server[] = [];
  let isReady = false;

  /** Rules, networks, host services and the machine outside; once. */
  const prepared = async (): Promise<void> => {
    if (isReady) return;
    isReady = true;
    await loadSuiteImage(runtime);
    await firewall.apply(plan);
    for (const network of [inner(1), inner(2), outer]) await runtime.createNetwork(network);
    for (const host of ["0.0.0.0", "::"]) {
      const server = createServer((socket) => socket.end("host\n"));
      servers.push(server);
      await new Promise<void>((resolve) => {
        server.listen({ host, port: host === "::" ? 7_001 : 7_000, ipv6Only: host === "::" }, resolve);
      });
    }
    neighbour();
  };

  /** The exit code of a script in a container that is made for it. */
  const codeOf = async (script: string, more: Partial<ContainerSpec> = {}): Promise<number> => {
    await prepared();
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
  };
  const on = (network: NetworkSpec, address: string): Partial<ContainerSpec> => ({
    networks: [{ network: network.name, address }],
  });
  const connects = (address: string, port: number, more: Partial<ContainerSpec>): Promise<boolean> =>
    codeOf(`nc -w 2 ${address} ${port} </dev/null`, more).then((code) => code === 0);
  /** What holds with the rules, and does not without them. */
  const onlyWithoutRules = async (attempt: () => Promise<boolean>): Promise<void> => {
    await prepared();
    assert.equal(await attempt(), false, "it is possible with the rules");
    await firewall.remove();
    try {
      assert.equal(await attempt(), true, "it is not possible without the rules either, so this shows nothing");
    } finally {
      await firewall.apply(plan);
    }
  };

  test("isolation: a container has ids of its own, no rights, and a filter of system calls", async () => {
    await prepared();
    await runtime.create(specOf("apart", forEver));
    await runtime.start("apart");
    const { output } = await runtime.exec(
      "apart",
      ["/bin/sh", "-c", "cat /proc/self/uid_map /proc/self/gid_map; cat /proc/self/status"],
      5_000,
    );
    const maps = output.split("\n").slice(0, 2);
    assert.deepEqual(
      maps.map((line) => line.trim().split(/\s+/)),
      [
        ["0", "1073741824", "65536"],
        ["0", "1073741824", "65536"],
      ],
    );
    for (const name of ["CapPrm", "CapEff", "CapBnd", "CapAmb"]) {
      assert.match(output, new RegExp(`^${name}:\\s+0000000000000000$`, "m"));
    }
    assert.match(output, /^NoNewPrivs:\s+1$/m);
    assert.match(output, /^Seccomp:\s+2$/m);
    // The check after each start sees all of it, and sees where it is not so.
    const pid = readdirSync("/proc").find((name) => /^\d+$/.test(name) && isOf(name));
    assert.ok(pid !== undefined);
    const ids = { start: 0x4000_0000, size: 65_536 };
    assert.equal(whatIsolationLacks(Number(pid), { ids, capabilities: [] }), undefined);
    assert.match(whatIsolationLacks(Number(pid), { ids: { ...ids, start: 1 }, capabilities: [] }) ?? "", /users/);
    assert.match(whatIsolationLacks(process.pid, { ids, capabilities: [] }) ?? "", /users/);
    await runtime.remove("apart");
  });

  test("isolation: rights that were asked for are there, and no others", async () => {
    const script = "grep -q 'CapBnd:.0000000000000400' /proc/self/status";
    assert.equal(
      await codeOf(script.replace("grep -q", "/bin/busybox grep -q"), { capabilities: ["NET_BIND_SERVICE"] }),
      0,
    );
    assert.notEqual(await codeOf(script.replace("grep -q", "/bin/busybox grep -q")), 0);
  });

  test("isolation: the image cannot be changed", async () => {
    assert.notEqual(await codeOf("echo x >/www/x", { user: { uid: 0, gid: 0 } }), 0);
    assert.equal(await codeOf("echo x >/www/x", { user: { uid: 0, gid: 0 }, readOnlyRoot: false }), 0);
  });

  test("isolation: memory, processes and temporary files end at their limits", async () => {
    const scratch = { mounts: [{ kind: "scratch", target: "/tmp", sizeBytes: 200 * mebibyte, mode: 0o1777 }] } as const;
    const fill = "dd if=/dev/zero of=/tmp/x bs=1M count=100";
    assert.notEqual(await codeOf(fill, scratch), 0);
    assert.equal(await codeOf(fill, { ...scratch, memoryBytes: 256 * mebibyte }), 0);
    const small = { mounts: [{ kind: "scratch", target: "/tmp", sizeBytes: 4 * mebibyte, mode: 0o1777 }] } as const;
    assert.notEqual(await codeOf(fill, { ...small, memoryBytes: 256 * mebibyte }), 0);
    const crowd = "n=0; while [ $n -lt 40 ]; do sleep 3 & n=$((n+1)); done; exit 0";
    assert.notEqual(await codeOf(crowd, { processesMax: 20 }), 0);
    assert.equal(await codeOf(crowd, { processesMax: 100 }), 0);
  });

  test("isolation: a volume ends at its bound, whoever writes", async () => {
    await prepared();
    const owner = { uid: 0x4000_0000 + 1_000, gid: 0x4000_0000 + 1_000 };
    const fill = "dd if=/dev/zero of=/data/x bs=1M count=30 2>/dev/null";
    const attempt = async (volume: string, sizeBytesMax: number): Promise<number> => {
      await storage.makeVolume("suite", volume, sizeBytesMax);
      await storage.mountVolume("suite", volume, owner);
      const source = storage.volumeFolder("suite", volume);
      return codeOf(fill, { mounts: [{ kind: "bind", source, target: "/data", readOnly: false }] });
    };
    assert.notEqual(await attempt("small", 16 * mebibyte), 0);
    assert.equal(await attempt("large", 64 * mebibyte), 0);
    await storage.intoTrash("t", "suite", ["small", "large"]);
    await storage.purgeTrash("t");
  });

  test("isolation: a root that may be written to ends at its bound, also after a restart, and leaves nothing behind", async () => {
    await prepared();
    const fill = "dd if=/dev/zero of=/www/x bs=1M count=30 2>/dev/null";
    const root = { readOnlyRoot: false, user: { uid: 0, gid: 0 } } as const;
    assert.notEqual(await codeOf(fill, { ...root, rootBytesMax: 16 * mebibyte }), 0);
    assert.equal(await codeOf(fill, { ...root, rootBytesMax: 64 * mebibyte }), 0);
    await runtime.create(
      specOf("written", `[ -e /www/x ] || ${fill}; ${forEver}`, { ...root, rootBytesMax: 64 * mebibyte }),
    );
    await runtime.start("written");
    await runtime.stop("written");
    await runtime.start("written");
    const { exitCode } = await runtime.exec("written", ["/bin/sh", "-c", "[ -e /www/x ]"], 5_000);
    assert.equal(exitCode, 0, "what was written is there after a restart");
    assert.equal(rootFiles().length, 1);
    await runtime.remove("written");
    assert.deepEqual(rootFiles(), []);
  });

  test("isolation: no service of the host is reached, over IPv4", () =>
    onlyWithoutRules(() => connects(inner(1).gateway, 7_000, on(inner(1), "10.132.1.5"))));

  test("isolation: no service of the host is reached under another address of the host", () =>
    onlyWithoutRules(() => connects(hostAddress, 7_000, on(outer, "10.132.9.5"))));

  test("isolation: no service of the host is reached, over IPv6", async () => {
    await prepared();
    // The bridge has its link-local address while somebody is on it.
    await runtime.create(specOf("holds", forEver, on(inner(1), "10.132.1.6")));
    await runtime.start("holds");
    const address = await linkLocalOf(inner(1).bridge);
    // An address has to be found free before it can be used, which takes a second and up to another one by chance.
    const isReady = "ip -6 -o address show dev eth0 | grep 'scope link' | grep -qv tentative";
    const attempt = (): Promise<boolean> =>
      codeOf(
        `ip() { /bin/busybox ip "$@"; }; grep() { /bin/busybox grep "$@"; }
        until ${isReady}; do sleep 1; done; nc -w 2 ${address}%eth0 7001 </dev/null`,
        on(inner(1), "10.132.1.5"),
      ).then((code) => code === 0);
    await onlyWithoutRules(attempt);
    await runtime.remove("holds");
  });

  test("isolation: with a way out, the internet is reached and the home network is not", async () => {
    await prepared();
    assert.equal(await connects(publicAddress, 80, on(outer, "10.132.9.5")), true, "the internet is not reached");
    await onlyWithoutRules(() => connects(homeAddress, 80, on(outer, "10.132.9.5")));
  });

  test("isolation: without a way out, nothing outside is reached", async () => {
    assert.equal(await connects(publicAddress, 80, on(inner(1), "10.132.1.5")), false);
    assert.equal(await connects(publicAddress, 80, on(outer, "10.132.9.5")), true);
  });

  test("isolation: an app does not reach another app, and the host does", async () => {
    await prepared();
    const serve = specOf("serves", "exec /bin/busybox httpd -f -p 8080 -h /www", on(inner(2), "10.132.2.5"));
    await runtime.create(serve);
    await runtime.start("serves");
    assert.equal(await connects("10.132.2.5", 8080, on(inner(1), "10.132.1.5")), false);
    assert.equal(await connects("10.132.2.5", 8080, on(outer, "10.132.9.5")), false);
    assert.equal(await connects("10.132.2.5", 8080, on(inner(2), "10.132.2.6")), true, "its own network does");
    assert.equal(spawnSync("/bin/busybox", ["nc", "-w", "2", "10.132.2.5", "8080"], { input: "" }).status, 0);
    await runtime.remove("serves");
  });

  after(async () => {
    for (const server of servers) server.close();
    await firewall.remove();
  });
}

/** Of a bridge, once it may be used. */
async function linkLocalOf(bridge: string): Promise<string> {
  for (;;) {
    const { stdout } = spawnSync("ip", ["-6", "-o", "address", "show", "dev", bridge], { encoding: "utf8" });
    const line = stdout.split("\n").find((one) => one.includes("scope link") && !one.includes("tentative"));
    const address = /inet6 (fe80:[0-9a-f:]+)\//.exec(line ?? "")?.[1];
    if (address !== undefined) return address;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Whether the process belongs to a container. */
function isOf(pid: string): boolean {
  try {
    const isThere = readFileSync(`/proc/${pid}/cgroup`, "utf8").includes("/piccolo-suite/");
    // What watches it is in a group beside it, and still one of the host's own.
    return isThere && /^Uid:\s+107\d{7}/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

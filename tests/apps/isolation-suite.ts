/**
 * What an app cannot do on its own, on real Podman. Each refusal stands beside the same attempt with the rule left out,
 * which succeeds: else the attempt might fail for another reason.
 */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { createBody } from "../../programs/piccolod/src/adapters/podman/create-body.ts";
import { whatIsolationLacks } from "../../programs/piccolod/src/adapters/podman/isolation.ts";
import { forEver, loadSuiteImage, specOf } from "../../programs/piccolod/test-support/container-runtime-suite.ts";
import { ControlGroup } from "./control-groups.ts";
import { type IsolationParts, IsolationScene } from "./isolation-scene.ts";
import { networkIsolationSuite } from "./network-isolation-suite.ts";
import { callPodman, pidOf } from "./podman-call.ts";

const mebibyte = 1024 ** 2;
const busyLoop = "while true; do :; done";
/** So many times a container had its share of the processor or did without, before it is looked at. */
const periodsSeen = 30;
/** So long they are waited for; a machine that has much to do takes its time. */
const patienceMs = 60_000;

/** What Podman would make where one word of ours were missing, or one too many, by the container's name. */
const notApart = {
  "with-the-hosts-ids": {
    change: { idmappings: undefined, userns: { nsmode: "host" } },
    lacks: /the map of users is/,
  },
  "with-a-right": { change: { cap_add: ["CAP_CHOWN"] }, lacks: /Cap(?:Bnd|Prm|Eff) is/ },
  "with-programs-of-more-rights": { change: { no_new_privileges: false }, lacks: /take another's rights/ },
} as const;

export function isolationSuite(parts: IsolationParts): void {
  const { runtime, socketPath, cgroupParent, storage, rootFiles } = parts;
  const scene = new IsolationScene(parts);
  const codeOf = scene.codeOf.bind(scene);

  test("isolation: a container has ids of its own, no rights, and a filter of system calls", async () => {
    await loadSuiteImage(runtime);
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
    const pid = await pidOf(socketPath, "apart");
    const ids = { start: 0x4000_0000, size: 65_536 };
    assert.equal(whatIsolationLacks(pid, { ids, capabilities: [] }), undefined);
    assert.match(whatIsolationLacks(pid, { ids: { ...ids, start: 1 }, capabilities: [] }) ?? "", /users/);
    assert.match(whatIsolationLacks(process.pid, { ids, capabilities: [] }) ?? "", /users/);
    await runtime.remove("apart");
  });

  test("isolation: what starts without what keeps it apart is stopped again", async () => {
    await loadSuiteImage(runtime);
    // All of them at once: the device looks for a while whether it closes itself in yet.
    const starts = Object.entries(notApart).map(async ([name, { change, lacks }]) => {
      const spec = specOf(name, forEver);
      const { labels } = await runtime.create(spec);
      const found = await callPodman(socketPath, "GET", `/containers/${name}/json`);
      const { Image: image } = JSON.parse(found) as { readonly Image: string };
      await runtime.remove(name);
      const body = createBody({ ...spec, labels }, image, cgroupParent) as Readonly<Record<string, unknown>>;
      await callPodman(socketPath, "POST", "/containers/create", { ...body, ...change });
      await assert.rejects(runtime.start(name), { code: "isolation-failed", message: lacks }, name);
      assert.equal((await runtime.container(name))?.phase, "stopped");
      await callPodman(socketPath, "POST", `/containers/${name}/start`);
      assert.equal((await runtime.container(name))?.phase, "lost", `${name}, whose start nobody saw to its end`);
      await runtime.remove(name);
    });
    for (const { status, reason } of (await Promise.allSettled(starts)) as { status: string; reason?: unknown }[]) {
      assert.equal(status, "fulfilled", String(reason));
    }
  });

  test("isolation: what another process started, and is kept apart, goes on", async () => {
    await loadSuiteImage(runtime);
    await runtime.create(specOf("adopted", forEver));
    await callPodman(socketPath, "POST", "/containers/adopted/start");
    const endMs = performance.now() + patienceMs;
    // It closes itself in a moment after its start.
    while ((await runtime.container("adopted"))?.phase !== "running") {
      assert.ok(performance.now() < endMs);
      await delay(50);
    }
    await runtime.remove("adopted");
  });

  test("isolation: rights that were asked for are there, and no others", async () => {
    const script = "/bin/busybox grep -q 'CapBnd:.0000000000000400' /proc/self/status";
    assert.equal(await codeOf(script, { capabilities: ["NET_BIND_SERVICE"] }), 0);
    assert.notEqual(await codeOf(script), 0);
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

  test("isolation: a container that computes without end is held back at its limit, and only there", async () => {
    await loadSuiteImage(runtime);
    const isHeldBack = async (name: string, milliCpus: number): Promise<boolean> => {
      await runtime.create(specOf(name, busyLoop, { milliCpus }));
      await runtime.start(name);
      const group = new ControlGroup(await pidOf(socketPath, name), "cpu");
      const endMs = performance.now() + patienceMs;
      while (group.periods.all < periodsSeen) {
        assert.ok(performance.now() < endMs, `${JSON.stringify(group.periods)} only`);
        await delay(50);
      }
      const { heldBack } = group.periods;
      await runtime.remove(name);
      return heldBack > 0;
    };
    assert.equal(await isHeldBack("narrow", 100), true);
    // One loop takes one processor at most.
    assert.equal(await isHeldBack("wide", 4_000), false);
  });

  test("isolation: a container has its memory, and no swap beside it", async () => {
    await loadSuiteImage(runtime);
    const memoryBytes = 48 * mebibyte;
    const spec = specOf("bounded", forEver, { memoryBytes });
    await runtime.create(spec);
    await runtime.start("bounded");
    const { memoryMax } = new ControlGroup(await pidOf(socketPath, "bounded"), "memory");
    assert.deepEqual(memoryMax, { memoryBytes, swapBytes: 0 });
    await runtime.remove("bounded");
  });

  test("isolation: a volume ends at its bound, whoever writes", async () => {
    await loadSuiteImage(runtime);
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
    await loadSuiteImage(runtime);
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

  test("isolation: of what a container's root may write to, nothing is without a bound of its own", async () => {
    await loadSuiteImage(runtime);
    await runtime.create(specOf("writer", forEver, { readOnlyRoot: false, user: { uid: 0, gid: 0 } }));
    await runtime.start("writer");
    const { output } = await runtime.exec("writer", ["/bin/sh", "-c", "cat /proc/self/mounts"], 5_000);
    const writable = output
      .trim()
      .split("\n")
      .map((line) => line.split(" "))
      .filter(([, , , options = ""]) => options.split(",").includes("rw"))
      .map(([, target = ""]) => target)
      // Of the kernel, or in memory that counts as the container's.
      .filter((target) => !/^\/(?:proc|sys|dev)(?:\/|$)/.test(target));
    assert.deepEqual(writable, ["/"]);
    for (const path of ["/etc/hosts", "/etc/resolv.conf", "/etc/hostname", "/run/.containerenv"]) {
      const { exitCode } = await runtime.exec("writer", ["/bin/sh", "-c", `echo x >>${path}`], 5_000);
      assert.notEqual(exitCode, 0, path);
    }
    await runtime.remove("writer");
  });

  networkIsolationSuite(scene);

  after(() => scene.close());
}

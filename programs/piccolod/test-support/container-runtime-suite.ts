/** What every adapter of the port to containers keeps. Images are the project's own, so that no registry is needed. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { buildDemoImage } from "@piccolo/oci-image/demo";
import { buildImage } from "@piccolo/oci-image";
import {
  type ContainerEvent,
  type ContainerRuntime,
  execOutOfTime,
  type LogLine,
} from "../src/apps/runtime/container-runtime.ts";
import { type ContainerSpec, idRangeSize, type NetworkSpec } from "../src/apps/runtime/container-spec.ts";

const busybox = readFileSync("/bin/busybox");
const architecture = process.arch === "arm64" ? "arm64" : "amd64";
export const image = buildDemoImage("hello", { busybox, architecture });
const unknownDigest = `sha256:${"0123456789abcdef".repeat(4)}`;

export const network: NetworkSpec = {
  name: "pcsuite-1i",
  bridge: "pcsuite-1i",
  subnet: "10.131.7.0/26",
  gateway: "10.131.7.1",
  internal: true,
  nameService: false,
};

/** A shell that runs the script; without more it goes on until it is stopped. */
export function specOf(name: string, script: string, more: Partial<ContainerSpec> = {}): ContainerSpec {
  return {
    name,
    image: image.digest,
    command: ["/bin/sh", "-c", script],
    environment: { GREETING: "hello there" },
    hostName: "suite",
    labels: { "piccolo.app": "suite", "piccolo.service": name },
    mounts: [],
    readOnlyRoot: true,
    rootBytesMax: 64 * 1024 * 1024,
    init: true,
    capabilities: [],
    ids: { start: 0x4000_0000, size: idRangeSize },
    networks: [],
    hosts: [],
    nameServers: [],
    memoryBytes: 64 * 1024 * 1024,
    milliCpus: 500,
    processesMax: 32,
    sharedMemoryBytes: 1024 * 1024,
    logBytesMax: 1024 * 1024,
    stopSignal: "SIGTERM",
    stopGraceMs: 2_000,
    ...more,
  };
}

async function* inParts(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
}

export const forEver = "sleep 100000";

/** Has the suite's image in the runtime. */
export async function loadSuiteImage(runtime: ContainerRuntime): Promise<void> {
  if ((await runtime.image(image.digest)) !== undefined) return;
  await runtime.loadImage(image.digest, inParts(image.archive));
}

/** The runtime is there when a test runs, and shared by all of them. */
export function containerRuntimeSuite(name: string, runtimeOf: () => ContainerRuntime): void {
  const withImage = async (): Promise<ContainerRuntime> => {
    const runtime = runtimeOf();
    await loadSuiteImage(runtime);
    return runtime;
  };
  const ended = async (runtime: ContainerRuntime, container: string): Promise<number | undefined> => {
    for (;;) {
      const now = await runtime.container(container);
      if (now?.phase === "stopped") return now.exitCode;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };

  test(`${name}: it says what it is`, async () => {
    const { version, architecture: machine } = await runtimeOf().describe();
    assert.match(version, /^\d+\.\d+\.\d+/);
    assert.equal(machine, architecture);
  });

  test(`${name}: an image that is not the one asked for is refused, and nothing of it is kept`, async () => {
    const runtime = runtimeOf();
    const other = buildDemoImage("hello", { busybox, architecture, version: "other" });
    await assert.rejects(runtime.loadImage(unknownDigest, inParts(other.archive)), { code: "image-digest-differs" });
    assert.equal(await runtime.image(unknownDigest), undefined);
    assert.equal(await runtime.image(other.digest), undefined);
  });

  test(`${name}: an image for another processor is refused`, async () => {
    const other = buildImage("localhost/other:1", { architecture: architecture === "amd64" ? "arm64" : "amd64" }, [
      { kind: "file", path: "x", mode: 0o644, content: new Uint8Array(1) },
    ]);
    const runtime = runtimeOf();
    await assert.rejects(runtime.loadImage(other.digest, inParts(other.archive)), { code: "image-architecture" });
    assert.equal(await runtime.image(other.digest), undefined);
  });

  test(`${name}: an archive whose source fails is not kept, and the source's error is told`, async () => {
    const broken = async function* (): AsyncGenerator<Uint8Array> {
      yield image.archive.subarray(0, 4_096);
      throw new Error("the disk is gone");
    };
    await assert.rejects(runtimeOf().loadImage(unknownDigest, broken()), { message: "the disk is gone" });
    assert.equal(await runtimeOf().image(unknownDigest), undefined);
  });

  test(`${name}: an image is loaded by its digest, with progress, and found again`, async () => {
    const runtime = runtimeOf();
    let most = 0;
    const stored = await runtime.loadImage(image.digest, inParts(image.archive), {
      progress: (doneBytes) => (most = Math.max(most, doneBytes)),
    });
    assert.deepEqual([stored.digest, stored.user, stored.architecture], [image.digest, "1000:1000", architecture]);
    assert.equal(most, image.archive.length);
    assert.deepEqual(await runtime.image(image.digest), stored);
    assert.equal(await runtime.image(unknownDigest), undefined);
  });

  test(`${name}: while an image arrives none is taken for one that nobody needs`, async () => {
    const runtime = await withImage();
    const other = buildDemoImage("counter", { busybox, architecture });
    const atItsEnd = Promise.withResolvers<void>();
    const asked = Promise.withResolvers<void>();
    const slow = async function* (): AsyncGenerator<Uint8Array> {
      yield* inParts(other.archive);
      atItsEnd.resolve();
      await asked.promise;
    };
    const arriving = runtime.loadImage(other.digest, slow());
    await atItsEnd.promise;
    await runtime.keepImages(new Set());
    assert.equal((await runtime.image(image.digest))?.digest, image.digest);
    asked.resolve();
    await arriving;
    await runtime.keepImages(new Set([image.digest]));
    assert.equal(await runtime.image(other.digest), undefined);
    assert.equal((await runtime.image(image.digest))?.digest, image.digest);
  });

  test(`${name}: what is not there is told apart from what fails`, async () => {
    const runtime = await withImage();
    assert.equal(await runtime.container("nobody"), undefined);
    await assert.rejects(runtime.start("nobody"), { code: "container-missing" });
    await assert.rejects(runtime.pause("nobody"), { code: "container-missing" });
    await assert.rejects(runtime.exec("nobody", ["true"], 1_000), { code: "container-missing" });
    await assert.rejects(runtime.logs("nobody")[Symbol.asyncIterator]().next(), { code: "container-missing" });
    await assert.rejects(runtime.create(specOf("imageless", forEver, { image: unknownDigest })), {
      code: "image-missing",
    });
    // What is to be so already is no error.
    await runtime.stop("nobody");
    await runtime.remove("nobody");
    await runtime.resume("nobody");
    await runtime.removeNetwork("nobodys");
    await runtime.removeImage(unknownDigest);
  });

  test(`${name}: a container goes through its life`, async () => {
    const runtime = await withImage();
    const made = await runtime.create(specOf("life", forEver));
    assert.deepEqual([made.name, made.phase, made.exitCode], ["life", "created", undefined]);
    assert.equal(made.labels["piccolo.service"], "life");
    await assert.rejects(runtime.create(specOf("life", forEver)), { code: "container-exists" });
    const started = await runtime.start("life");
    assert.deepEqual([started.phase, started.id], ["running", made.id]);
    assert.equal((await runtime.start("life")).phase, "running");
    await runtime.pause("life");
    await runtime.pause("life");
    assert.equal((await runtime.container("life"))?.phase, "paused");
    await runtime.resume("life");
    await runtime.resume("life");
    assert.equal((await runtime.container("life"))?.phase, "running");
    await runtime.stop("life");
    await runtime.stop("life");
    assert.equal((await runtime.container("life"))?.phase, "stopped");
    assert.equal((await runtime.start("life")).phase, "running");
    assert.ok((await runtime.containers()).some(({ name: other }) => other === "life"));
    const own = await runtime.containers({ name: "piccolo.service", value: "life" });
    assert.deepEqual(
      own.map(({ name: one, phase }) => [one, phase]),
      [["life", "running"]],
    );
    assert.deepEqual(await runtime.containers({ name: "piccolo.service", value: "lif" }), []);
    assert.equal((await runtime.listed()).find(({ name: one }) => one === "life")?.labels["piccolo.service"], "life");
    await runtime.remove("life");
    assert.equal(await runtime.container("life"), undefined);
    // The name is free again, for another container.
    assert.notEqual((await runtime.create(specOf("life", forEver))).id, made.id);
    await runtime.remove("life");
  });

  test(`${name}: one that does not end when it is asked to goes after its grace, or after a shorter one that counts at once`, async () => {
    const runtime = await withImage();
    await runtime.create(specOf("stubborn", `trap '' TERM; echo deaf; ${forEver}`, { stopGraceMs: 300_000 }));
    await runtime.start("stubborn");
    const read = new AbortController();
    for await (const { text } of runtime.logs("stubborn", { follow: true, signal: read.signal })) {
      assert.equal(text, "deaf");
      read.abort();
    }
    const patient = runtime.stop("stubborn");
    await new Promise((resolve) => setTimeout(resolve, 200));
    await runtime.stop("stubborn", 0);
    await patient;
    assert.equal((await runtime.container("stubborn"))?.phase, "stopped");
    await runtime.remove("stubborn");
  });

  test(`${name}: one that ends by itself says how, and stays down`, async () => {
    const runtime = await withImage();
    await runtime.create(specOf("ends", "exit 7"));
    await runtime.start("ends");
    assert.equal(await ended(runtime, "ends"), 7);
    await runtime.remove("ends");
  });

  test(`${name}: what it writes can be read, by stream and from its end`, async () => {
    const runtime = await withImage();
    await runtime.create(specOf("talks", "echo one; echo two >&2; echo three; exit 0"));
    await runtime.start("talks");
    await ended(runtime, "talks");
    const lines: LogLine[] = [];
    for await (const line of runtime.logs("talks")) lines.push(line);
    const sorted = lines.map(({ stream, text }) => `${stream} ${text}`).sort();
    assert.deepEqual(sorted, ["stderr two", "stdout one", "stdout three"]);
    assert.ok(lines.every(({ atMs }) => atMs > 1_600_000_000_000));
    const last: LogLine[] = [];
    for await (const line of runtime.logs("talks", { tail: 1 })) last.push(line);
    assert.equal(last.length, 1);
    await runtime.remove("talks");
  });

  test(`${name}: logs are followed until the signal`, async () => {
    const runtime = await withImage();
    await runtime.create(specOf("followed", `echo begun; ${forEver}`));
    await runtime.start("followed");
    const stop = new AbortController();
    const lines: string[] = [];
    for await (const { text } of runtime.logs("followed", { follow: true, signal: stop.signal })) {
      lines.push(text);
      stop.abort();
    }
    assert.deepEqual(lines, ["begun"]);
    await runtime.remove("followed");
  });

  test(`${name}: a command runs inside, and its end is told`, async () => {
    const runtime = await withImage();
    await runtime.create(specOf("inside", forEver));
    await runtime.start("inside");
    const well = await runtime.exec("inside", ["/bin/sh", "-c", "echo well"], 10_000);
    assert.deepEqual(well, { exitCode: 0, output: "well\n" });
    assert.equal((await runtime.exec("inside", ["/bin/sh", "-c", "exit 3"], 10_000)).exitCode, 3);
    await runtime.stop("inside");
    await assert.rejects(runtime.exec("inside", ["true"], 1_000), { code: "container-missing" });
    await runtime.remove("inside");
  });

  test(`${name}: a command that takes too long is ended, with all it started, and that is its answer`, async () => {
    const runtime = await withImage();
    await runtime.create(specOf("slow", forEver));
    await runtime.start("slow");
    // The first says nothing; after what the second says, it is waited for in another place.
    for (const script of ["sleep 100", "echo begun; sleep 100 & sleep 100", "sleep 100"]) {
      const { exitCode } = await runtime.exec("slow", ["/bin/sh", "-c", script], 1_000);
      assert.equal(exitCode, execOutOfTime, script);
    }
    const { output } = await runtime.exec("slow", ["/bin/sh", "-c", "ps | grep -c 'sleep [1]00$'"], 10_000);
    assert.match(output, /^0?\n$/, "nothing of them goes on");
    assert.equal((await runtime.container("slow"))?.phase, "running");
    await runtime.remove("slow");
  });

  test(`${name}: what has happened since a moment is told, and what happens then, and nothing of before`, async () => {
    const runtime = await withImage();
    await runtime.create(specOf("early", forEver));
    await runtime.start("early");
    await runtime.remove("early");
    await runtime.create(specOf("told", forEver));
    const { startedAtMs = 0 } = await runtime.start("told");
    await runtime.stop("told");
    const stop = new AbortController();
    const heard: ContainerEvent["what"][] = [];
    for await (const event of runtime.events(stop.signal, startedAtMs)) {
      assert.equal(event.name, "told");
      heard.push(event.what);
      if (event.what === "died") await runtime.remove("told");
      if (event.what === "remove") break;
    }
    stop.abort();
    assert.deepEqual(heard.slice(-2), ["died", "remove"]);
  });

  test(`${name}: images nobody needs go, and one that a container uses stays`, async () => {
    const runtime = await withImage();
    await runtime.keepImages(new Set([image.digest]));
    assert.ok(await runtime.image(image.digest));
    await runtime.create(specOf("uses", forEver));
    await runtime.keepImages(new Set());
    assert.ok(await runtime.image(image.digest));
    await runtime.remove("uses");
    await runtime.keepImages(new Set());
    assert.equal(await runtime.image(image.digest), undefined);
  });

  test(`${name}: networks are made once, give their addresses, and two cannot have the same`, async () => {
    const runtime = await withImage();
    await runtime.createNetwork(network);
    await runtime.createNetwork(network);
    assert.ok((await runtime.networks()).includes(network.name));
    await assert.rejects(runtime.createNetwork({ ...network, name: "pcsuite-2i", bridge: "pcsuite-2i" }), {
      code: "address-taken",
    });
    const attached = { networks: [{ network: network.name, address: "10.131.7.9" }] };
    await runtime.create(specOf("attached", forEver, attached));
    const started = await runtime.start("attached");
    assert.deepEqual(started.addresses, { [network.name]: "10.131.7.9" });
    // The address is free again at once, as often as it is given back.
    for (let round = 0; round < 3; round++) {
      await runtime.remove("attached");
      await runtime.create(specOf("attached", forEver, attached));
      await runtime.start("attached");
    }
    await runtime.remove("attached");
    await runtime.removeNetwork(network.name);
    assert.ok(!(await runtime.networks()).includes(network.name));
  });

  test(`${name}: what a container uses is measured, with its limit`, async () => {
    const runtime = await withImage();
    await runtime.createNetwork(network);
    const attached = { networks: [{ network: network.name, address: "10.131.7.10" }] };
    await runtime.create(specOf("measured", forEver, attached));
    await runtime.start("measured");
    const own = (await runtime.usage()).find((usage) => usage.name === "measured");
    assert.equal(own?.memoryLimitBytes, 64 * 1024 * 1024);
    assert.ok(own.memoryBytes > 0 && own.processes >= 1);
    assert.ok(own.receivedBytes >= 0 && own.sentBytes >= 0);
    await runtime.remove("measured");
    await runtime.removeNetwork(network.name);
  });

  test(`${name}: the processor time of one that works grows, also while another one starts and ends again and again`, async () => {
    const runtime = await withImage();
    await runtime.create(specOf("works", "while :; do :; done"));
    await runtime.create(specOf("ends", "exit 0"));
    await runtime.start("works");
    const cpuMs: (number | undefined)[] = [];
    for (let round = 0; round < 5; round++) {
      const [usages] = await Promise.all([runtime.usage(), runtime.start("ends")]);
      cpuMs.push(usages.find((usage) => usage.name === "works")?.cpuMs);
      await ended(runtime, "ends");
    }
    assert.ok(
      cpuMs.every((ms, at) => ms !== undefined && ms > (cpuMs[at - 1] ?? 0)),
      cpuMs.join(" "),
    );
    await runtime.remove("works");
    await runtime.remove("ends");
  });

  test(`${name}: an image in use stays, and goes when nothing uses it`, async () => {
    const runtime = await withImage();
    await runtime.create(specOf("user", forEver));
    await runtime.removeImage(image.digest);
    assert.notEqual(await runtime.image(image.digest), undefined);
    await runtime.remove("user");
    await runtime.removeImage(image.digest);
    assert.equal(await runtime.image(image.digest), undefined);
  });
}

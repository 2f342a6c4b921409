/** Images from a registry, by real Podman from a real registry on this machine's loopback, and all that can go wrong with it. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { toUtf8 } from "@piccolo/bytes";
import { type BuiltImage, buildImage } from "@piccolo/oci-image";
import { buildDemoImage } from "@piccolo/oci-image/demo";
import { realWorld } from "@piccolo/world/real";
import { SealedAppStorage } from "../../programs/piccolod/src/adapters/app-storage/sealed-app-storage.ts";
import { createLog } from "../../programs/piccolod/src/adapters/log.ts";
import { Podman } from "../../programs/piccolod/src/adapters/podman/podman.ts";
import { StrayNetworks } from "../../programs/piccolod/src/adapters/podman/stray-networks.ts";
import { ownView } from "../../programs/piccolod/src/adapters/app-storage/run-program.ts";
import { ContainerFiles } from "../../programs/piccolod/src/adapters/podman/container-files.ts";
import { WritableRoots } from "../../programs/piccolod/src/adapters/podman/writable-roots.ts";
import { OwnPodmanService } from "../../programs/piccolod/src/adapters/podman/service.ts";
import { obtainImage } from "../../programs/piccolod/src/apps/image-source.ts";
import { emptyNotes, notes } from "./own-notes.ts";
import { TestRegistry } from "./registry.ts";

const folder = mkdtempSync(join(tmpdir(), "piccolo-registry-"));
const MiB = 1024 * 1024;
const architecture = process.arch === "arm64" ? "arm64" : "amd64";
const otherArchitecture = architecture === "amd64" ? "arm64" : "amd64";
const registry = new TestRegistry(join(folder, "registry"), 5_000);
const log = createLog(
  (line) => process.stderr.write(line),
  () => realWorld.nowMs(),
);
const storages: SealedAppStorage[] = [];

function podman(name: string, place: string): Podman {
  const storage = new SealedAppStorage({
    folder: place,
    mountFolder: `/run/piccolo/${name}/apps`,
    runtimeInImage: false,
    room: { freeBytes: () => Number.MAX_SAFE_INTEGER, keep: () => Promise.resolve() },
  });
  storages.push(storage);
  const service = new OwnPodmanService({
    storage: storage.runtimeFolder,
    run: `/run/piccolo/${name}/podman`,
    cgroupParent: `/piccolo-${name}`,
    insecureRegistries: [registry.place],
    ready: () => storage.open(),
    world: realWorld,
  });
  const roots = new WritableRoots({
    folder: join(place, "roots"),
    layers: join(storage.runtimeFolder, "graph/overlay"),
  });
  const files = new ContainerFiles(join(place, "container-files"));
  return new Podman({ endpoint: service, roots, files, strays: new StrayNetworks({ view: ownView, log }), log });
}

/** Bytes that no compression makes less of, and no two images have alike. */
function noise(seed: string, bytes: number): Uint8Array {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes; at += 1024) {
    parts.push(Buffer.alloc(1024, createHash("sha256").update(`${seed} ${at}`).digest()));
  }
  return new Uint8Array(Buffer.concat(parts));
}

function imageOf(seed: string, bytes: number, of: "amd64" | "arm64" = architecture): BuiltImage {
  return buildImage(`localhost/${seed}:1`, { architecture: of, command: ["/x"] }, [
    { kind: "file", path: "x", mode: 0o755, content: noise(seed, bytes) },
  ]);
}

/** One of two layers. */
function ofTwo(one: string, other: string, bytes: number): BuiltImage {
  const layers = [imageOf(one, bytes), imageOf(other, bytes)].map(
    ({ blobs }) => [...blobs][0] ?? ["", new Uint8Array(0)],
  );
  const digestOf = (content: Uint8Array): string => `sha256:${createHash("sha256").update(content).digest("hex")}`;
  const config = toUtf8(
    JSON.stringify({
      architecture,
      os: "linux",
      config: {},
      rootfs: { type: "layers", diff_ids: layers.map(([digest]) => digest) },
    }),
  );
  const type = "application/vnd.oci.image";
  const manifest = toUtf8(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: `${type}.manifest.v1+json`,
      config: { mediaType: `${type}.config.v1+json`, digest: digestOf(config), size: config.length },
      layers: layers.map(([digest, content]) => ({
        mediaType: `${type}.layer.v1.tar`,
        digest,
        size: content?.length ?? 0,
      })),
    }),
  );
  const blobs = new Map([...layers, [digestOf(config), config], [digestOf(manifest), manifest]] as [
    string,
    Uint8Array<ArrayBuffer>,
  ][]);
  return { digest: digestOf(manifest), manifest, blobs, archive: new Uint8Array(0) };
}

const layerOf = ({ blobs }: BuiltImage): { readonly digest: string; readonly bytes: number } => {
  const [digest, content] = [...blobs].toSorted(([, a], [, b]) => b.length - a.length)[0] ?? ["", new Uint8Array(0)];
  return { digest, bytes: content.length };
};

const runtime = podman("registry", join(folder, "apps"));
const reference = (repository: string, digest: string) => ({ registry: registry.place, repository, digest });

emptyNotes();
await registry.open();
after(async () => {
  await runtime.shutDown();
  for (const storage of storages) await storage.close();
  await registry.close();
  rmSync(folder, { recursive: true, force: true });
});

/** What Podman keeps of images that are not whole. */
function leftOver({ runtimeFolder }: SealedAppStorage): readonly string[] {
  return readdirSync(join(runtimeFolder, "temporary"), { recursive: true }).map(String);
}

test("an image that a registry does not have is refused, and so is a registry that is not there", async () => {
  const digest = `sha256:${"0".repeat(64)}`;
  await assert.rejects(runtime.pullImage(reference("nobody/nothing", digest)), { code: "image-refused" });
  await assert.rejects(runtime.pullImage({ registry: "127.0.0.1:9", repository: "a/b", digest }), {
    code: "image-unreachable",
  });
});

test("a demo image is pushed and pulled by its digest, and no more bytes of it are told than it has", async () => {
  const image = buildDemoImage("hello", { busybox: readFileSync("/bin/busybox"), architecture });
  await registry.push("piccolo/hello", image);
  const seen: [number, number][] = [];
  const nothing = { has: () => false, open: () => undefined };
  const named = { ...reference("piccolo/hello", image.digest), tag: undefined };
  const stored = await obtainImage(runtime, nothing, named, { progress: (done, total) => seen.push([done, total]) });
  assert.deepEqual([stored.digest, stored.architecture, stored.user], [image.digest, architecture, "1000:1000"]);
  assert.deepEqual(await runtime.image(image.digest), stored);
  // It may be there before Podman tells anything of it, or the last of it.
  const all = [...image.blobs.values()].reduce((sum, { length }) => sum + length, 0);
  for (const [at, [done, total]] of seen.entries()) {
    assert.ok(done >= (seen[at - 1]?.[0] ?? 0) && done <= total && total <= all, `${JSON.stringify(seen)} of ${all}`);
  }
});

test("progress only grows, up to all there is", async () => {
  const image = imageOf("slow", 24 * MiB);
  await registry.push("piccolo/slow", image);
  // Podman tells once a second: slow enough for several times on any machine.
  registry.mischief = { at: /blobs/, slowMs: 20 };
  const seen: [number, number][] = [];
  await runtime.pullImage(reference("piccolo/slow", image.digest), {
    progress: (done, total) => seen.push([done, total]),
  });
  registry.mischief = undefined;
  const all = layerOf(image).bytes;
  assert.ok(seen.length >= 3, JSON.stringify(seen));
  for (const [at, [done, total]] of seen.entries()) {
    assert.ok(done >= (seen[at - 1]?.[0] ?? 0) && done <= total, JSON.stringify(seen));
  }
  const [done, total] = seen.at(-1) ?? [0, 0];
  assert.ok(total >= all && total < all + 64 * 1024 && done > all / 2, `${done} of ${total} of ${all}`);
});

test("of an image of several parts, those that had come when the connection broke are not fetched again", async () => {
  const image = ofTwo("first-part", "second-part", 12 * MiB);
  await registry.push("piccolo/two", image);
  const [first = "", second = ""] = [...image.blobs.keys()];
  const asks = (digest: string): number => registry.asked.filter(({ path }) => path.endsWith(digest)).length;
  registry.asked.length = 0;
  // The second part breaks off once the first one is on the disk.
  registry.mischief = { at: new RegExp(`blobs/${second}`), cutAfterBytes: 11 * MiB, slowMs: 20 };
  await assert.rejects(runtime.pullImage(reference("piccolo/two", image.digest)), { code: "image-unreachable" });
  registry.mischief = undefined;
  assert.equal(await runtime.image(image.digest), undefined);
  assert.deepEqual([asks(first), asks(second)], [1, 1]);
  assert.equal((await runtime.pullImage(reference("piccolo/two", image.digest))).digest, image.digest);
  assert.deepEqual([asks(first), asks(second)], [1, 2]);
});

test("a registry that dies in the middle is no image, and once it is back the image is whole", async () => {
  const image = imageOf("dying", 24 * MiB);
  await registry.push("piccolo/dying", image);
  const { digest, bytes } = layerOf(image);
  registry.mischief = { at: new RegExp(`blobs/${digest}`), cutAfterBytes: bytes / 2 };
  const pulling = runtime.pullImage(reference("piccolo/dying", image.digest), {
    progress: (done) => {
      if (done > 0) void registry.kill();
    },
  });
  await assert.rejects(pulling, { code: "image-unreachable" });
  assert.equal(await runtime.image(image.digest), undefined);
  await registry.kill();
  await assert.rejects(runtime.pullImage(reference("piccolo/dying", image.digest)), { code: "image-unreachable" });
  registry.mischief = undefined;
  await registry.start();
  assert.equal((await runtime.pullImage(reference("piccolo/dying", image.digest))).digest, image.digest);
});

test("who waits no longer ends the pull, and what is asked for afterwards comes", async () => {
  const image = imageOf("given-up", 24 * MiB);
  await registry.push("piccolo/given-up", image);
  registry.mischief = { at: /blobs/, slowMs: 50 };
  const stop = new AbortController();
  const pulling = runtime.pullImage(reference("piccolo/given-up", image.digest), {
    signal: stop.signal,
    progress: () => stop.abort(new Error("something else is wanted")),
  });
  await assert.rejects(pulling, { message: "something else is wanted" });
  registry.mischief = undefined;
  assert.equal((await runtime.pullImage(reference("piccolo/given-up", image.digest))).digest, image.digest);
});

test("a manifest or a part that is not what its digest says is refused, and not kept", async () => {
  for (const [seed, at] of [
    ["false-manifest", /manifests/],
    ["false-part", /blobs/],
  ] as const) {
    const image = imageOf(seed, MiB);
    await registry.push(`piccolo/${seed}`, image);
    registry.mischief = { at, spoil: true };
    await assert.rejects(runtime.pullImage(reference(`piccolo/${seed}`, image.digest)), {
      code: "image-digest-differs",
    });
    registry.mischief = undefined;
    assert.equal(await runtime.image(image.digest), undefined);
  }
});

test("a registry that gives no more for a while is told as that, and gives again later", async () => {
  const image = imageOf("limited", MiB);
  await registry.push("piccolo/limited", image);
  const message = "You have reached your pull rate limit.";
  for (const at of [/manifests/, /blobs/]) {
    registry.mischief = { at, refuse: { status: 429, code: "TOOMANYREQUESTS", message } };
    await assert.rejects(runtime.pullImage(reference("piccolo/limited", image.digest)), { code: "registry-busy" });
  }
  registry.mischief = undefined;
  assert.equal((await runtime.pullImage(reference("piccolo/limited", image.digest))).digest, image.digest);
});

test("an image for another processor is refused and not kept, also where it is one of several", async () => {
  const image = imageOf("other", MiB, otherArchitecture);
  await registry.push("piccolo/other", image);
  await assert.rejects(runtime.pullImage(reference("piccolo/other", image.digest)), { code: "image-architecture" });
  assert.equal(await runtime.image(image.digest), undefined);
  const own = imageOf("own", MiB);
  await registry.push("piccolo/other", own);
  const listOf = (...images: readonly (readonly [BuiltImage, string])[]): [string, Uint8Array] => {
    const mediaType = "application/vnd.oci.image.index.v1+json";
    const manifests = images.map(([one, of]) => ({
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      digest: one.digest,
      size: one.manifest.length,
      platform: { architecture: of, os: "linux" },
    }));
    const bytes = toUtf8(JSON.stringify({ schemaVersion: 2, mediaType, manifests }));
    return [`sha256:${createHash("sha256").update(bytes).digest("hex")}`, bytes];
  };
  const type = "application/vnd.oci.image.index.v1+json";
  const [lacking, lackingBytes] = listOf([image, otherArchitecture]);
  await registry.putManifest("piccolo/other", lacking, lackingBytes, type);
  await assert.rejects(runtime.pullImage(reference("piccolo/other", lacking)), { code: "image-architecture" });
  const [both, bothBytes] = listOf([image, otherArchitecture], [own, architecture]);
  await registry.putManifest("piccolo/other", both, bothBytes, type);
  const stored = await runtime.pullImage(reference("piccolo/other", both));
  assert.deepEqual([stored.digest, stored.architecture], [both, architecture]);
});

test("a disk that fills up in the middle is told as that, leaves nothing, and room is enough to go on", async () => {
  const place = join(folder, "small");
  mkdirSync(place);
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=40m", "tmpfs", place]);
  assert.equal(mounted.status, 0, mounted.stderr.toString());
  const small = podman("small", place);
  try {
    const image = imageOf("large", 32 * MiB);
    await registry.push("piccolo/large", image);
    await assert.rejects(small.pullImage(reference("piccolo/large", image.digest)), { code: "disk-full" });
    assert.equal(await small.image(image.digest), undefined);
    assert.deepEqual(leftOver(storages.at(-1) ?? assert.fail()), []);
    assert.equal(spawnSync("mount", ["-o", "remount,size=160m", place]).status, 0);
    assert.equal((await small.pullImage(reference("piccolo/large", image.digest))).digest, image.digest);
  } finally {
    await small.shutDown();
    await storages.pop()?.close();
    spawnSync("umount", ["--lazy", place]);
  }
});

test("of images and their registry nothing is noted outside the storage", () => {
  assert.deepEqual(notes(), []);
});

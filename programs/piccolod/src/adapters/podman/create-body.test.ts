import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import type { ContainerSpec } from "../../apps/runtime/container-spec.ts";
import { makingVersion } from "../../apps/specs.ts";
import { createBody } from "./create-body.ts";

const spec: ContainerSpec = {
  name: "shelf.web.1",
  image: "sha256:00",
  entrypoint: ["/serve"],
  command: ["--all"],
  environment: { TZ: "UTC" },
  user: { uid: 1_000, gid: 1_000 },
  workingFolder: "/data",
  hostName: "web",
  labels: {},
  mounts: [
    { kind: "bind", source: "/volumes/data", target: "/data", readOnly: false },
    { kind: "scratch", target: "/tmp", sizeBytes: 1_048_576, mode: 0o1777 },
  ],
  readOnlyRoot: false,
  rootBytesMax: 1_048_576,
  init: true,
  capabilities: ["CHOWN"],
  ids: { start: 65_536, size: 65_536 },
  networks: [{ network: "shelf", address: "10.128.0.2" }],
  hosts: [{ name: "web", address: "10.128.0.2" }],
  nameServers: [],
  memoryBytes: 268_435_456,
  milliCpus: 1_000,
  processesMax: 100,
  sharedMemoryBytes: 1_048_576,
  logBytesMax: 1_048_576,
  stopSignal: "SIGTERM",
  stopGraceMs: 10_000,
};

/** Whoever changes what a container is made with gives the new digest a version of its own: those made before are made anew by it. */
const digests: Readonly<Record<number, string>> = {
  2: "f63452242f933bb12a176b0fce589af6ab5a929f2a95c623d09e76eaba17432d",
};

test("what a container is made with changes together with the version of the making alone", () => {
  const body = createBody(spec, "image-id", "piccolo.slice");
  const digest = createHash("sha256").update(JSON.stringify(body)).digest("hex");
  assert.equal(digest, digests[makingVersion], "what a container is made with has changed: raise makingVersion");
});

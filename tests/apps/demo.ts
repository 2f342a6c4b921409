/** The demo apps as a test installs them: their images as archives in a folder, and their manifests. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildDemoImage, demoPort, type DemoName } from "@piccolo/oci-image/demo";

const busybox = readFileSync("/bin/busybox");
const architecture = process.arch === "arm64" ? "arm64" : "amd64";

/** Writes the archive and returns the image's digest. */
export function bundleDemo(folder: string, name: DemoName, version = "1"): string {
  const { digest, archive } = buildDemoImage(name, { busybox, architecture, version });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${digest.replace(":", "-")}.tar`), archive);
  return digest;
}

export function demoManifest(name: DemoName, digest: string, version = "1", id: string = name): string {
  const isStateful = name === "counter";
  return `services:
  web:
    image: localhost/piccolo-${name}:${version}@${digest}
    read_only: true
    init: true
    mem_limit: 64m
    cpus: 1
    pids_limit: 128
${isStateful ? "    volumes:\n      - data:/data\n" : ""}${isStateful ? "volumes:\n  data: {}\n" : ""}x-piccolo:
  id: ${id}
  version: "${version}"
  name: Demo ${name}
  summary: What a demo does
  web: { service: web, port: ${demoPort}, health-path: /health }
${isStateful ? "  volumes:\n    data: { title: The number, snapshot: stop, size-max: 64m }\n" : ""}`;
}

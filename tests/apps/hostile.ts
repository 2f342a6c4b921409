/** The hostile app as a drill installs it, and how it is told what to do. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type AppVisit, textOf } from "@piccolo/devnet";
import { demoPort } from "@piccolo/oci-image/demo";
import { buildHostileImage, mirrorCommand, naiveCommand, obeyPath } from "@piccolo/oci-image/hostile";

export function bundleHostile(folder: string): string {
  const architecture = process.arch === "arm64" ? "arm64" : "amd64";
  const { digest, archive } = buildHostileImage({ busybox: readFileSync("/bin/busybox"), architecture });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${digest.replace(":", "-")}.tar`), archive);
  return digest;
}

/** Root of its own, with all an app may have. */
export function hostileManifest(digest: string): string {
  return `services:
  web:
    image: localhost/piccolo-hostile:1@${digest}
    user: "0:0"
    mem_limit: 256m
    cpus: 1
    pids_limit: 64
    init: true
    volumes:
      - data:/data
      - type: tmpfs
        target: /scratch
        tmpfs: { size: 48m }
volumes:
  data: {}
x-piccolo:
  id: hostile
  version: "1"
  name: Hostile
  summary: Does what it is told
  web: { service: web, port: ${demoPort}, health-path: /health }
  volumes:
    data: { title: Whatever, snapshot: stop, size-max: 32m }
  grants:
    internet: { reason: To reach out }
    public-paths: { reason: To be seen, paths: ["/open/*"] }
`;
}

/** Gives back what reaches it. */
export function mirrorManifest(digest: string): string {
  return answeringManifest(digest, { id: "mirror", name: "Mirror", does: "Gives back what reaches it" }, mirrorCommand);
}

/** Reads a path in every way, and sets every cookie. */
export function naiveManifest(digest: string): string {
  const does = "Believes what it is told";
  return answeringManifest(digest, { id: "naive", name: "Naive", does }, naiveCommand).concat(
    `  grants:
    public-paths: { reason: To be seen, paths: ["/open/*"] }
`,
  );
}

function answeringManifest(
  digest: string,
  { id, name, does }: { readonly id: string; readonly name: string; readonly does: string },
  command: readonly string[],
): string {
  return `services:
  web:
    image: localhost/piccolo-hostile:1@${digest}
    command: ${JSON.stringify(command)}
    read_only: true
    user: "1000:1000"
    mem_limit: 64m
    pids_limit: 64
    init: true
x-piccolo:
  id: ${id}
  version: "1"
  name: ${name}
  summary: ${does}
  web: { service: web, port: ${demoPort}, health-path: /health }
`;
}

export interface Done {
  readonly code: number;
  readonly output: string;
}

/** Has the hostile app run a script. Throws where it does not answer. */
export async function obey(visit: AppVisit, script: string): Promise<Done> {
  const reply = await visit.send(obeyPath, { method: "POST", body: `${script}\n` });
  const text = await textOf(reply);
  const [, output = "", code] = /^(.*)\nexit (\d+)\n$/s.exec(text) ?? [];
  if (code === undefined) throw new Error(`the hostile app answered with ${reply.status} ${text.slice(0, 300)}`);
  return { code: Number(code), output };
}

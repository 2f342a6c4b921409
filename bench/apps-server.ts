/** An app as most are: a server that keeps connections open. It is this Node and one file, in an image made here. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { toUtf8 } from "@piccolo/bytes";
import { buildImage, type TarEntry } from "@piccolo/oci-image";

export const pageBytes = 2_048;
/** Of which a large body is made, over and over; unlike itself, so that nothing that is lost goes unnoticed. */
const blockBytes = 1024 * 1024;
export const largeBytes = 1024 * blockBytes;

const program = `
import { createServer } from "node:http";
import { createHash } from "node:crypto";
const page = Buffer.alloc(${pageBytes}, "0123456789abcdef");
const block = Buffer.alloc(${blockBytes});
for (let at = 0; at < block.length; at += 4) block.writeUInt32LE(Math.imul(at + 1, 2654435761) >>> 0, at);
const server = createServer((req, res) => {
  if (req.url === "/large") {
    res.writeHead(200, { "content-length": ${largeBytes} });
    let left = ${largeBytes / blockBytes};
    const go = () => {
      while (left > 0) {
        left--;
        if (!res.write(block)) return res.once("drain", go);
      }
      res.end();
    };
    return go();
  }
  if (req.url === "/sink") {
    const hash = createHash("sha256");
    return req.on("data", (part) => hash.update(part)).on("end", () => res.end(hash.digest("hex")));
  }
  res.writeHead(200, { "content-type": "text/html", "content-length": page.length }).end(page);
});
server.listen(8080);
process.on("SIGTERM", () => process.exit(0));
`;

/** What `/large` sends. */
export function largeBlock(): Buffer {
  const block = Buffer.alloc(blockBytes);
  for (let at = 0; at < block.length; at += 4) block.writeUInt32LE(Math.imul(at + 1, 2_654_435_761) >>> 0, at);
  return block;
}

export const pageSha256 = createHash("sha256").update(Buffer.alloc(pageBytes, "0123456789abcdef")).digest("hex");

/** Node and the libraries it is linked with, at their places. */
function nodeFiles(): TarEntry[] {
  const listed = spawnSync("ldd", [process.execPath]).stdout.toString();
  const libraries = [...listed.matchAll(/(\/\S+) \(0x/g)].map(([, path = ""]) => path);
  const folders = new Set<string>();
  for (const path of libraries) {
    for (let folder = dirname(path); folder !== "/"; folder = dirname(folder)) folders.add(folder.slice(1));
  }
  return [
    ...[...folders].toSorted().map((path): TarEntry => ({ kind: "folder", path, mode: 0o755 })),
    ...libraries.map((path): TarEntry => ({
      kind: "file",
      path: path.slice(1),
      mode: 0o755,
      content: readFileSync(path),
    })),
    { kind: "file", path: "node", mode: 0o755, content: readFileSync(process.execPath) },
  ];
}

/** Writes the image's archive; returns the app's manifest. */
export function bundleServer(folder: string): string {
  const { digest, archive } = buildImage(
    "localhost/piccolo-server:1",
    {
      architecture: process.arch === "arm64" ? "arm64" : "amd64",
      command: ["/node", "/server.mjs"],
      user: "1000:1000",
    },
    [
      { kind: "folder", path: ".", mode: 0o755 },
      { kind: "folder", path: "tmp", mode: 0o1777 },
      { kind: "folder", path: "run", mode: 0o755 },
      { kind: "folder", path: "etc", mode: 0o755 },
      ...nodeFiles(),
      { kind: "file", path: "server.mjs", mode: 0o644, content: toUtf8(program) },
    ],
  );
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${digest.replace(":", "-")}.tar`), archive);
  return `services:
  web:
    image: localhost/piccolo-server:1@${digest}
    read_only: true
    init: true
    mem_limit: 512m
    pids_limit: 128
x-piccolo:
  id: server
  version: "1"
  name: Server
  summary: Answers
  web: { service: web, port: 8080, health-path: / }
`;
}

/**
 * Two small apps the project makes itself, so that an app can be installed where no registry is reachable. Both run
 * busybox (its static build), whose bytes the caller gives: the digest is a function of them.
 */
import { toUtf8 } from "@piccolo/bytes";
import { buildImage, type BuiltImage, type ImageConfig } from "./image.ts";
import type { TarEntry } from "./tar.ts";

export const demoNames = ["hello", "counter"] as const;
export type DemoName = (typeof demoNames)[number];

/** Where both listen. */
export const demoPort = 8080;
/** Where the counter keeps its number. */
export const counterFolder = "/data";
/** Neither runs as root, not even as root of its own container. */
const account = 1000;

export const folder = (path: string, owner = 0): TarEntry => ({ kind: "folder", path, mode: 0o755, owner });
export const file = (path: string, text: string, mode = 0o644): TarEntry => ({
  kind: "file",
  path,
  mode,
  content: toUtf8(text),
});

const applets = ["sh", "cat", "sync", "wc", "sleep", "id", "nc", "dd", "ls", "ping", "wget"];

/** The top of an image that runs busybox, with these entries. */
export function withBusybox(busybox: Uint8Array, entries: readonly TarEntry[]): TarEntry[] {
  return [
    // Without an entry of its own the top folder is one that nobody may write to.
    folder("."),
    folder("bin"),
    { kind: "file", path: "bin/busybox", mode: 0o755, content: busybox },
    ...applets.map((name): TarEntry => ({ kind: "link", path: `bin/${name}`, target: "busybox" })),
    folder("data", account),
    folder("etc"),
    file("etc/passwd", `app:x:${account}:${account}::/:/bin/sh\n`),
    folder("run"),
    // The mode of what is mounted here in a container is this one.
    { kind: "folder", path: "tmp", mode: 0o1777 },
    folder("www"),
    ...entries,
  ];
}

const page = (title: string, body: string): string =>
  `<!doctype html><html lang="en"><meta charset="utf-8"><title>${title}</title><body>${body}</body></html>\n`;

const hello = [
  file("www/index.html", page("Hello", "<h1>Hello from your own device</h1>")),
  file("www/health", "ok\n"),
];

/**
 * One number on a volume: the length of a file. A POST adds one to it and answers once that is on the disk. Bytes are
 * appended each as a whole, so that visits at the same time need no lock, and a power cut leaves none half counted.
 */
const counterScript = `#!/bin/sh
set -e
cd ${counterFolder}
if [ "$REQUEST_METHOD" = POST ]; then
  printf x >>number
  sync -d number
fi
[ -e number ] || : >>number
number=$(wc -c <number)
printf 'Content-Type: text/plain\\r\\nCache-Control: no-store\\r\\n\\r\\n%s\\n' "$number"
`;

const counter = [
  file(
    "www/index.html",
    page("Counter", '<h1>Counter</h1><form method="post" action="/cgi-bin/number"><button>Add one</button></form>'),
  ),
  file("www/health", "ok\n"),
  folder("www/cgi-bin"),
  file("www/cgi-bin/number", counterScript, 0o755),
];

export interface DemoImageOptions {
  readonly busybox: Uint8Array;
  readonly architecture: ImageConfig["architecture"];
  /** Goes into the image, so that there are several of one app to update between. */
  readonly version?: string;
}

export function buildDemoImage(name: DemoName, options: DemoImageOptions): BuiltImage {
  const { busybox, architecture, version = "1" } = options;
  const content = [...(name === "hello" ? hello : counter), file("www/version", `${version}\n`)];
  return buildImage(
    `localhost/piccolo-${name}:${version}`,
    {
      architecture,
      command: ["/bin/busybox", "httpd", "-f", "-p", String(demoPort), "-h", "/www"],
      environment: { PATH: "/bin" },
      user: `${account}:${account}`,
    },
    withBusybox(busybox, content),
  );
}

/**
 * An app that does what it is told, by whoever visits it: what holds against it holds against every app. And one that
 * gives back what reaches it, byte for byte. For drills; neither is in any catalog.
 */
import { demoPort, file, folder, withBusybox } from "./demo.ts";
import { buildImage, type BuiltImage, type ImageConfig } from "./image.ts";
import type { TarEntry } from "./tar.ts";

const tools = ["cut", "find", "grep", "head", "ip", "mkdir", "rm", "timeout"];

/** Runs the body of a POST as a shell's script; answers with its output, then a line `exit N`. What it writes to 3 goes into the app's log. */
export const obeyPath = "/cgi-bin/obey";

const obey = `#!/bin/sh
printf 'Content-Type: text/plain\\r\\nCache-Control: no-store\\r\\n\\r\\n'
cat >/tmp/script.$$
/bin/sh /tmp/script.$$ </dev/null 3>&2 2>&1
printf '\\nexit %s\\n' $?
`;

/** Head, a line, and what came within a second after it. */
const mirror = `#!/bin/sh
end=$(printf '\\r')
head=''
while IFS= read -r line; do
  head="$head$line
"
  [ "$line" = "$end" ] && break
done
rest=$(timeout 1 cat)
text="$head--- body ---
$rest"
printf 'HTTP/1.1 200 OK\\r\\nContent-Type: text/plain\\r\\nConnection: close\\r\\nContent-Length: %s\\r\\n\\r\\n%s' "\${#text}" "$text"
`;

export function buildHostileImage(options: {
  readonly busybox: Uint8Array;
  readonly architecture: ImageConfig["architecture"];
}): BuiltImage {
  return buildImage(
    "localhost/piccolo-hostile:1",
    {
      architecture: options.architecture,
      command: ["/bin/busybox", "httpd", "-f", "-p", String(demoPort), "-h", "/www"],
      environment: { PATH: "/bin" },
    },
    withBusybox(options.busybox, [
      ...tools.map((name): TarEntry => ({ kind: "link", path: `bin/${name}`, target: "busybox" })),
      file("bin/mirror", mirror, 0o755),
      folder("www/cgi-bin"),
      file("www/cgi-bin/obey", obey, 0o755),
      file("www/health", "ok\n"),
      folder("www/open"),
      file("www/open/page", "open to all\n"),
      file("www/closed", "for the owner\n"),
    ]),
  );
}

/** What the second one runs in place of the image's command. */
export const mirrorCommand: readonly string[] = [
  "/bin/busybox",
  "nc",
  "-ll",
  "-p",
  String(demoPort),
  "-e",
  "/bin/mirror",
];

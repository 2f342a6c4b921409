/**
 * An app that does what it is told, by whoever visits it: what holds against it holds against every app. And one that
 * gives back what reaches it, byte for byte. And one that reads a path in every way a server ever has, and sets every cookie.
 * For drills; none is in any catalog.
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

/** Answered below `cookiesPath`: first those that reach beyond the app's host or are the device's, then one of its own. */
export const cookiesPath = "/open/cookies";
export const foreignCookies: readonly string[] = [
  "one=1; Domain=localhost",
  "two=1; Path=/; dOmAiN = .localhost; HttpOnly",
  "three=1;Domain",
  "piccolo_device1=mallory; Path=/",
  "PICCOLO_device1=mallory",
  "piccolo_app_device1=mallory; Path=/",
  "piccolo-app=mallory",
  "  piccolo_spaced=mallory",
  "=piccolo_nameless=mallory",
  " = piccolo_spaced_nameless=mallory",
  "piccolo_empty",
  "__Host-piccolo_device1=mallory; Path=/; Secure",
  "__host-piccolo_device1=mallory; Path=/; Secure",
  "__Secure-piccolo_device1=mallory; Path=/; Secure",
];
export const ownCookie = "own=1; Path=/; HttpOnly";

/** Decodes twice, cuts off what follows `;`, takes a backslash for a slash, and follows dots. */
const naive = `#!/bin/sh
IFS= read -r line
while IFS= read -r rest; do
  [ "\${#rest}" -le 1 ] && break
done
path=\${line#* }
path=\${path%% *}
path=\${path%%\\?*}
path=$(/bin/busybox httpd -d "$path")
path=$(/bin/busybox httpd -d "$path")
while true; do
  case $path in *\\\\*) path="\${path%%\\\\*}/\${path#*\\\\}" ;; *) break ;; esac
done
at=''
left="$path/"
while [ -n "$left" ]; do
  part=\${left%%/*}
  left=\${left#*/}
  part=\${part%%;*}
  case $part in '' | .) ;; ..) at=\${at%/*} ;; *) at="$at/$part" ;; esac
done
status='404 Not Found'
text='nothing is here'
cookies=''
if [ "$at" = ${cookiesPath} ]; then
  status='200 OK'
  text='cookies'
  cookies='${[...foreignCookies, ownCookie].join("\n")}'
elif [ -f "/www$at" ]; then
  status='200 OK'
  text=$(cat "/www$at")
fi
end=$(printf '\\r')
printf 'HTTP/1.1 %s\\r\\nContent-Type: text/plain\\r\\nConnection: close\\r\\nContent-Length: %s\\r\\n' "$status" "\${#text}"
[ -n "$cookies" ] && printf '%s\\n' "$cookies" | while IFS= read -r cookie; do
  printf 'Set-Cookie: %s%s\\n' "$cookie" "$end"
done
printf '\\r\\n%s' "$text"
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
      file("bin/naive", naive, 0o755),
      folder("www/cgi-bin"),
      file("www/cgi-bin/obey", obey, 0o755),
      file("www/health", "ok\n"),
      folder("www/open"),
      file("www/open/page", "open to all\n"),
      file("www/closed", "for the owner\n"),
    ]),
  );
}

const answering = (program: string): readonly string[] => {
  return ["/bin/busybox", "nc", "-ll", "-p", String(demoPort), "-e", program];
};

/** What the other two run in place of the image's command. */
export const mirrorCommand = answering("/bin/mirror");
export const naiveCommand = answering("/bin/naive");

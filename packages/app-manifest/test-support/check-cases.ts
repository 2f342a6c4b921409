/** Vectors of the check: one failure each, and a few whole manifests. */
import assert from "node:assert/strict";
import { checkManifest } from "../src/index.ts";
import { keyCases } from "./key-cases.ts";
import { referenceCases } from "./reference-cases.ts";
import { changed, full, image, refused, small, whole, withKey } from "./refusals.ts";
import { secretCases } from "./secret-cases.ts";
import { digestA, fullText, smallText } from "./texts.ts";
import type { Vector } from "./vector.ts";

const bomb = [
  "a: &a [x, x, x, x, x, x, x, x, x, x]",
  ..."bcdefg".split("").map(
    (name, at) =>
      `${name}: &${name} [${Array(10)
        .fill(`*${"abcdef"[at] ?? ""}`)
        .join(", ")}]`,
  ),
].join("\n");

function documentCases(): Record<string, Vector> {
  return {
    "text-too-large": refused("a file above the bound is not read", { parts: [{ text: "# much\n", times: 20_000 }] }, [
      ["too-large", ""],
    ]),
    "alias-bomb": refused("aliases that grow to ten million values", whole(bomb), [["too-many-nodes", ""]]),
    "alias-of-long-text": refused(
      "a few aliases of a long text, which are few values and much text",
      {
        parts: [
          { text: 'a: &a "', times: 1 },
          { text: "x", times: 8192 },
          { text: '"\nb: [', times: 1 },
          { text: "*a, ", times: 64 },
          { text: "]\n", times: 1 },
        ],
      },
      [["too-large", ""]],
    ),
    "alias-of-long-key": refused(
      "aliases of a map with a long key",
      {
        parts: [
          { text: 'a: &a { "', times: 1 },
          { text: "x", times: 8192 },
          { text: '": 1 }\nb: [', times: 1 },
          { text: "*a, ", times: 64 },
          { text: "]\n", times: 1 },
        ],
      },
      [["too-large", ""]],
    ),
    "alias-to-itself": refused("an alias within what it names", whole("a: &a [*a]\n"), [["too-deep", ""]]),
    "alias-without-anchor": refused("an alias before its anchor", whole("a: *b\nb: &b 1\n"), [["not-yaml", "/a"]]),
    "nested-too-deep": refused(
      "nesting that ends the stack of a recursive reader",
      { parts: [{ text: "[", times: 100_000 }] },
      [["too-deep", ""]],
    ),
    "nested-a-little-too-deep": refused(
      "nesting one level beyond the bound",
      {
        parts: [
          { text: "[", times: 26 },
          { text: "]", times: 26 },
        ],
      },
      [["too-deep", ""]],
    ),
    "not-yaml": refused("text that is no YAML", whole("a: [1\nb: 2\n"), [["not-yaml", ""]]),
    "no-document": refused("an empty file", whole(""), [["not-yaml", ""]]),
    "two-documents": refused("two documents in one file", whole("a: 1\n---\nb: 2\n"), [["not-yaml", ""]]),
    "older-yaml": refused("YAML 1.1, in which no means false", whole("%YAML 1.1\n---\na: no\n"), [["not-yaml", ""]]),
    tag: refused("a tag that makes an object", whole("a: !!js/function x\n"), [["tag-refused", ""]]),
    "not-a-map": refused("a list where the manifest belongs", whole("- a\n"), [["wrong-type", ""]]),
    "duplicate-key": small("a key twice in one map", '  version: "1.0"\n', '  version: "1.0"\n  version: "2.0"\n', [
      "duplicate-key",
      "/x-piccolo/version",
    ]),
    "key-not-text": small("a key that is a list", "services:\n", "? [a]\n: b\nservices:\n", ["key-not-text", ""]),
    "merge-not-a-map": small("a merge key with text", "services:\n", "<<: text\nservices:\n", ["wrong-type", "/<<"]),
  };
}

function subsetCases(): Record<string, Vector> {
  const top = (about: string, key: string, code = "key-outside-subset"): Vector =>
    small(about, "services:\n", `${key}\nservices:\n`, [code, `/${key.split(":")[0] ?? ""}`]);
  return {
    "host-port": withKey("a port of the device", 'ports: ["8080:80"]', "host-port"),
    privileged: withKey("a privileged service", "privileged: true", "privileged"),
    "host-network": withKey("the device's network", "network_mode: host", "host-namespace"),
    "host-processes": withKey("the device's processes", "pid: host", "host-namespace"),
    "host-memory": withKey("the device's memory", "ipc: host", "host-namespace"),
    "host-users": withKey("the device's user numbers", "userns_mode: host", "host-namespace"),
    "host-name-space": withKey("the device's name", "uts: host", "host-namespace"),
    devices: withKey("a device of the machine", "devices: [/dev/sda]", "device-refused"),
    gpus: withKey("a graphics processor", "gpus: all", "device-refused"),
    "kernel-settings": withKey("settings of the kernel", "sysctls: { net.ipv4.ip_forward: 1 }", "privileged"),
    capability: withKey(
      "a capability that reaches out of the container",
      "cap_add: [SYS_ADMIN]",
      "capability-refused",
      "/services/web/cap_add/0",
    ),
    unconfined: withKey(
      "no system call filter",
      "security_opt: [seccomp:unconfined]",
      "privileged",
      "/services/web/security_opt/0",
    ),
    "api-socket": withKey("the container socket by its key", "use_api_socket: true", "container-socket"),
    "container-socket": withKey(
      "the container socket as a mount",
      "volumes: [/var/run/docker.sock:/var/run/docker.sock]",
      "container-socket",
      "/services/web/volumes/0",
    ),
    "podman-socket": withKey(
      "Podman's socket as a mount",
      "volumes: [{ type: bind, source: /run/podman/podman.sock, target: /s }]",
      "host-path",
      "/services/web/volumes/0/type",
    ),
    "host-path": withKey("a path of the device", "volumes: [/etc:/etc]", "host-path", "/services/web/volumes/0"),
    "host-path-relative": withKey(
      "a path beside the manifest",
      "volumes: [./data:/data]",
      "host-path",
      "/services/web/volumes/0",
    ),
    "host-path-home": withKey("a path below home", "volumes: [~/data:/data]", "host-path", "/services/web/volumes/0"),
    "host-path-variable": withKey(
      "a path by a variable",
      "volumes: ['${DATA}/x:/data']",
      "host-path",
      "/services/web/volumes/0",
    ),
    build: withKey("an image to build", "build: .", "image-built"),
    extends: withKey("a service of another file", "extends: { file: other.yml, service: web }", "key-outside-subset"),
    "env-file": withKey("variables of another file", "env_file: .env", "key-outside-subset"),
    "container-name": withKey("a container's name", "container_name: notes", "key-outside-subset"),
    networks: withKey("networks of a service", "networks: [front]", "key-outside-subset"),
    "extra-hosts": withKey(
      "names of hosts",
      "extra_hosts: ['host.docker.internal:host-gateway']",
      "key-outside-subset",
    ),
    labels: withKey("labels", "labels: { a: b }", "key-outside-subset"),
    deploy: withKey("limits in another spelling", "deploy: { resources: {} }", "key-outside-subset"),
    ulimits: withKey("limits of processes", "ulimits: { nofile: 10 }", "key-outside-subset"),
    logging: withKey("another log", "logging: { driver: syslog }", "key-outside-subset"),
    "unknown-key": withKey("a key that Compose does not have", "portz: []", "unknown-key"),
    "key-with-slash": withKey(
      "a key with slashes, which the pointer escapes",
      '"a/b~c": 1',
      "unknown-key",
      "/services/web/a~1b~0c",
    ),
    "prototype-key": withKey("a key that objects inherit", "constructor: 1", "unknown-key"),
    "top-networks": top("networks of the app", "networks: { front: {} }"),
    "top-secrets": top("secrets from files", "secrets: { a: { file: ./a } }"),
    "top-include": top("other files", "include: [other.yml]"),
    "top-unknown": top("an unknown key at the top", "servicez: {}", "unknown-key"),
    "volume-driver": full("a volume with a driver", "  books:\n  database", "  books: { driver: local }\n  database", [
      "key-outside-subset",
      "/volumes/books/driver",
    ]),
  };
}

function nameCases(): Record<string, Vector> {
  const id = (about: string, value: string, code: string): Vector =>
    small(about, "id: notes", `id: ${value}`, [code, "/x-piccolo/id"]);
  const service = (about: string, name: string, pointer: string): Vector =>
    small(about, "x-piccolo:\n", `  "${name}":\n${image}x-piccolo:\n`, ["name-refused", `/services/${pointer}`]);
  return {
    "id-with-dot": id("an id with a dot would be two host names", "no.tes", "name-refused"),
    "id-with-slash": id("an id with a slash would be a path", "../notes", "name-refused"),
    "id-upper-case": id("an id in capitals", "Notes", "name-refused"),
    "id-with-underscore": id("an id with an underscore is no host name", "my_notes", "name-refused"),
    "id-encoded": id("an id that is an encoded name", "xn--notes", "name-refused"),
    "id-hyphen-at-end": id("an id that ends in a hyphen", "notes-", "name-refused"),
    "id-too-long": id("an id of 33 characters", "a".repeat(33), "name-refused"),
    "id-reserved": id("the device's own name", "piccolo", "name-reserved"),
    "service-with-dot": service("a service with a dot", "we.b", "we.b"),
    "service-with-slash": service("a service with slashes", "../web", "..~1web"),
    "service-upper-case": service("a service in capitals", "Web", "Web"),
    "service-empty-name": service("a service without a name", "", ""),
    "service-prototype": service("a service named like an object's inside", "__proto__", "__proto__"),
    "volume-with-slash": full(
      "a volume with slashes",
      "  books:\n  database",
      '  "../books":\n  books:\n  database',
      ["name-refused", "/volumes/..~1books"],
      ["volume-unknown", "/volumes/..~1books"],
      ["volume-unused", "/volumes/..~1books"],
    ),
    "secret-lower-case": full(
      "a secret in small letters",
      "    DB_PASSWORD: { length: 40, alphabet: hex }",
      "    DB_PASSWORD: { length: 40, alphabet: hex }\n    other: {}",
      ["name-refused", "/x-piccolo/secrets/other"],
    ),
    "setting-of-the-device": full(
      "a setting with the device's prefix",
      "    OPEN_SIGN_UP: { type",
      "    PICCOLO_X: { type: switch, label: X }\n    OPEN_SIGN_UP: { type",
      ["name-refused", "/x-piccolo/settings/PICCOLO_X"],
    ),
    "name-at-top-differs": full("a project name that is not the id", "name: shelf\n", "name: other\n", [
      "wrong-value",
      "/name",
    ]),
  };
}

function imageCases(): Record<string, Vector> {
  const named = (about: string, name: string, code: string): Vector =>
    small(about, `registry.example/notes:1.0@${digestA}`, name, [code, "/services/web/image"]);
  return {
    "image-by-tag": named("an image by its tag", "registry.example/notes:1.0", "image-not-by-digest"),
    "image-latest": named("an image without a tag", "notes", "image-not-by-digest"),
    "digest-sha512": named("a digest of another kind", `notes@sha512:${"ab".repeat(64)}`, "digest-unknown"),
    "digest-short": named("a digest cut off", "notes@sha256:0123456789abcdef", "digest-unknown"),
    "digest-upper-case": named("a digest in capitals", `notes@${digestA.toUpperCase()}`, "digest-unknown"),
    "digest-placeholder": named(
      "a digest somebody forgot to fill in",
      `notes@sha256:${"0".repeat(64)}`,
      "digest-unknown",
    ),
    "image-two-digests": named("two digests", `notes@${digestA}@${digestA}`, "wrong-value"),
    "image-with-dots": named("a repository that climbs", `registry.example/../notes@${digestA}`, "wrong-value"),
    "image-with-scheme": named(
      "an address instead of a name",
      `https://registry.example/notes@${digestA}`,
      "wrong-value",
    ),
    "image-variable": named("a variable in the name", `\${REGISTRY}/notes@${digestA}`, "wrong-value"),
  };
}

function accepted(about: string, text: string): Vector {
  const { manifest, problems } = checkManifest(text);
  assert.deepEqual(problems, [], about);
  // Undefined is no value of JSON: a key without one is left out.
  return { about, operation: "check", input: whole(text), expect: { manifest: JSON.parse(JSON.stringify(manifest)) } };
}

export function checkCases(): Record<string, Vector> {
  return {
    ...documentCases(),
    ...subsetCases(),
    ...keyCases(),
    ...nameCases(),
    ...imageCases(),
    ...secretCases(),
    ...referenceCases(),
    "ok-small": accepted("the least an app can say", smallText),
    "ok-full": accepted("one of everything that is used often", fullText),
    "ok-marks": accepted(
      "marks within words and lines, which Persian, Arabic and pictures need",
      changed(
        smallText,
        "summary: Short notes",
        'summary: { en: Short notes, fa: "می\u200cخواهم", ar: "C++\u200e و", de: "👩\u200d🔬" }',
      ),
    ),
    "ok-grants-unsaid": accepted(
      "grants that do not say whether they are required: the internet is, public paths are not",
      changed(fullText, ", required: false", ""),
    ),
    "ok-merge": accepted(
      "anchors, aliases, merge keys and passed-over extensions",
      `x-usual: &usual { init: true, mem_limit: 64m }\nversion: "3.7"\n${changed(smallText, image, `${image}    <<: *usual\n    mem_limit: 128m\n    restart: unless-stopped\n    x-note: kept for people\n`)}`,
    ),
  };
}

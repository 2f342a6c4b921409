/** Vectors of references between the parts of a manifest, and of single values. */
import { type Expected, full, image, refused, small, whole } from "./refusals.ts";
import { smallText } from "./texts.ts";
import type { Vector } from "./vector.ts";

export function referenceCases(): Record<string, Vector> {
  const two = (about: string, web: string, db: string, ...expected: Expected): Vector =>
    small(about, image, `${image}    depends_on: [${web}]\n  db:\n${image}    depends_on: [${db}]\n`, ...expected);
  return {
    "cycle-of-two": two("two services that wait for each other", "db", "web", [
      "dependency-cycle",
      "/services/web/depends_on",
    ]),
    "cycle-of-one": two("a service that waits for itself", "db", "db", [
      "dependency-cycle",
      "/services/db/depends_on/0",
    ]),
    "dependency-unknown": two("a service that is not there", "db", "cache", [
      "service-unknown",
      "/services/db/depends_on/0",
    ]),
    "healthy-without-check": full(
      "waiting for health that nobody checks",
      "    healthcheck:\n      test: pg_isready -U $$POSTGRES_USER\n      interval: 10s\n      timeout: 5s\n      retries: 5\n      start_period: 30s\n",
      "",
      ["health-check-missing", "/services/web/depends_on/db"],
    ),
    "web-unknown": small("a web page of no service", "service: web", "service: page", [
      "service-unknown",
      "/x-piccolo/web/service",
    ]),
    "volume-unknown": full(
      "a mount of no volume",
      "- books:/books",
      "- bookz:/books",
      ["volume-unknown", "/services/web/volumes/0"],
      ["volume-unused", "/volumes/books"],
    ),
    "volume-undescribed": full(
      "a volume without a way to snapshot it",
      "    database: { title: Database, snapshot: pause, size-max: 10g }\n",
      "",
      ["volume-unknown", "/volumes/database"],
    ),
    "snapshot-missing": full("a description without the way", "title: Database, snapshot: pause", "title: Database", [
      "missing-key",
      "/x-piccolo/volumes/database",
    ]),
    "target-root": full(
      "a volume over the whole container",
      "- books:/books",
      "- books:/",
      ["target-refused", "/services/web/volumes/0"],
      ["volume-unused", "/volumes/books"],
    ),
    "target-climbs": full(
      "a path with ..",
      "- books:/books",
      "- books:/a/../b",
      ["target-refused", "/services/web/volumes/0"],
      ["volume-unused", "/volumes/books"],
    ),
    "target-kernel": full(
      "a volume over the kernel's files",
      "- books:/books",
      "- books:/proc/self",
      ["target-refused", "/services/web/volumes/0"],
      ["volume-unused", "/volumes/books"],
    ),
    "target-taken": full("two mounts at one place", "- books:/books", "- books:/tmp", [
      "target-taken",
      "/services/web/volumes/1",
    ]),
    "target-taken-by-secret": full(
      "a secret's file where a volume is mounted",
      "    secrets: [DB_PASSWORD]\n    depends_on",
      "    secrets: [{ source: DB_PASSWORD, target: /books }]\n    depends_on",
      ["target-taken", "/services/web/secrets/0/source"],
    ),
    "stop-signal-unknown": full("a signal that is none", "stop_grace_period: 1m", "stop_signal: SIGQUITE", [
      "wrong-value",
      "/services/web/stop_signal",
    ]),
    "public-path-climbs": full("a public path with ..", "[/share/*]", "[/share/../admin]", [
      "wrong-value",
      "/x-piccolo/grants/public-paths/paths/0",
    ]),
    "public-path-encoded": full("a public path with an encoding", "[/share/*]", '["/share/%2e"]', [
      "wrong-value",
      "/x-piccolo/grants/public-paths/paths/0",
    ]),
    "public-path-star": full("a star that is no whole part", "[/share/*]", "[/share*]", [
      "wrong-value",
      "/x-piccolo/grants/public-paths/paths/0",
    ]),
    "no-english": full("text without English", "{ en: Your books, de: Deine Bücher }", "{ de: Deine Bücher }", [
      "missing-key",
      "/x-piccolo/summary",
    ]),
    "name-turns-direction": small(
      "a name that turns the direction of what is read after it",
      "  name: Notes\n",
      '  name: "Notes \\u202egpj.exe"\n',
      ["wrong-value", "/x-piccolo/name"],
    ),
    "description-isolates": full(
      "a text of several lines with an isolate in it",
      "    It has room.\n",
      "    It has \u2067room.\n",
      ["wrong-value", "/x-piccolo/description"],
    ),
    "reason-turns-direction": full(
      "a reason of a grant that turns the direction",
      "reason: Fetches covers of books",
      'reason: "Fetches \\u2066covers"',
      ["wrong-value", "/x-piccolo/grants/internet/reason"],
    ),
    "name-in-two-lines": small("a name with a line separator", "  name: Notes\n", '  name: "Notes\\LThe device"\n', [
      "wrong-value",
      "/x-piccolo/name",
    ]),
    "summary-invisible": small(
      "a summary of nothing but characters nobody sees",
      "  summary: Short notes\n",
      '  summary: "\\u200b\\u2060"\n',
      ["wrong-value", "/x-piccolo/summary"],
    ),
    "setting-strange": full(
      "a switch with a length",
      "type: switch, label: Let visitors sign up, default: false",
      "type: switch, label: Let visitors sign up, length-max: 5",
      ["wrong-value", "/x-piccolo/settings/OPEN_SIGN_UP"],
    ),
    "memory-too-small": full("less memory than a process needs", "mem_limit: 1g", "mem_limit: 1m", [
      "wrong-value",
      "/services/web/mem_limit",
    ]),
    "processors-negative": full("negative processors", 'cpus: "1.5"', 'cpus: "-1"', [
      "wrong-value",
      "/services/web/cpus",
    ]),
    "port-too-high": small("a port that does not exist", "port: 8080", "port: 65536", [
      "out-of-bounds",
      "/x-piccolo/web/port",
    ]),
    "user-by-name": full("a user by name", 'user: "1000:1000"', "user: postgres", [
      "wrong-value",
      "/services/web/user",
    ]),
    "website-script": full("an address that runs a script", "https://shelf.example", "'javascript:alert(1)'", [
      "wrong-value",
      "/x-piccolo/website",
    ]),
    "missing-x-piccolo": refused("Compose alone", whole(smallText.slice(0, smallText.indexOf("x-piccolo"))), [
      ["missing-key", ""],
    ]),
    "many-problems": refused(
      "all problems at once",
      whole(
        smallText
          .replace(image, "    image: notes\n    privileged: true\n    ports: [80]\n")
          .replace("port: 8080", "port: 0")
          .replace("id: notes", "id: a.b"),
      ),
      [
        ["privileged", "/services/web/privileged"],
        ["host-port", "/services/web/ports"],
        ["name-refused", "/x-piccolo/id"],
        ["out-of-bounds", "/x-piccolo/web/port"],
        ["image-not-by-digest", "/services/web/image"],
      ],
    ),
  };
}

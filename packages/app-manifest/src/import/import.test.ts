import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  casaOs,
  digests,
  plainCompose,
  runtipiCompose,
  runtipiConfig,
  umbrelApp,
  umbrelCompose,
} from "../../test-support/foreign.ts";
import { digestA, digestB } from "../../test-support/texts.ts";
import {
  type AppManifest,
  checkManifest,
  importCasaOs,
  importCompose,
  importRuntipi,
  type ImportResult,
  importUmbrel,
  problemCodes,
} from "../index.ts";

const umbrel = (compose = umbrelCompose, app = umbrelApp): ImportResult => importUmbrel({ compose, app });
const plain = (compose: string): ImportResult => importCompose({ compose, id: "wiki", name: "Wiki", version: "1" });

function translated(result: ImportResult): AppManifest {
  assert.deepEqual(result.problems, []);
  assert.ok(result.manifest);
  assert.deepEqual(checkManifest(result.text).manifest, result.manifest);
  return result.manifest;
}

function refusedWith(result: ImportResult, code: string, path: string): void {
  assert.equal(result.text, undefined);
  assert.ok(
    result.problems.some((problem) => problem.code === code && problem.path === path),
    JSON.stringify(result.problems),
  );
}

function changed(text: string, from: string, to: string): string {
  assert.equal(text.split(from).length, 2, from);
  return text.replace(from, () => to);
}

const noted = ({ notes }: ImportResult): readonly string[] => notes.map(({ code }) => code);

function environmentOf(manifest: AppManifest, service: string): Readonly<Record<string, string>> {
  const found = manifest.services.find(({ name }) => name === service);
  return Object.fromEntries(
    (found?.environment ?? []).map(({ name, value }) => [
      name,
      value.map((part) => (part.kind === "text" ? part.text : `<${part.name}>`)).join(""),
    ]),
  );
}

test("a container socket, a path of the machine, its network and its devices are refused for what they are", () => {
  const mount = (source: string): ImportResult =>
    umbrel(changed(umbrelCompose, "/etc/localtime:/etc/localtime:ro", `${source}:/x`));
  refusedWith(mount("/var/run/docker.sock"), "container-socket", "/services/web/volumes/2");
  refusedWith(mount("/proc"), "host-path", "/services/web/volumes/2");
  refusedWith(mount("${APP_DATA_DIR}/nginx.conf"), "not-importable", "/services/web/volumes/2");
  refusedWith(mount("${APP_DATA_DIR}/data"), "not-importable", "/services/web/volumes/2");
  const key = (line: string): ImportResult =>
    umbrel(changed(umbrelCompose, "    stop_grace_period: 1m\n", `    ${line}\n`));
  refusedWith(key("privileged: true"), "privileged", "/services/web/privileged");
  refusedWith(key("network_mode: host"), "host-namespace", "/services/web/network_mode");
  refusedWith(key("pid: host"), "host-namespace", "/services/web/pid");
  refusedWith(key("cap_add: [SYS_ADMIN]"), "capability-refused", "/services/web/cap_add/0");
  refusedWith(key("devices: [/dev/ttyUSB0]"), "device-refused", "/services/web/devices/0");
  refusedWith(key("env_file: .env"), "key-outside-subset", "/services/web/env_file");
  refusedWith(key("build: ."), "image-built", "/services/web/build");
});

test("what a definition does not say is refused, never guessed", () => {
  refusedWith(umbrel(changed(umbrelCompose, "      APP_PORT: 8000\n", "")), "not-importable", "/services/app_proxy");
  refusedWith(
    umbrel(umbrelCompose, changed(umbrelApp, "dependencies: []", "dependencies: [bitcoin]")),
    "not-importable",
    "/dependencies",
  );
  refusedWith(
    umbrel(changed(umbrelCompose, "PRICE: $$5", "PRICE: ${APP_OTHER_NODE}")),
    "variable-unknown",
    "/services/web/environment/PRICE",
  );
  const twoPorts = changed(changed(casaOs, "protocol: udp", "protocol: tcp"), 'port_map: "18080"', 'port_map: "1"');
  refusedWith(importCasaOs(twoPorts, { digests }), "not-importable", "/x-casaos/port_map");
  refusedWith(
    importRuntipi({ compose: changed(runtipiCompose, '"isMain": true,', ""), config: runtipiConfig }, { digests }),
    "not-importable",
    "/services",
  );
  refusedWith(plain(changed(plainCompose, '    ports: ["${PORT:-8080}:80"]\n', "")), "not-said", "/services");
});

test("an image without a digest is refused, as long as nobody looked its digest up", () => {
  refusedWith(importCasaOs(casaOs), "image-not-by-digest", "/services/readlater/image");
  refusedWith(
    importRuntipi({ compose: runtipiCompose, config: runtipiConfig }),
    "image-not-by-digest",
    "/services/ledger/image",
  );
});

test("a definition that cannot be read is refused like any manifest", () => {
  for (const text of ["", "a: [", "a: &a [*a]", "[".repeat(50_000), "x".repeat(200_000)]) {
    for (const result of [
      umbrel(text),
      umbrel(umbrelCompose, text),
      importCasaOs(text),
      importRuntipi({ compose: text, config: text }),
      plain(text),
    ]) {
      assert.equal(result.text, undefined);
      assert.ok(result.problems.length > 0);
    }
  }
});

test("any text gets an answer with known codes", () => {
  const sources = [umbrelCompose, casaOs, runtipiCompose, plainCompose];
  fc.assert(
    fc.property(
      fc.constantFrom(...sources),
      fc.nat(),
      fc.nat(60),
      fc.string({ maxLength: 12 }),
      (source, at, length, insert) => {
        const from = at % source.length;
        const text = source.slice(0, from) + insert + source.slice(from + length);
        for (const result of [
          umbrel(text),
          importCasaOs(text, { digests }),
          importRuntipi({ compose: text, config: runtipiConfig }, { digests }),
          plain(text),
        ]) {
          assert.equal(result.text === undefined, result.problems.length > 0);
          for (const { code } of result.problems) assert.ok(problemCodes.includes(code));
        }
      },
    ),
    { numRuns: 300 },
  );
});

test("Umbrel: an app with a database comes over, its names, secrets and folders translated", () => {
  const result = umbrel();
  const manifest = translated(result);
  assert.deepEqual(
    [manifest.id, manifest.version, manifest.web?.port, manifest.web?.startPath],
    ["bookmarks", "3.1.4", 8000, "/login"],
  );
  const web = environmentOf(manifest, "web");
  assert.deepEqual(web, {
    DB_HOST: "db",
    DB_USER: "bookmarks",
    DB_PASSWORD: "<DATABASE_URL_PASSWORD>",
    DATABASE_URL: "postgres://bookmarks:<DATABASE_URL_PASSWORD>@db:5432/bookmarks",
    SECRET_KEY: "<APP_SEED>",
    ADMIN_PASSWORD: "<APP_PASSWORD>",
    PUBLIC_HOST: "<PICCOLO_APP_HOST>",
    PRICE: "$5",
  });
  assert.equal(environmentOf(manifest, "db")["POSTGRES_PASSWORD"], "<DATABASE_URL_PASSWORD>");
  assert.deepEqual(
    manifest.volumes.map(({ name, snapshot }) => [name, snapshot]),
    [
      ["web", "stop"],
      ["storage-downloads", "stop"],
      ["db", "pause"],
    ],
  );
  for (const note of ["secret-generated", "folder-of-its-own", "mount-left-out", "port-not-published", "grant-added"]) {
    assert.ok(noted(result).includes(note), note);
  }
});

test("CasaOS: languages, the port behind the published one, and the folder of the app", () => {
  const result = importCasaOs(casaOs, { digests });
  const manifest = translated(result);
  assert.deepEqual(manifest.name, { en: "Read later", de: "Später lesen", "zh-cn": "稍后阅读" });
  assert.deepEqual(manifest.web, {
    service: "readlater",
    port: 8080,
    startPath: "/app",
    healthPath: "/app",
    startSeconds: 300,
  });
  assert.deepEqual(environmentOf(manifest, "readlater"), {
    TZ: "<PICCOLO_TIME_ZONE>",
    PUID: "1000",
    PASSWORD: "<PASSWORD>",
  });
  assert.deepEqual(manifest.architectures, ["amd64", "arm64"]);
  assert.ok(noted(result).includes("device-left-out"));
});

test("Runtipi: form fields become secrets and settings", () => {
  const manifest = translated(importRuntipi({ compose: runtipiCompose, config: runtipiConfig }, { digests }));
  assert.deepEqual(
    manifest.secrets.map(({ name, length, alphabet }) => [name, length, alphabet]),
    [["LEDGER_DB_PASSWORD", 40, "hex"]],
  );
  assert.deepEqual(
    manifest.settings.map(({ name, kind }) => [name, kind]),
    [
      ["LEDGER_SMTP_PASSWORD", "password"],
      ["LEDGER_SIGN_UP", "switch"],
    ],
  );
  assert.equal(environmentOf(manifest, "ledger")["BASE_URL"], "<PICCOLO_APP_URL>");
  assert.deepEqual(
    manifest.services.map(({ name }) => name),
    ["ledger-db", "ledger"],
  );
  assert.deepEqual(manifest.categories, ["finance"]);
});

test("plain Compose: variables become settings and secrets, folders beside the file become volumes", () => {
  const manifest = translated(plain(plainCompose));
  assert.deepEqual(manifest.web?.port, 80);
  assert.deepEqual(
    manifest.settings.map(({ name, kind }) => [name, kind]),
    [["WIKI_TITLE", "text"]],
  );
  assert.deepEqual(environmentOf(manifest, "app"), {
    TITLE: "<WIKI_TITLE>",
    API_TOKEN: "<WIKI_API_TOKEN>",
    REDIS_URL: "redis://:<REDIS_URL_PASSWORD>@cache:6379",
  });
  assert.deepEqual(
    manifest.volumes.map(({ name }) => name),
    ["pages", "uploads"],
  );
});

test("no translation holds a literal secret, a port of the host or a path of it", () => {
  const results = [
    umbrel(),
    importCasaOs(casaOs, { digests }),
    importRuntipi({ compose: runtipiCompose, config: runtipiConfig }, { digests }),
    plain(plainCompose),
  ];
  for (const { text } of results) {
    assert.ok(text);
    assert.doesNotMatch(text, /everybodyknows|: casaos$|ports:|docker\.sock|APP_DATA_DIR|\/DATA\//m);
  }
});

test("a default that is a password becomes a secret, the same wherever the variable stands", () => {
  const manifest = translated(
    plain(`services:
  web:
    image: example/wiki@${digestA}
    ports: ["8080:80"]
    environment:
      APP_PASSWORD: \${DBPW:-hunter2}
      DATABASE_URL: postgres://wiki:\${DBPW:-hunter2}@db/wiki
      TITLE: \${TITLE:-My wiki}
      JOINED_PASSWORD: x\${TITLE:-My wiki}
  db:
    image: example/db@${digestB}
    environment: ["POSTGRES_PASSWORD=\${DBPW:-hunter2}"]
`),
  );
  const environment = environmentOf(manifest, "web");
  assert.deepEqual(environment, {
    APP_PASSWORD: "<DBPW>",
    DATABASE_URL: "postgres://wiki:<DBPW>@db/wiki",
    TITLE: "<TITLE>",
    JOINED_PASSWORD: "<JOINED_PASSWORD>",
  });
  assert.deepEqual(environmentOf(manifest, "db"), { POSTGRES_PASSWORD: "<DBPW>" });
  assert.deepEqual(manifest.secrets.map(({ name }) => name).toSorted(), ["DBPW", "JOINED_PASSWORD"]);
  assert.deepEqual(
    manifest.settings.map(({ name }) => name),
    ["TITLE"],
  );
  assert.ok(!JSON.stringify(manifest).includes("hunter2"));
});

/** By service: which volume is mounted where. */
function mountsOf(manifest: AppManifest): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(
    manifest.services.map(({ name, mounts }) => [
      name,
      mounts.map((mount) => (mount.kind === "volume" ? `${mount.volume}:${mount.target}` : mount.kind)),
    ]),
  );
}

test("a folder, a named volume and volumes without a name are kept apart, and what services share stays shared", () => {
  const manifest = translated(
    plain(`services:
  app:
    image: example/wiki@${digestA}
    ports: ["8080:80"]
    volumes: ["./data:/app/data", "./data/:/app/same", "shared:/shared", "/config", "/data", "/data/cache"]
  db:
    image: postgres@${digestB}
    volumes: ["data:/var/lib/postgresql/data", "shared:/shared", "/config"]
volumes:
  data:
  shared:
`),
  );
  assert.deepEqual(mountsOf(manifest), {
    app: [
      "data:/app/data",
      "data:/app/same",
      "shared:/shared",
      "config:/config",
      "app-data:/data",
      "cache:/data/cache",
    ],
    db: ["db-data:/var/lib/postgresql/data", "shared:/shared", "db-config:/config"],
  });
  assert.deepEqual(
    manifest.volumes.filter(({ snapshot }) => snapshot === "pause").map(({ name }) => name),
    ["shared", "db-data", "db-config"],
  );
});

test("CasaOS: the same folder of two apps' data, or of two disks, is two volumes; the app's own has two spellings", () => {
  const beside = changed(casaOs, "source: /DATA/Downloads", "source: /DATA/AppData/readlater_db/config");
  assert.deepEqual(mountsOf(translated(importCasaOs(beside, { digests }))), {
    readlater: ["config:/config", "readlater-config:/downloads"],
  });
  const same = changed(casaOs, "source: /DATA/Downloads", "source: /DATA/AppData/readlater/config/");
  assert.deepEqual(mountsOf(translated(importCasaOs(same, { digests }))), {
    readlater: ["config:/config", "config:/downloads"],
  });
  const disks = changed(
    changed(casaOs, "/DATA/AppData/$AppID/config", "/mnt/Downloads"),
    "target: /downloads",
    "target: /disk",
  );
  assert.deepEqual(mountsOf(translated(importCasaOs(disks, { digests }))), {
    readlater: ["storage-downloads:/config", "readlater-storage-downloads:/disk"],
  });
  const around = changed(casaOs, "source: /DATA/Downloads", "source: /DATA/AppData/$AppID");
  refusedWith(importCasaOs(around, { digests }), "not-importable", "/services/readlater/volumes/1");
  const besideAll = changed(casaOs, "source: /DATA/Downloads", "source: /DATA/AppData/other");
  assert.deepEqual(mountsOf(translated(importCasaOs(besideAll, { digests }))), {
    readlater: ["config:/config", "data:/downloads"],
  });
});

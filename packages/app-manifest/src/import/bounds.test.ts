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
import { digestA } from "../../test-support/texts.ts";
import { importCasaOs, importCompose, importRuntipi, type ImportResult, importUmbrel } from "../index.ts";
import { mountParts, withoutSlashes } from "./mounts.ts";
import { replaceContainers } from "./umbrel.ts";
import { replaceVariables } from "./variables.ts";

const image = `example/wiki@${digestA}`;

/** A definition of plain Compose with one service that has more keys than an image. */
const withKeys = (...keys: readonly string[]): string =>
  `services:\n  web:\n    image: ${image}\n${keys.map((key) => `    ${key}\n`).join("")}`;

const plain = (compose: string): ImportResult =>
  importCompose({ compose, id: "wiki", name: "Wiki", version: "1", web: { service: "web", port: 80 } });

function refusedWith({ text, problems }: ImportResult, code: string, path: string): void {
  assert.equal(text, undefined);
  assert.ok(
    problems.some((problem) => problem.code === code && problem.path === path),
    JSON.stringify(problems.slice(0, 5)),
  );
}

/** Nothing of it was translated: a translation notes at least that the app asks for the internet. */
function refusedUnseen(result: ImportResult, path: string): void {
  refusedWith(result, "out-of-bounds", path);
  assert.deepEqual(result.notes, []);
}

test("a definition of more services than an app may have is refused before any of it is translated", () => {
  const many = Array.from({ length: 16 }, (_, at) => `  more${at}: { image: ${image} }\n`).join("");
  refusedUnseen(plain(plainCompose.replace("services:\n", `services:\n${many}`)), "/services");
  refusedUnseen(importCasaOs(casaOs.replace("services:\n", `services:\n${many}`), { digests }), "/services");
  const compose = umbrelCompose.replace("services:\n", `services:\n${many}`);
  refusedUnseen(importUmbrel({ compose, app: umbrelApp }), "/services");
  const listed = Array.from({ length: 16 }, (_, at) => `{ "name": "more${at}", "image": "${image}" },`).join("");
  const runtipi = runtipiCompose.replace('"services": [', () => `"services": [${listed}`);
  refusedUnseen(importRuntipi({ compose: runtipi, config: runtipiConfig }, { digests }), "/services");
});

test("parts that are longer or more than a manifest may have are refused before any of them is translated", () => {
  const list = (length: number, item: (at: number) => string): string =>
    `[${Array.from({ length }, (_, at) => item(at)).join(", ")}]`;
  for (const [key, path] of [
    [`volumes: ["${":".repeat(1025)}"]`, "/services/web/volumes/0"],
    [`volumes: [{ type: bind, source: ./a, target: "/${"a".repeat(1024)}" }]`, "/services/web/volumes/0"],
    [`volumes: ${list(33, (at) => `"./a${at}:/a${at}"`)}`, "/services/web/volumes"],
    [`environment: ${list(201, (at) => `A${at}=1`)}`, "/services/web/environment"],
    [`environment: { ${list(201, (at) => `A${at}: 1`).slice(1, -1)} }`, "/services/web/environment"],
    [`environment: { A: "${"$".repeat(8193)}" }`, "/services/web/environment/A"],
    [`environment: ["A=${"$".repeat(8400)}"]`, "/services/web/environment/0"],
  ] as const) {
    refusedUnseen(plain(withKeys(key)), path);
  }
  const name = "a".repeat(101);
  refusedUnseen(plain(plainCompose.replace("services:\n", `services:\n  ${name}: {}\n`)), `/services/${name}`);
  refusedUnseen(importUmbrel({ compose: umbrelCompose, app: umbrelApp.replace(/^id: .*$/m, `id: ${name}`) }), "/id");
  refusedUnseen(importCasaOs(casaOs.replace(/store_app_id: .*/, `store_app_id: ${name}`)), "/x-casaos/store_app_id");
  refusedUnseen(
    importRuntipi({ compose: runtipiCompose, config: runtipiConfig.replace(/"id": "[^"]*"/, `"id": "${name}"`) }),
    "/id",
  );
  const fields = Array.from({ length: 257 }, (_, at) => `{ "env_variable": "A${at}", "label": "A" }`).join(",");
  refusedUnseen(
    importRuntipi({
      compose: runtipiCompose,
      config: runtipiConfig.replace('"form_fields": [', () => `"form_fields": [${fields},`),
    }),
    "/form_fields",
  );
});

test("what a definition makes of its text is bounded like the text itself", () => {
  const variables = Array.from({ length: 900 }, (_, at) => `$A${at}`).join("");
  refusedWith(plain(withKeys(`environment: { A: "${variables}" }`)), "out-of-bounds", "/services");
  const secrets = Array.from({ length: 200 }, (_, at) => `A${"-".repeat(at)}PASSWORD: x${at}`).join(", ");
  const two = withKeys(`environment: { ${secrets} }`);
  const more = secrets.replaceAll(": x", ": y");
  refusedWith(plain(`${two}  db:\n    image: ${image}\n    environment: { ${more} }\n`), "out-of-bounds", "/services");
  const fill = `A: "\${B:-${"x".repeat(8000)}}", C: "${"$B".repeat(4000)}"`;
  refusedWith(plain(withKeys(`environment: { ${fill} }`)), "too-large", "/services/web/environment/C");
  const folders = (from: number): string =>
    Array.from({ length: 32 }, (_, at) => `"./${at + from}:/${at + from}"`).join(", ");
  refusedWith(
    plain(`${withKeys(`volumes: [${folders(0)}]`)}  db:\n    image: ${image}\n    volumes: [${folders(32)}]\n`),
    "out-of-bounds",
    "/services/db/volumes/0",
  );
});

test("an app that needs others, however it says so, is refused for that", () => {
  const app = umbrelApp.replace("dependencies: []", "dependencies: [{ bitcoin: 1 }]");
  refusedWith(importUmbrel({ compose: umbrelCompose, app }), "not-importable", "/dependencies");
});

const pieces = (...texts: readonly string[]) =>
  fc.array(fc.constantFrom(...texts), { maxLength: 30 }).map((parts) => parts.join(""));

test("a mount is parted at the colons that stand in no variable", () => {
  assert.deepEqual(mountParts("${A:-/a:b}:/c:ro"), ["${A:-/a:b}", "/c", "ro"]);
  fc.assert(
    fc.property(pieces(":", "$", "{", "}", "a", "/", "\n"), (line) => {
      assert.deepEqual(mountParts(line), line.split(/:(?![^${]*\})/));
    }),
  );
});

test("slashes at the end of a path go, but for one that is all of it", () => {
  for (const [path, clean] of [
    ["/", "/"],
    ["///", "/"],
    ["/a//", "/a"],
    ["/a//b", "/a//b"],
    ["", ""],
  ] as const) {
    assert.equal(withoutSlashes(path), clean);
  }
});

test("variables are found in every form, and a brace that never ends is text", () => {
  const form = /\$(?:\$|\{([A-Za-z_][A-Za-z0-9_]*)(?::?-([^}]*))?\}|([A-Za-z_][A-Za-z0-9_]*))/g;
  const told = (whole: string, name: string | undefined, fallback: string | undefined): string =>
    `<${whole}|${name ?? "none"}|${fallback ?? "none"}>`;
  const byForm = (text: string): string =>
    text.replaceAll(form, (whole, braced: string | undefined, fallback: string | undefined, bare: string | undefined) =>
      told(whole, braced ?? bare, fallback),
    );
  fc.assert(
    fc.property(pieces("$", "{", "}", "A", "b1", ":-", "-", ":", " "), (text) => {
      assert.equal(replaceVariables(text, told), byForm(text));
    }),
  );
});

test("names of containers become those of services where they stand for themselves", () => {
  const names = new Map([
    ["shelf_web_1", "web"],
    ["shelf_db_1", "db"],
  ]);
  for (const [text, replaced] of [
    ["http://shelf_web_1:80/shelf_db_1", "http://web:80/db"],
    ["shelf_web_1.local,-shelf_web_1", "web.local,-web"],
    ["myshelf_web_1 shelf_web_12 shelf_web_1_1", "myshelf_web_1 shelf_web_12 shelf_web_1_1"],
    ["shelf_web_1shelf_db_1", "shelf_web_1shelf_db_1"],
    ["", ""],
  ] as const) {
    assert.equal(replaceContainers(text, names), replaced);
  }
});

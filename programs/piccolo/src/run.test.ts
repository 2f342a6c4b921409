import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { test, type TestContext } from "node:test";
import { run } from "./run.ts";

const fine = `services:
  web:
    image: registry.example/notes@sha256:${"0123456789abcdef".repeat(4)}
x-piccolo:
  id: notes
  version: "1.0"
  name: Notes
  summary: Short notes
  web: { service: web, port: 8080 }
`;
const broken = fine.replace("id: notes", "id: no.tes").replace("  web:\n", "  web:\n    ports: [80]\n");

function file(context: TestContext, content: string | Uint8Array): string {
  const folder = mkdtempSync(join(tmpdir(), "piccolo-cli-"));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, "app.yaml");
  writeFileSync(path, content);
  return path;
}

async function call(args: readonly string[], input = ""): Promise<{ code: number; out: string; err: string }> {
  let out = "";
  let err = "";
  const code = await run(
    { out: (part) => (out += part), err: (part) => (err += part), input: Readable.from([Buffer.from(input)]) },
    args,
  );
  return { code, out, err };
}

test("a verb that does not exist, no file and two files are wrong arguments, in one line", async () => {
  for (const args of [
    ["app"],
    ["app", "chek"],
    ["app", "check"],
    ["app", "check", "a", "b"],
    ["app", "check", "--x"],
  ]) {
    const { code, out, err } = await call(args);
    assert.equal(code, 2);
    assert.equal(out, "");
    assert.match(err, /^piccolo: [^\n]+\n$/);
  }
});

test("a file that is not there could not be done", async () => {
  const { code, err } = await call(["app", "check", "/nowhere/app.yaml"]);
  assert.equal(code, 3);
  assert.match(err, /cannot be read \(ENOENT\)/);
});

test("help lists the verbs and the exit codes", async () => {
  const { code, out } = await call(["help"]);
  assert.equal(code, 0);
  assert.match(out, /piccolo app check \[--json\] FILE/);
  assert.match(out, /1 refused/);
});

test("a broken manifest is refused with every problem's place, reason and advice", async (context) => {
  const path = file(context, broken);
  const { code, out } = await call(["app", "check", path]);
  assert.equal(code, 1);
  assert.match(
    out,
    /app\.yaml:3:5 {2}\/services\/web\/ports\n {4}No app takes a port[^\n]*\[host-port\]\n {4}Leave it out/,
  );
  assert.match(out, /\/x-piccolo\/id/);
  assert.match(out, /: 2 problems\n$/);
});

test("--json gives the same to programs", async (context) => {
  const path = file(context, broken);
  const { code, out } = await call(["app", "check", path, "--json"]);
  assert.equal(code, 1);
  const answer = JSON.parse(out) as { fine: boolean; problems: { code: string; path: string; line: number }[] };
  assert.equal(answer.fine, false);
  assert.deepEqual(
    answer.problems.map(({ code, path, line }) => [code, path, line]),
    [
      ["host-port", "/services/web/ports", 3],
      ["name-refused", "/x-piccolo/id", 6],
    ],
  );
});

test("bytes that are no text, and a file without an end, are refused", async (context) => {
  const binary = await call(["app", "check", file(context, Buffer.from([0x69, 0xff, 0xfe])), "--json"]);
  assert.equal(binary.code, 1);
  assert.match(binary.out, /not-yaml/);
  const endless = await call(["app", "check", "/dev/zero", "--json"]);
  assert.equal(endless.code, 1);
  assert.match(endless.out, /too-large/);
});

test("a manifest that is fine is named, from a file and from the input", async (context) => {
  const { code, out } = await call(["app", "check", file(context, fine)]);
  assert.equal(code, 0);
  assert.match(out, /notes 1\.0 is fine \(1 service, 0 volumes; asks for nothing\)\n$/);
  assert.equal((await call(["app", "check", "-"], fine)).code, 0);
});

const compose = `services:
  web:
    image: registry.example/notes:1.0
    ports: ["8080:80"]
`;
const digest = `sha256:${"0123456789abcdef".repeat(4)}`;
const beside = ["--id", "notes", "--name", "Notes", "--digest", `registry.example/notes:1.0=${digest}`];

test("app import: wrong options, no file and three files are wrong arguments", async () => {
  for (const args of [
    [],
    ["a", "b", "c"],
    ["-", "-"],
    ["a", "--web", "web"],
    ["a", "--web", "web:port"],
    ["a", "--digest", "nginx"],
    ["a", "--id"],
  ]) {
    const { code, out, err } = await call(["app", "import", ...args]);
    assert.equal(code, 2, args.join(" "));
    assert.equal(out, "");
    assert.match(err, /^piccolo: [^\n]+\n$/);
  }
});

test("app import: what cannot be translated is refused with every reason, and with what may be given beside it", async (context) => {
  const path = file(context, compose.replace("    ports", "    privileged: true\n    ports"));
  const { code, out, err } = await call(["app", "import", path]);
  assert.equal(code, 1);
  assert.equal(out, "");
  for (const reason of ["privileged", "image-not-by-digest", "not-said"])
    assert.match(err, new RegExp(`\\[${reason}\\]`));
  assert.match(err, /given beside it: --id ID, --name NAME, --digest registry.example\/notes:1.0=/);
  const manifest = await call(["app", "import", "-"], fine);
  assert.equal(manifest.code, 1);
  assert.match(manifest.err, /is a manifest already/);
  assert.equal((await call(["app", "import", "-"], "a: [")).code, 1);
  assert.equal((await call(["app", "import", file(context, Buffer.from([0xff]))])).code, 1);
  assert.equal((await call(["app", "import", "/nowhere"])).code, 3);
});

test("app import: a definition becomes a manifest that passes the check, on the output or in a file that was not there", async (context) => {
  const { code, out, err } = await call(["app", "import", ...beside, "--version", "1", "-"], compose);
  assert.equal(code, 0);
  assert.match(err, /notes 1 from Compose, changed on the way/);
  assert.equal((await call(["app", "check", "-"], out)).code, 0);
  const path = file(context, compose);
  const into = `${path}.manifest`;
  const importing = ["app", "import", ...beside, "--web", "web:80", "--out", into, path];
  const filed = await call(importing);
  assert.deepEqual([filed.code, filed.out], [0, ""]);
  assert.match(readFileSync(into, "utf8"), /version: "1.0"/);
  const again = await call(importing);
  assert.equal(again.code, 3);
  assert.match(again.err, /cannot be written \(EEXIST\)/);
});

test("app import --json: both outcomes for programs", async () => {
  const refused = JSON.parse((await call(["app", "import", "--json", "-"], compose)).out) as Record<string, unknown>;
  assert.deepEqual(
    [refused["from"], refused["fine"], refused["unsaid"], refused["undigested"]],
    ["compose", false, ["id", "name"], ["registry.example/notes:1.0"]],
  );
  const { out } = await call(["app", "import", "--json", ...beside, "--web", "web:80", "-"], compose);
  const made = JSON.parse(out) as { fine: boolean; manifest: string; notes: { code: string }[] };
  assert.equal(made.fine, true);
  assert.ok(made.notes.some(({ code }) => code === "grant-added"));
  assert.equal((await call(["app", "check", "-"], made.manifest)).code, 0);
});

test("the program ends with the verb's code", async (context) => {
  const child = spawn(process.execPath, [join(import.meta.dirname, "main.ts"), "app", "check", file(context, broken)]);
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  assert.match(await text(child.stdout), /2 problems/);
  assert.equal(await ended, 1);
});

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { DatabaseSync } from "node:sqlite";
import { test, type TestContext } from "node:test";
import type { Status } from "@piccolo/device-api";
import { claimCode, Client, contentFolder, deviceArgs, protectedDeviceArgs } from "../test-support/device.ts";

interface Run {
  readonly child: ChildProcess;
  readonly stderr: () => string;
  /** Of the line that says that it listens; undefined when the process ended before. */
  readonly listening: Promise<{ readonly origin: string; readonly readyMs: number } | undefined>;
  readonly ended: Promise<{ readonly code: number | null; readonly signal: string | null }>;
}

function run(context: TestContext, args: readonly string[], environment: Readonly<Record<string, string>> = {}): Run {
  const child = spawn(process.execPath, [join(import.meta.dirname, "main.ts"), ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...environment },
  });
  context.after(() => child.kill("SIGKILL"));
  let stderr = "";
  child.stderr.on("data", (part: Buffer) => (stderr += part.toString()));
  const ended = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.once("close", (code, signal) => resolve({ code, signal }));
  });
  const said = new Promise<{ origin: string; readyMs: number }>((resolve) => {
    createInterface({ input: child.stdout }).on("line", (line) => {
      assert.match(line, /^listening \{/);
      resolve(JSON.parse(line.slice("listening ".length)) as { origin: string; readyMs: number });
    });
  });
  return { child, stderr: () => stderr, listening: Promise.race([said, ended.then(() => undefined)]), ended };
}

function folder(context: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "piccolod-main-"));
  context.after(() => rmSync(path, { recursive: true, force: true }));
  writeFileSync(join(path, "claim-code"), claimCode);
  return path;
}

test("wrong arguments end it with one line and code 2", async (context) => {
  const { ended, stderr } = run(context, ["--state"]);
  assert.deepEqual(await ended, { code: 2, signal: null });
  assert.match(stderr(), /^piccolod: [^\n]*--state[^\n]*\n$/);
});

test("it says where it listens, and ends in order when it is asked to", async (context) => {
  const path = folder(context);
  const { child, listening, ended, stderr } = run(context, deviceArgs(path));
  const started = await listening;
  assert.ok(started !== undefined, stderr());
  assert.match(started.origin, /^http:\/\/device1\.localhost:\d+$/);
  const status = await new Client(started.origin).call<Status>("GET", "/status");
  assert.deepEqual([status.phase, status.insecure], ["unclaimed", ["no-tpm", "no-volume", "cheap-slots"]]);
  const second = run(context, deviceArgs(path));
  assert.equal(await second.listening, undefined);
  assert.equal((await second.ended).code, 1);
  assert.match(second.stderr(), /another piccolod runs/);
  child.kill("SIGTERM");
  assert.deepEqual(await ended, { code: 0, signal: null });
  for (const line of stderr().trim().split("\n")) assert.ok("event" in (JSON.parse(line) as object), line);
});

test("one that is still opening ends when it is asked to, whatever keeps it waiting", async (context) => {
  const path = folder(context);
  const socket = join(path, "chip");
  // It takes the first command, and never answers.
  const chip = createServer().listen(socket);
  context.after(() => chip.close());
  const asked = once(chip, "connection");
  const protection = ["--tpm", `swtpm:${socket}`, "--insecure-no-volume", "--insecure-cheap-slots"];
  const { child, ended, stderr } = run(context, protectedDeviceArgs(path, ...protection));
  const [connection] = (await asked) as [Socket];
  context.after(() => connection.destroy());
  child.kill("SIGTERM");
  assert.deepEqual(await ended, { code: 0, signal: null }, stderr());
  assert.match(stderr(), /"stopping".*"opening"/);
});

test("an armed crash point ends it at once, and the next start finds what was acknowledged", async (context) => {
  const path = folder(context);
  const armed = run(context, deviceArgs(path, "--insecure-drills", "--crash-at", "after-node-change:2"));
  const started = await armed.listening;
  assert.ok(started !== undefined, armed.stderr());
  const owner = new Client(started.origin);
  assert.deepEqual((await owner.call<Status>("GET", "/status")).insecure, [
    "no-tpm",
    "no-volume",
    "cheap-slots",
    "drills",
  ]);
  await owner.claim();
  await owner.call("POST", "/files/folders", { parent: "root", name: "acknowledged" });
  await assert.rejects(owner.call("POST", "/files/folders", { parent: "root", name: "cut off" }));
  assert.deepEqual(await armed.ended, { code: null, signal: "SIGKILL" });
  const again = run(context, deviceArgs(path));
  const restarted = await again.listening;
  assert.ok(restarted !== undefined, again.stderr());
  const client = new Client(restarted.origin);
  await client.signIn();
  const { nodes } = await client.call<{ nodes: { name: string }[] }>("GET", "/files");
  assert.deepEqual(
    nodes.map(({ name }) => name),
    ["acknowledged", "cut off"],
  );
  again.child.kill("SIGINT");
  assert.equal((await again.ended).code, 0);
});

/** The first page of a table in a database of the device, which is written over. */
function damageTable(path: string, table: string): void {
  const db = new DatabaseSync(path, { readOnly: true });
  const { rootpage } = db.prepare("SELECT rootpage FROM sqlite_schema WHERE name = ?").get(table) as {
    rootpage: number;
  };
  db.close();
  const content = readFileSync(path);
  const pageBytes = content.readUInt16BE(16);
  writeFileSync(path, content.fill(0xa5, (rootpage - 1) * pageBytes, rootpage * pageBytes));
}

test("a daemon of its own that ends again and again by its disk stays closed and says so, for this start of the machine", async (context) => {
  const path = folder(context);
  const marker = join(path, "first-boot");
  writeFileSync(marker, "");
  const start = (): Run =>
    run(context, deviceArgs(path, "--first-boot", marker), { RUNTIME_DIRECTORY: join(path, "run") });
  const first = start();
  const started = await first.listening;
  assert.ok(started !== undefined, first.stderr());
  await new Client(started.origin).claim();
  first.child.kill("SIGTERM");
  assert.equal((await first.ended).code, 0);
  const database = join(contentFolder(path), "control.db");
  const whole = readFileSync(database);
  damageTable(database, "app");
  for (let end = 0; end < 3; end++) {
    const ending = start();
    assert.equal((await ending.ended).code, 70, ending.stderr());
    assert.match(ending.stderr(), /malformed/);
  }
  for (let again = 0; again < 2; again++) {
    const closed = start();
    const { origin } = (await closed.listening) ?? assert.fail(closed.stderr());
    const { phase, reasons, opensWith } = await new Client(origin).call<Status>("GET", "/status");
    assert.deepEqual([phase, reasons.map(({ code }) => code), opensWith], ["closed", ["database-damaged"], []]);
    closed.child.kill("SIGTERM");
    assert.equal((await closed.ended).code, 0);
  }
  // The machine is started again, and the disk is put right.
  rmSync(join(path, "run"), { recursive: true });
  writeFileSync(database, whole);
  const mended = start();
  const { origin } = (await mended.listening) ?? assert.fail(mended.stderr());
  await new Client(origin).signIn();
  mended.child.kill("SIGTERM");
  assert.equal((await mended.ended).code, 0);
});

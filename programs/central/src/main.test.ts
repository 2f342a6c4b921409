import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, test } from "node:test";
import { realWorld } from "@piccolo/world/real";
import { answers, foundNetwork, Owner } from "../test-support/owners.ts";

const folder = mkdtempSync(join(tmpdir(), "piccolo-central-main-"));
const children = new Set<ChildProcess>();
after(() => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

interface Started {
  readonly child: ChildProcess;
  readonly origin: string;
  readonly relay: readonly string[];
  readonly errors: () => string;
}

function launch(...args: readonly string[]): { readonly child: ChildProcess; readonly errors: () => string } {
  const child = spawn(process.execPath, [join(import.meta.dirname, "main.ts"), ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.add(child);
  child.once("exit", () => children.delete(child));
  let errors = "";
  child.stderr.on("data", (bytes: Buffer) => {
    errors += bytes.toString();
  });
  return { child, errors: () => errors };
}

async function start(state: string, listen: string, ...more: readonly string[]): Promise<Started> {
  const { child, errors } = launch("--state", join(folder, state), "--listen", listen, ...more);
  assert.ok(child.stdout !== null);
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith("listening ")) {
      const said = JSON.parse(line.slice("listening ".length)) as { origin: string; relay: readonly string[] };
      return { child, errors, ...said };
    }
  }
  throw new Error(`central ended before it listened: ${errors()}`);
}

/** What a process ended with, once all that it wrote has come, too. */
function over(child: ChildProcess): Promise<readonly unknown[]> {
  child.stdout?.resume();
  return once(child, "close");
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<readonly unknown[]> {
  const ended = over(child);
  child.kill(signal);
  return ended;
}

test("wrong arguments end central with what is right", async () => {
  const { child, errors } = launch("--state", folder);
  assert.deepEqual(await over(child), [2, null]);
  assert.match(errors(), /central --state DIR/);
});

test("central ends cleanly when asked, and is found at the same relay address again", async () => {
  const first = await start("clean", "127.0.0.1:0");
  assert.match(first.relay[0] ?? "", /^\/ip4\/127\.0\.0\.1\/tcp\/\d+\/p2p\/12D3KooW/);
  assert.equal(statSync(join(folder, "clean/relay/key")).mode & 0o777, 0o600);
  assert.equal(statSync(join(folder, "clean/central.db")).mode & 0o777, 0o600);
  assert.deepEqual(await end(first.child, "SIGTERM"), [0, null]);
  const second = await start("clean", "127.0.0.1:0");
  assert.deepEqual(second.relay, first.relay);
  assert.deepEqual(await end(second.child, "SIGINT"), [0, null]);
});

test("what central acknowledged is there after it was killed at any moment", async () => {
  let central = await start("killed", "127.0.0.1:0", "--role", "api");
  const { origin } = central;
  const listen = new URL(origin).host;
  const owners = ["Ada", "Bela", "Chiara"].map((name) => new Owner(realWorld, origin, name));
  const [ada, bela, chiara] = owners;
  assert.ok(ada !== undefined && bela !== undefined && chiara !== undefined);
  const network = await foundNetwork([ada, bela]);
  await chiara.register();
  await end(central.child, "SIGKILL");

  central = await start("killed", listen, "--role", "api");
  await answers(ada);
  const invitation = ada.invite(await ada.state(network));
  await chiara.join(network, invitation);
  await chiara.client.announce(["/ip4/192.0.2.7/tcp/4001"], 60_000);
  await end(central.child, "SIGKILL");

  central = await start("killed", listen, "--role", "api");
  await answers(ada);
  const state = await bela.state(network);
  assert.deepEqual(
    [...state.members.values()].map(({ name }) => name),
    ["Ada", "Bela", "Chiara"],
  );
  assert.deepEqual(
    (await ada.client.addresses(network)).map(({ account }) => account),
    [chiara.account],
  );

  // The invitation's secret stayed with those who made and used it.
  const secret = Buffer.from(invitation.revealSecret());
  for (const file of ["central.db", "central.db-wal", "nonces.db", "nonces.db-wal"]) {
    const bytes = readFileSync(join(folder, "killed", file));
    assert.ok(!bytes.includes(secret) && !bytes.includes(secret.toString("hex")), file);
  }
  assert.deepEqual(await end(central.child, "SIGTERM"), [0, null]);
  assert.match(central.errors(), /^\S+ info stopping at SIGTERM\n$/);
});

test("interface and relay run as two processes over one state", async () => {
  const api = await start("split", "127.0.0.1:0", "--role", "api");
  const relay = await start("split", "127.0.0.1:0", "--role", "relay");
  const ada = new Owner(realWorld, api.origin, "Ada");
  await ada.register();
  assert.equal(relay.origin, null);
  assert.deepEqual(await ada.client.relays(), relay.relay);
  assert.deepEqual(await end(relay.child, "SIGTERM"), [0, null]);
  assert.deepEqual(await end(api.child, "SIGTERM"), [0, null]);
});

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test, type TestContext } from "node:test";
import { MemorySupervisor, supervisorSuite } from "../../../test-support/supervisor-suite.ts";
import { NoSupervisor, runAlive } from "./supervisor.ts";
import { SystemdNotify } from "./systemd-notify.ts";

/** What systemd does with its socket, in the one language every Debian has: a line a message, its lines joined by `;`. */
const listener = `
use IO::Socket::UNIX; use Socket; $| = 1;
my $socket = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $ARGV[0]) or die $!;
print "listens\\n";
while (defined $socket->recv(my $text, 4096)) { $text =~ s/\\n+$//; $text =~ s/\\n/;/g; print "$text\\n"; }
`;

interface Listening {
  readonly socket: string;
  /** The next message, without the ones that only tell that all before were taken. */
  readonly next: () => Promise<string>;
}

async function listen(context: TestContext): Promise<Listening> {
  const folder = mkdtempSync(join(tmpdir(), "piccolo-notify-"));
  const socket = join(folder, "notify");
  const child: ChildProcess = spawn("/usr/bin/perl", ["-e", listener, socket], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  context.after(() => {
    child.kill("SIGKILL");
    rmSync(folder, { recursive: true });
  });
  assert.ok(child.stdout !== null);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => {
    for (;;) {
      const { value, done } = await lines.next();
      assert.ok(done !== true, "the listener ended");
      // BARRIER=1 comes after each message, so that the supervisor can tell who has sent it.
      if (value !== "BARRIER=1") return value;
    }
  };
  assert.equal(await next(), "listens");
  return { socket, next };
}

supervisorSuite("systemd", async (context) => {
  const { socket, next } = await listen(context);
  return { supervisor: new SystemdNotify({ socket, silenceMs: 40_000 }), next };
});

supervisorSuite("memory", async () => {
  const supervisor = new MemorySupervisor(40_000);
  return { supervisor, next: () => supervisor.next() };
});

test("a socket nobody listens on is said", async () => {
  const supervisor = new SystemdNotify({ socket: "/nonexistent/notify", silenceMs: undefined });
  await assert.rejects(supervisor.alive(), { code: "supervisor-deaf" });
});

test("without a watch nothing is said, and without a supervisor nothing is needed", async () => {
  const supervisor = new NoSupervisor();
  await supervisor.ready();
  await supervisor.stopping();
  const never = { sleep: () => Promise.reject(new Error("nobody asked for this")) };
  await runAlive(supervisor, never, new AbortController().signal, assert.ifError);
});

test("a lost message is reported, and the next one is sent all the same", async () => {
  const stop = new AbortController();
  const reported: unknown[] = [];
  let sent = 0;
  const supervisor = new MemorySupervisor(8);
  supervisor.alive = async () => {
    sent++;
    if (sent === 1) throw new Error("lost");
    if (sent === 3) stop.abort();
  };
  const pauses: number[] = [];
  const sleep = async (ms: number): Promise<void> => void pauses.push(ms);
  await runAlive(supervisor, { sleep }, stop.signal, (error) => reported.push(error));
  assert.deepEqual([sent, reported.length, pauses], [3, 1, [2, 2, 2]]);
});

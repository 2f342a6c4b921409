/** The daemon as a process, with a software TPM and an encrypted volume: what a thief or a crash leaves of it. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { createInterface } from "node:readline";
import { suite, test, type TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { NewPhrase, SecurityView, Status } from "@piccolo/device-api";
import { clear, startup, Tpm } from "@piccolo/tpm2";
import { realWorld } from "@piccolo/world/real";
import {
  claimCode,
  Client,
  password,
  protectedDeviceArgs,
  refusedWith,
  withoutProtection,
} from "../../test-support/device.ts";
import { Swtpm } from "../../test-support/swtpm.ts";
import { lockOut } from "../../test-support/tpm-fixture.ts";
import { openSocketChannel } from "../adapters/tpm/socket-channel.ts";
import { GocryptfsVolume, whatGocryptfsLacks } from "../adapters/volume/gocryptfs.ts";
import { mountsOn, serversOf } from "../adapters/volume/mounts.ts";

class Daemon {
  readonly folder: string;
  tpm: Swtpm;
  client = new Client("http://device1.localhost:1");
  log = "";
  #child: ChildProcess | undefined;

  private constructor(folder: string, tpm: Swtpm) {
    this.folder = folder;
    this.tpm = tpm;
  }

  static async create(context: TestContext): Promise<Daemon> {
    const daemon = new Daemon(mkdtempSync(join(tmpdir(), "piccolod-real-")), await Swtpm.start(context));
    context.after(async () => {
      await daemon.kill();
      mkdirSync(join(daemon.folder, "state/volume"), { recursive: true });
      await new GocryptfsVolume(join(daemon.folder, "state/volume")).destroy();
      rmSync(daemon.folder, { recursive: true });
    });
    writeFileSync(join(daemon.folder, "claim-code"), claimCode);
    return daemon;
  }

  get mount(): string {
    return join(this.folder, "state/volume/mount");
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Starts the process, after the reset that each start of a machine is, and returns its status. */
  async start(args = this.args()): Promise<Status> {
    this.#child = spawn(process.execPath, [join(import.meta.dirname, "../main.ts"), ...args], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    const child = this.#child;
    child.stderr?.on("data", (part: Buffer) => (this.log += part.toString()));
    const lines = createInterface({ input: child.stdout ?? process.stdin });
    const [line] = (await Promise.race([once(lines, "line"), once(child, "close").then(() => [""])])) as [string];
    assert.match(line, /^listening /, this.log);
    const { cookie, csrf } = this.client;
    const { origin } = JSON.parse(line.slice("listening ".length)) as { origin: string };
    this.client = Object.assign(new Client(origin), { cookie, csrf });
    return this.client.call<Status>("GET", "/status");
  }

  args(): string[] {
    return protectedDeviceArgs(this.folder, "--tpm", `swtpm:${this.tpm.socketPath}`, "--insecure-cheap-slots");
  }

  /** Ends the process alone: what it mounted, and the chip, live on. */
  async kill(signal: "SIGKILL" | "SIGTERM" = "SIGKILL"): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await once(child, "close");
  }

  /** Somebody else's commands to the chip while the process is away, and a start of the machine after them. */
  async misuseChip(use: (tpm: Tpm) => Promise<unknown>): Promise<void> {
    await this.kill("SIGTERM");
    await this.tpm.reboot();
    const channel = await openSocketChannel(this.tpm.socketPath, { world: realWorld });
    const tpm = new Tpm((command) => channel.transmit(command), realWorld);
    await tpm.execute(startup("clear"));
    await use(tpm);
    await channel.close();
    await this.tpm.reboot();
  }

  /** The exit code of a process that is expected to refuse. */
  async refusal(args: readonly string[]): Promise<number | null> {
    const child = spawn(process.execPath, [join(import.meta.dirname, "../main.ts"), ...args], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    child.stderr.on("data", (part: Buffer) => (this.log += part.toString()));
    const [code] = (await once(child, "close")) as [number | null];
    return code;
  }
}

async function ownedDaemon(context: TestContext): Promise<{ daemon: Daemon; phrase: string }> {
  const daemon = await Daemon.create(context);
  assert.equal((await daemon.start()).phase, "unclaimed");
  await daemon.client.claim();
  const made = await daemon.client.call<NewPhrase>("POST", "/security/phrase", { password });
  const words = made.askedBack.map((position) => ({ position, word: made.words[position - 1] ?? "" }));
  await daemon.client.call("POST", "/security/phrase/confirm", { words });
  await daemon.client.call("POST", "/files/folders", { parent: "root", name: "canary-folder" });
  return { daemon, phrase: made.words.join(" ") };
}

/** What the device keeps as a witness, on the volume that has the fragments of others, too. */
function keepForOthers(daemon: Daemon): unknown {
  const witness = new DatabaseSync(join(daemon.mount, "witness.db"));
  witness.exec("INSERT INTO kept_slot VALUES (zeroblob(32), zeroblob(32), x'0102')");
  witness.close();
  return keptForOthers(daemon);
}

function keptForOthers(daemon: Daemon): unknown {
  const witness = new DatabaseSync(join(daemon.mount, "witness.db"));
  const slots = witness.prepare("SELECT * FROM kept_slot").all();
  witness.close();
  return slots;
}

const codes = ({ phase, reasons }: Status): readonly string[] => [phase, ...reasons.map(({ code }) => code)];

if (whatGocryptfsLacks() === undefined) {
  suite("a device with chip and volume", { concurrency: false }, () => {
    test("without a chip it does not start, and says how it would", async (context) => {
      const daemon = await Daemon.create(context);
      await daemon.tpm.cutPower();
      assert.equal(await daemon.refusal(daemon.args()), 1);
      assert.match(daemon.log, /start swtpm, or start with --insecure-no-tpm/);
      assert.equal(await daemon.refusal([...protectedDeviceArgs(daemon.folder), "--tpm", "device:/dev/nothing"]), 1);
    });

    test("it starts locked after a restart in order, and unmounts when it ends", async (context) => {
      const { daemon } = await ownedDaemon(context);
      await daemon.kill("SIGTERM");
      assert.deepEqual(mountsOn(daemon.mount), []);
      await daemon.tpm.reboot();
      assert.deepEqual(codes(await daemon.start()), ["locked"]);
      await daemon.client.signIn();
      assert.match((await daemon.client.raw("GET", "/files")).text, /canary-folder/);
      const { tpm, volume, insecure } = await daemon.client.call<SecurityView>("GET", "/security");
      assert.deepEqual(
        [tpm?.simulated, volume, insecure],
        [true, { backend: "gocryptfs", encrypted: true }, ["cheap-slots"]],
      );
    });

    test("after a crash it takes over the mount that outlived it, without the key the chip gives once a boot", async (context) => {
      const { daemon } = await ownedDaemon(context);
      await daemon.kill();
      assert.equal(mountsOn(daemon.mount).length, 1);
      assert.deepEqual(codes(await daemon.start()), ["locked"]);
      await daemon.client.signIn();
      assert.match((await daemon.client.raw("GET", "/files")).text, /canary-folder/);
    });

    test("when the volume's server died with it, the chip asks for a restart, and after it the mount is made anew", async (context) => {
      const { daemon, phrase } = await ownedDaemon(context);
      await daemon.kill();
      for (const pid of serversOf("gocryptfs", daemon.mount)) process.kill(pid, "SIGKILL");
      while (serversOf("gocryptfs", daemon.mount).length > 0) await delay(10);
      assert.deepEqual(codes(await daemon.start()), ["closed", "tpm-window-closed"]);
      await daemon.kill();
      await daemon.tpm.reboot();
      assert.deepEqual(codes(await daemon.start()), ["locked"]);
      assert.equal(mountsOn(daemon.mount).length, 1);
      assert.ok(!daemon.log.includes(phrase.slice(0, 30)));
    });

    test("its disk in another machine stays closed until the phrase opens it there, and is sealed there from then on", async (context) => {
      const { daemon, phrase } = await ownedDaemon(context);
      const kept = keepForOthers(daemon);
      const key = readFileSync(join(daemon.mount, "device-key"));
      await daemon.kill("SIGTERM");
      daemon.tpm = await Swtpm.start(context);
      const status = await daemon.start();
      assert.deepEqual([codes(status), status.opensWith], [["closed", "tpm-other-chip"], ["phrase"]]);
      const newPassword = "a password for the new box";
      const reply = await daemon.client.send("POST", "/open-volume", { phrase, newPassword });
      assert.equal(reply.status, 201, reply.text);
      await daemon.kill("SIGTERM");
      await daemon.tpm.reboot();
      assert.deepEqual(codes(await daemon.start()), ["locked"]);
      refusedWith(await daemon.client.send("POST", "/unlock", { password }), 401, "wrong-password");
      await daemon.client.signIn(newPassword);
      assert.match((await daemon.client.raw("GET", "/files")).text, /canary-folder/);
      // The same device with all it had: nobody is asked for anything, and what it keeps for others is there.
      assert.deepEqual(readFileSync(join(daemon.mount, "device-key")), key);
      assert.deepEqual(keptForOthers(daemon), kept);
      assert.deepEqual((await daemon.client.call<{ tasks: readonly unknown[] }>("GET", "/tasks")).tasks, []);
    });

    test("beside a chip in lockout it starts, opens and takes a new password, and says what the chip does", async (context) => {
      const { daemon } = await ownedDaemon(context);
      await daemon.misuseChip(lockOut);
      assert.deepEqual(codes(await daemon.start()), ["locked"]);
      await daemon.client.signIn();
      assert.match((await daemon.client.raw("GET", "/files")).text, /canary-folder/);
      const { tpm } = await daemon.client.call<SecurityView>("GET", "/security");
      assert.equal(tpm?.lockout, true);
      assert.match(tpm?.identity?.endorsementKey ?? "", /^[0-9a-f]{64}$/);
      const newPassword = "a password made in the lockout";
      const reply = await daemon.client.send("POST", "/session/password", { oldPassword: password, newPassword });
      assert.equal(reply.status, 204, reply.text);
      await daemon.kill("SIGTERM");
      await daemon.tpm.reboot();
      assert.deepEqual(codes(await daemon.start()), ["locked"]);
      refusedWith(await daemon.client.send("POST", "/unlock", { password }), 401, "wrong-password");
      await daemon.client.signIn(newPassword);
    });

    test("a chip that was cleared opens nothing; the phrase does, and what is sealed in it then opens by it again", async (context) => {
      const { daemon, phrase } = await ownedDaemon(context);
      const kept = keepForOthers(daemon);
      await daemon.misuseChip((tpm) => tpm.execute(clear()));
      const status = await daemon.start();
      assert.deepEqual([codes(status), status.opensWith], [["closed", "tpm-other-chip"], ["phrase"]]);
      refusedWith(await daemon.client.send("POST", "/unlock", { password }), 409, "nothing-to-open");
      const newPassword = "a password for the cleared chip";
      const reply = await daemon.client.send("POST", "/open-volume", { phrase, newPassword });
      assert.equal(reply.status, 201, reply.text);
      await daemon.kill("SIGTERM");
      await daemon.tpm.reboot();
      assert.deepEqual(codes(await daemon.start()), ["locked"]);
      refusedWith(await daemon.client.send("POST", "/unlock", { password }), 401, "wrong-password");
      await daemon.client.signIn(newPassword);
      assert.match((await daemon.client.raw("GET", "/files")).text, /canary-folder/);
      assert.deepEqual(keptForOthers(daemon), kept);
    });

    test("a thief of the disk finds no name, key, password or phrase on it, and a changed record opens nothing", async (context) => {
      const { daemon, phrase } = await ownedDaemon(context);
      const key = readFileSync(join(daemon.mount, "device-key"));
      const secrets = ["canary-folder", password, phrase.slice(0, 40), key.toString("latin1"), key.toString("hex")];
      const identity = JSON.parse(readFileSync(join(daemon.mount, "identity"), "utf8")) as { metadataKey: string };
      secrets.push(identity.metadataKey, Buffer.from(identity.metadataKey, "hex").toString("latin1"));
      for (const name of ["cmdline", "environ"]) {
        const text = readFileSync(`/proc/${daemon.pid}/${name}`, "latin1");
        for (const secret of secrets) assert.ok(!text.includes(secret), name);
      }
      await daemon.kill("SIGTERM");
      const stolen = join(daemon.folder, "stolen");
      cpSync(join(daemon.folder, "state"), stolen, { recursive: true });
      let files = 0;
      for (const entry of readdirSync(stolen, { recursive: true, withFileTypes: true })) {
        for (const secret of secrets) assert.ok(!entry.name.includes(secret));
        if (!entry.isFile()) continue;
        files++;
        const content = readFileSync(join(entry.parentPath, entry.name), "latin1");
        for (const secret of secrets) assert.ok(!content.includes(secret), entry.name);
      }
      assert.ok(files > 10);
      assert.ok(!daemon.log.includes(phrase.slice(0, 30)) && !daemon.log.includes(password));
    });

    test("a volume that is gone, or was made without protection, is never taken for a new device's", async (context) => {
      const { daemon } = await ownedDaemon(context);
      await daemon.kill("SIGTERM");
      assert.deepEqual(codes(await daemon.start(protectedDeviceArgs(daemon.folder, ...withoutProtection))), [
        "closed",
        "volume-backend",
      ]);
      await daemon.kill("SIGTERM");
      rmSync(join(daemon.folder, "state/volume/sealed"), { recursive: true });
      await daemon.tpm.reboot();
      assert.deepEqual(codes(await daemon.start()), ["closed", "volume-missing"]);
    });
  });
}

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { constants, mkdtempSync, rmSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test, type TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { fromHex } from "@piccolo/bytes";
import { getRandom, Tpm } from "@piccolo/tpm2";
import { realWorld as world } from "@piccolo/world/real";
import { openDeviceChannel } from "./device-channel.ts";
import { openSocketChannel } from "./socket-channel.ts";
import { Tpm2Chip } from "./tpm2-chip.ts";

const command = fromHex("80010000000c0000017b0010");
const answer = fromHex("80010000001c00000000001000112233445566778899aabbccddeeff");
const short = { world, timeoutMs: 50 };
const long = { world, timeoutMs: 20_000 };

function folder(context: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "tpm-channel-"));
  context.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** Something that listens where a software TPM would and does as the test says for every command. */
async function pretender(context: TestContext, serve: (socket: Socket, bytes: Uint8Array) => unknown): Promise<string> {
  const path = join(folder(context), "socket");
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("data", (bytes) => void serve(socket, bytes as Uint8Array));
    socket.on("error", () => undefined);
  });
  server.listen(path);
  await once(server, "listening");
  context.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return path;
}

suite("the socket of a software TPM", () => {
  test("nobody there is tpm-missing", async () => {
    await assert.rejects(openSocketChannel("/nowhere/socket", long), { code: "tpm-missing", retry: "never" });
  });

  test("a TPM that hangs is given up after the time, and so is every command behind it", async (context) => {
    const path = await pretender(context, () => undefined);
    const channel = await openSocketChannel(path, short);
    const both = [channel.transmit(command), channel.transmit(command)];
    for (const each of both) await assert.rejects(each, { code: "tpm-timeout", retry: "later" });
    assert.equal(channel.usable, false);
    await assert.rejects(channel.transmit(command), { code: "tpm-timeout" });
    await channel.close();
  });

  test("a chip finds a TPM that hung and recovered, by a way of its own", async (context) => {
    let hangs = true;
    const path = await pretender(context, (socket) => hangs || socket.write(fromHex("80010000000a00000101")));
    const connect = () => openSocketChannel(path, hangs ? short : long);
    const chip = new Tpm2Chip({ connect, world, releaseNumber: 1, firstMinimum: 1 });
    await assert.rejects(chip.describe(), { code: "tpm-timeout" });
    hangs = false;
    await assert.rejects(chip.describe(), { code: "tpm-failed" });
    await chip.close();
  });

  test("an answer in pieces is whole, and answers come in the order of the commands", async (context) => {
    let served = 0;
    const path = await pretender(context, async (socket, bytes) => {
      assert.equal(bytes.length, command.length, "one command at a time");
      const own = answer.slice();
      own[27] = served++;
      for (const byte of own) {
        socket.write(Uint8Array.of(byte));
        await delay(0);
      }
    });
    const channel = await openSocketChannel(path, long);
    const answers = await Promise.all([1, 2, 3, 4].map(() => channel.transmit(command)));
    assert.deepEqual(
      answers.map((each) => each[27]),
      [0, 1, 2, 3],
    );
    await channel.close();
  });

  for (const [about, bytes, code] of [
    ["a length under that of a header", fromHex("80010000000900000000"), "tpm-malformed"],
    ["an endless length", fromHex("80017fffffff00000000"), "tpm-malformed"],
    ["bytes behind the answer", fromHex("80010000000a0000000000"), "tpm-malformed"],
    ["garbage", new Uint8Array(64).fill(0xee), "tpm-malformed"],
    ["half an answer and the end", answer.subarray(0, 15), "tpm-failed"],
    ["the end", new Uint8Array(0), "tpm-failed"],
  ] as const) {
    test(`${about} is ${code}`, async (context) => {
      const path = await pretender(context, (socket) =>
        code === "tpm-failed" ? socket.end(bytes) : socket.write(bytes),
      );
      const channel = await openSocketChannel(path, long);
      await assert.rejects(channel.transmit(command), { code });
      assert.equal(channel.usable, false);
    });
  }

  for (const [about, bytes] of [
    ["another tag", "80030000000a00000000"],
    ["an error with something behind it", "80010000000b0000010100"],
    ["an error that claims sessions", "80020000000a00000101"],
    ["success with nothing in it", "80010000000a00000000"],
    ["more bytes than asked for", "80010000001d0000000000110011223344556677889900112233445566"],
    ["a buffer longer than the answer", "80010000000e00000000001000aa"],
    ["bytes left over", "8001000000100000000000020011aaaa"],
  ] as const) {
    test(`an answer with ${about} is tpm-malformed`, async (context) => {
      const path = await pretender(context, (socket) => socket.write(fromHex(bytes)));
      const channel = await openSocketChannel(path, long);
      const tpm = new Tpm((frame) => channel.transmit(frame), world);
      await assert.rejects(tpm.execute(getRandom(16)), { code: "tpm-malformed" });
      await channel.close();
    });
  }

  test("a TPM that is busy is asked again with the same bytes, and not for ever", async (context) => {
    const asked: string[] = [];
    let busy = 3;
    const path = await pretender(context, (socket, bytes) => {
      asked.push(Buffer.from(bytes).toString("hex"));
      return socket.write(busy-- > 0 ? fromHex("80010000000a00000922") : answer);
    });
    const channel = await openSocketChannel(path, long);
    const tpm = new Tpm((frame) => channel.transmit(frame), { ...world, sleep: async () => undefined });
    assert.equal((await tpm.execute(getRandom(16))).length, 16);
    assert.deepEqual(asked, [asked[0], asked[0], asked[0], asked[0]]);
    busy = Number.MAX_SAFE_INTEGER;
    await assert.rejects(tpm.execute(getRandom(16)), { code: "tpm-busy", retry: "later" });
    await channel.close();
  });
});

suite("the kernel's device", () => {
  test("absent, or a folder, is tpm-missing", async (context) => {
    await assert.rejects(openDeviceChannel("/dev/no-such-tpm", long), { code: "tpm-missing" });
    await assert.rejects(openDeviceChannel(folder(context), long), { code: "tpm-missing" });
  });

  /** A pipe that is opened for both sides gives back what was written, as a device gives its answer. */
  function pipe(context: TestContext): string {
    const path = join(folder(context), "pipe");
    assert.equal(spawnSync("mkfifo", [path]).status, 0);
    return path;
  }

  /** Writes until nothing more fits; how much did. */
  async function fill(file: FileHandle): Promise<number> {
    for (let bytes = 0; ;) {
      try {
        bytes += (await file.write(new Uint8Array(4096))).bytesWritten;
      } catch {
        return bytes;
      }
    }
  }

  test("one write and one read are an exchange, many in their order", async (context) => {
    const channel = await openDeviceChannel(pipe(context), long);
    const commands = [1, 2, 3].map((number) => Uint8Array.of(...command, number));
    const answers = await Promise.all(commands.map((each) => channel.transmit(each)));
    assert.deepEqual(
      answers.map((each) => new Uint8Array(each)),
      commands,
    );
    await channel.close();
    await assert.rejects(channel.transmit(command), { code: "tpm-missing" });
  });

  test("an answer that is none is tpm-malformed", async (context) => {
    const channel = await openDeviceChannel(pipe(context), long);
    const tpm = new Tpm((frame) => channel.transmit(frame), world);
    await assert.rejects(tpm.execute(getRandom(16)), { name: "Fault" });
    await channel.close();
  });

  test("a device that hangs is given up, and its file closed once the kernel lets go", async (context) => {
    const path = pipe(context);
    // A full pipe keeps the write waiting, as a device does that takes no command.
    const other = await open(path, constants.O_RDWR | constants.O_NONBLOCK);
    const filled = await fill(other);
    const channel = await openDeviceChannel(path, short);
    await assert.rejects(channel.transmit(command), { code: "tpm-timeout" });
    await other.read(new Uint8Array(filled), 0, filled, null);
    await channel.close();
    await other.close();
  });

  test("a device that breaks is tpm-failed", async () => {
    const channel = await openDeviceChannel("/dev/full", long);
    await assert.rejects(channel.transmit(command), { code: "tpm-failed" });
    await channel.close();
  });
});

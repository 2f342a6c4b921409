import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { test } from "node:test";
import { isReadable, openMulticastDns } from "./bounded-mdns.ts";

/** With the four counts of its header, filled up with zeros: five of them are a question, of the root's name. */
function packet(sizeBytes: number, counts: readonly number[]): Buffer {
  const bytes = Buffer.alloc(sizeBytes);
  for (const [at, count] of counts.entries()) bytes.writeUInt16BE(count, 4 + 2 * at);
  return bytes;
}

test("what is too large, says too much, or is cut off in its header is not read", () => {
  assert.ok(!isReadable(packet(9_001, [1, 0, 0, 0])));
  assert.ok(!isReadable(packet(9_000, [129, 0, 0, 0])));
  assert.ok(!isReadable(packet(9_000, [32, 32, 32, 33])));
  assert.ok(!isReadable(packet(9_000, [0, 0, 0, 65_535])));
  assert.ok(!isReadable(packet(12, [0, 0, 0, 0]).subarray(0, 11)));
  assert.ok(isReadable(packet(9_000, [32, 32, 32, 32])));
  assert.ok(isReadable(packet(12, [0, 0, 0, 0])));
});

test("only what may be read reaches the library", async (context) => {
  const socket = createSocket("udp4");
  const dns = openMulticastDns({ socket, bind: false, multicast: false });
  context.after(() => new Promise<void>((resolve) => dns.destroy(() => resolve())));
  const heard: number[] = [];
  dns.on("query", ({ questions }) => heard.push(questions?.length ?? 0));
  dns.on("warning", () => assert.fail("something was read that is no packet"));
  const from = { address: "127.0.0.1", family: "IPv4", port: 5353, size: 0 };
  for (const [sizeBytes, questions] of [
    [9_001, 2],
    [4_000, 500],
    [11 + 4, 9_000],
    [4_000, 128],
    [40, 1],
  ] as const) {
    socket.emit("message", packet(sizeBytes, [questions, 0, 0, 0]), from);
  }
  assert.deepEqual(heard, [128, 1]);
});

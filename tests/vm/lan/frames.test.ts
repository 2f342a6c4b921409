import assert from "node:assert/strict";
import { test } from "node:test";
import {
  addressBytes,
  addressText,
  arpReply,
  arpRequest,
  checksum,
  datagram,
  echoRequest,
  hear,
  isFor,
  nameQuestion,
  namesOfTheLink,
  neighbourAdvertisement,
  saysNameHas,
  type Station,
  tcpOpening,
} from "./frames.ts";

const hex = (text: string): Uint8Array => Uint8Array.fromHex(text.replaceAll(/\s/g, ""));
const stranger: Station = { hardware: hex("525400000077"), address: "10.0.2.77" };
const device: Station = { hardware: hex("525400123456"), address: "10.0.2.15" };
const stranger6: Station = { hardware: stranger.hardware, address: "fe80::77" };
const device6: Station = { hardware: device.hardware, address: "fe80::5054:ff:fe12:3456" };

test("frames too short to say anything, of other kinds, and empty ones are passed over", () => {
  const whole = tcpOpening(stranger, device, { from: 1, to: 2 });
  for (let length = 0; length < 47; length++) assert.equal(hear(whole.slice(0, length)), undefined);
  assert.equal(hear(hex(`${"00".repeat(12)} 88cc ${"00".repeat(50)}`)), undefined);
});

test("a frame is for whom it is sent to, and one for a group is for everybody", () => {
  const gateway: Station = { hardware: hex("525500000202"), address: "10.0.2.2" };
  assert.equal(isFor(datagram(device, stranger, { from: 1, to: 2 }), stranger.hardware), true);
  assert.equal(isFor(datagram(device, gateway, { from: 1, to: 2 }), stranger.hardware), false);
  assert.equal(isFor(arpRequest(device, stranger.address), stranger.hardware), true);
  assert.equal(isFor(datagram(device, namesOfTheLink, { from: 5353, to: 5353 }), stranger.hardware), true);
  assert.equal(isFor(new Uint8Array(0), stranger.hardware), false);
});

test("addresses are the same in bytes and in words", () => {
  for (const address of ["10.0.2.15", "fe80::77", "::1", "fec0::5054:ff:fe12:3456", "1:2:3:4:5:6:7:8", "ff02::1"]) {
    assert.equal(addressText(addressBytes(address)), address);
  }
});

test("the checksum is the one of RFC 1071, section 3, and of a whole packet it is zero", () => {
  assert.equal(checksum(hex("0001f203f4f5f6f7")), ~0xddf2 & 0xffff);
  const frame = tcpOpening(stranger, device, { from: 40_000, to: 443 });
  assert.equal(checksum(frame.slice(14, 34)), 0);
  assert.equal(checksum(frame.slice(26, 34), [0, 6, 0, 20], frame.slice(34, 54)), 0);
  const frame6 = datagram(stranger6, device6, { from: 40_000, to: 443 });
  assert.equal(checksum(frame6.slice(22, 54), [0, 17, 0, 16], frame6.slice(54, 70)), 0);
});

test("what a device answers is told apart", () => {
  // Asked the other way round, each question is also what the other side hears.
  assert.deepEqual(hear(arpRequest(stranger, "10.0.2.15")), { kind: "who-has", from: stranger, wanted: "10.0.2.15" });
  assert.deepEqual(hear(arpReply(device, stranger)), { kind: "is-at", from: device, wanted: "10.0.2.77" });
  const opening = tcpOpening(device, stranger, { from: 443, to: 40_000 });
  assert.deepEqual(hear(opening), { kind: "tcp-open", from: device, port: 443 });
  opening[47] = 0x14;
  assert.deepEqual(hear(opening), { kind: "tcp-refused", from: device, port: 443 });
  assert.deepEqual(hear(datagram(device6, stranger6, { from: 5353, to: 5353 })), {
    kind: "udp",
    from: device6,
    port: 5353,
    content: new Uint8Array(Buffer.from("anybody?")),
  });
});

test("a name is asked for, and only an answer with authority that has the address is one", () => {
  const question = nameQuestion("piccolo.local");
  assert.equal(Buffer.from(question.subarray(12)).toString("latin1"), "\x07piccolo\x05local\0\0\x01\0\x01");
  const answer = Uint8Array.from([...question, 10, 0, 2, 15]);
  assert.equal(saysNameHas(answer, "piccolo.local", "10.0.2.15"), false);
  answer[2] = 0x84;
  assert.equal(saysNameHas(answer, "piccolo.local", "10.0.2.15"), true);
  assert.equal(saysNameHas(answer, "piccolo.local", "10.0.2.16"), false);
  assert.equal(saysNameHas(answer, "picollo.local", "10.0.2.15"), false);
});

test("an echo has the number it was asked with", () => {
  for (const [from, to, at, type] of [
    [device, stranger, 34, 0],
    [device6, stranger6, 54, 129],
  ] as const) {
    const reply = echoRequest(from, to, 513);
    reply[at] = type;
    assert.deepEqual(hear(reply), { kind: "echo", from, number: 513 });
  }
});

test("an error names the port that was asked, which it quotes", () => {
  const asked = datagram(stranger, device, { from: 40_000, to: 67 });
  const reply = echoRequest(device, stranger, 0);
  const error = new Uint8Array([...reply.slice(0, 34), 3, 3, 0, 0, 0, 0, 0, 0, ...asked.slice(14, 42)]);
  assert.deepEqual(hear(error), { kind: "udp-refused", from: device, port: 67 });
});

test("a question for the hardware of an IPv6 address is heard", () => {
  const question = neighbourAdvertisement(device6, stranger6);
  question[54] = 135;
  assert.deepEqual(hear(question), { kind: "who-has", from: device6, wanted: device6.address });
});

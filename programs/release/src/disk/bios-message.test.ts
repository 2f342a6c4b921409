import assert from "node:assert/strict";
import { test } from "node:test";
import { biosBootCode, biosMessage, bootCodeBytes } from "./bios-message.ts";

/** Enough of an 8086 for these few bytes; whatever else they were would be a mistake. */
function runBootCode(code: Uint8Array): { readonly screen: string; readonly serial: string } {
  const at = (address: number): number => code[address - 0x7c00] ?? 0;
  const word = (address: number): number => at(address) | (at(address + 1) << 8);
  const jump = (address: number): number => address + 1 + ((at(address) << 24) >> 24);
  const stack: number[] = [];
  let [ip, ax, cx, dx, si, isZero] = [0x7c00, 0xffff, 0xffff, 0, 0xffff, false];
  let [screen, serial] = ["", ""];
  for (let steps = 0; steps < 100_000; steps++) {
    const operation = at(ip++);
    if (operation === 0xf4) return { screen, serial };
    if ([0xfa, 0xfb, 0xfc].includes(operation)) continue;
    if (operation === 0x31 && at(ip) === 0xc0) [ax, ip] = [0, ip + 1];
    else if (operation === 0x31 && at(ip) === 0xc9) [cx, ip] = [0, ip + 1];
    else if (operation === 0x8e && [0xd8, 0xd0].includes(at(ip))) ip++;
    else if ([0xbc, 0xbb].includes(operation)) ip += 2;
    else if (operation === 0xbe) [si, ip] = [word(ip), ip + 2];
    else if (operation === 0xba) [dx, ip] = [word(ip), ip + 2];
    else if (operation === 0xb4) [ax, ip] = [(ax & 0xff) | (at(ip) << 8), ip + 1];
    else if (operation === 0xac) [ax, si] = [(ax & 0xff00) | at(si), si + 1];
    else if (operation === 0x84 && at(ip) === 0xc0) [isZero, ip] = [(ax & 0xff) === 0, ip + 1];
    else if (operation === 0xa8) [isZero, ip] = [(ax & at(ip)) === 0, ip + 1];
    else if (operation === 0x74) ip = isZero ? jump(ip) : ip + 1;
    else if (operation === 0xeb) ip = jump(ip);
    else if (operation === 0xe1) ip = --cx !== 0 && isZero ? jump(ip) : ip + 1;
    else if (operation === 0x50) stack.push(ax);
    else if (operation === 0x56) stack.push(si);
    else if (operation === 0x58) ax = stack.pop() ?? -1;
    else if (operation === 0x5e) si = stack.pop() ?? -1;
    // What the firmware does leaves these registers as anything.
    else if (operation === 0xcd && at(ip) === 0x10)
      [screen, ax, si, ip] = [screen + String.fromCharCode(ax & 0xff), 0, 0, ip + 1];
    // The line takes a byte at the second look.
    else if (operation === 0xec) ax = (ax & 0xff00) | (cx === 0 ? 0 : 0x60);
    else if (operation === 0xee && dx === 0x3f8) serial += String.fromCharCode(ax & 0xff);
    else assert.fail(`byte ${operation.toString(16)} at ${(ip - 1).toString(16)}`);
  }
  return assert.fail("it does not stop");
}

test("the whole message comes to screen and serial line, and the machine stops", () => {
  const { screen, serial } = runBootCode(biosBootCode());
  assert.equal(screen, `${biosMessage}\r\n`);
  assert.equal(serial, screen);
});

test("it leaves the partition table alone", () => {
  assert.equal(biosBootCode().length, bootCodeBytes);
  assert.throws(() => biosBootCode("x".repeat(bootCodeBytes)), /does not fit/);
});

test("a screen has eighty columns and no letters beyond ASCII", () => {
  for (const line of biosMessage.split("\r\n")) assert.match(line, /^[ -~]{1,80}$/);
});

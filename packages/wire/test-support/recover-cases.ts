import { concat, toHex } from "@piccolo/bytes";
import { SeededWorld } from "@piccolo/world";
import {
  encodeRecoverRequest,
  encodeRecoverResponse,
  type RecoverRequest,
  type RecoverResponse,
} from "../src/index.ts";
import { shown } from "./message-cases.ts";
import type { VectorSet } from "./vector.ts";

const world = new SeededWorld("vectors/wire/recover");
const account = world.randomBytes(32);
const signature = world.randomBytes(64);
const slot = world.randomBytes(200);

export function recoverCases(): VectorSet {
  const set: VectorSet = {};
  const request = (name: string, about: string, message: RecoverRequest): Uint8Array => {
    const frame = encodeRecoverRequest(message);
    const expect = { message: shown(message) as Record<string, unknown> };
    const input = { frame: [toHex(frame)] };
    set[`recover-${name}`] = { spec: "wire/1", rule: "W29", about, operation: "decode-recover-request", input, expect };
    return frame;
  };
  const response = (name: string, about: string, message: RecoverResponse): Uint8Array => {
    const frame = encodeRecoverResponse(message);
    const expect = { message: shown(message) as Record<string, unknown> };
    const input = { frame: [toHex(frame)] };
    set[`recover-${name}`] = {
      spec: "wire/1",
      rule: "W30",
      about,
      operation: "decode-recover-response",
      input,
      expect,
    };
    return frame;
  };
  const refuse = (kind: "request" | "response", name: string, about: string, frame: Uint8Array): void => {
    set[`refuse-recover-${name}`] = {
      spec: "wire/1",
      rule: kind === "request" ? "W29" : "W30",
      about,
      operation: `decode-recover-${kind}`,
      input: { frame: [toHex(frame)] },
      expect: { fault: "malformed" },
    };
  };

  const challenge = request("challenge", "A challenge is asked for.", { type: "challenge" });
  const find = request("find-slot", "A slot is asked for with the proof of its locator's key.", {
    type: "find-slot",
    locator: account,
    locatorKey: account,
    signature,
  });
  const read = request("read-membership", "The membership log from its start.", {
    type: "read-membership",
    account,
    signature,
    from: 0,
  });
  request("member-addresses", "Where the members are.", { type: "member-addresses", account, signature });
  const append = request("append-device", "The entry of a new device.", {
    type: "append-device",
    account,
    signature,
    entry: slot,
  });
  response("challenge-answer", "A challenge.", { type: "challenge", challenge: account });
  response("slot", "A slot.", { type: "slot", slot });
  const none = response("slot-none", "There is no slot.", { type: "slot", slot: undefined });
  const log = response("membership", "Two of three entries.", { type: "membership", logLength: 3, lengths: [1, 300] });
  const places = response("addresses", "One member with two addresses.", {
    type: "addresses",
    members: [{ account, deviceKey: account, addresses: ["/ip4/192.0.2.1/tcp/4001", "/ip6/2001:db8::1/tcp/4001"] }],
  });
  response("appended", "The log has four entries now.", { type: "appended", logLength: 4 });
  response("refused", "Too many questions.", {
    type: "refused",
    code: "rate-limited",
    retryAfterMs: 1_000,
    message: "",
  });

  refuse("request", "type-64", "A request of type 64.", challenge.with(1, 64));
  refuse("request", "type-70", "A request of type 70.", challenge.with(1, 70));
  refuse("request", "type-1", "A request of another protocol.", challenge.with(1, 1));
  refuse("request", "format-2", "Format 2.", challenge.with(0, 2));
  refuse("request", "challenge-longer", "One byte is left over.", concat(challenge, new Uint8Array(1)));
  refuse("request", "find-slot-cut", "The last byte is missing.", find.subarray(0, -1));
  refuse("request", "read-membership-cut", "The last byte is missing.", read.subarray(0, -1));
  refuse("request", "append-empty", "An entry of 0 bytes.", concat(append.subarray(0, 98), new Uint8Array(4)));
  refuse("response", "type-198", "A response of type 198.", none.with(1, 198));
  refuse("response", "odd-truth", "A truth value of 2.", none.with(2, 2));
  refuse("response", "empty-slot", "A slot of 0 bytes.", new Uint8Array([1, 194, 1, 0, 0, 0, 0]));
  refuse("response", "long-entry", "An entry of more than 16,384 bytes.", log.with(log.length - 3, 1));
  refuse("response", "too-many-members", "17 members are announced.", places.with(3, 17));
  refuse("response", "address-space", "An address with a space.", places.with(places.length - 1, 0x20));
  refuse("response", "address-control", "An address with a control character.", places.with(places.length - 1, 0x1b));
  refuse("response", "addresses-cut", "The last byte is missing.", places.subarray(0, -1));
  return set;
}

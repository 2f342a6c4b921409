import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryWitnessStore } from "@piccolo/storage/fakes";
import type { PeerHandler } from "@piccolo/storage/ports";
import {
  decodeLogResponse,
  decodeRecoverResponse,
  encodeLogRequest,
  encodeRecoverRequest,
  encodeRequest,
} from "@piccolo/wire";
import { SeededWorld } from "@piccolo/world";
import { createPeerServices } from "./peer-services.ts";

const account = new Uint8Array(32).fill(1);
const deviceKey = new Uint8Array(32).fill(2);

test("fragments, logs and recoveries are each asked of the service they belong to", async () => {
  const seen: Uint8Array[] = [];
  const fragments: PeerHandler = {
    admit: (_, frame) => {
      seen.push(frame);
      return { bodyBytes: 0, release: () => undefined };
    },
    handle: (_, request) => Promise.resolve(request),
  };
  const services = createPeerServices({
    network: {
      memberDevice: () => ({ account, deviceEpoch: 1 }),
      deviceKeyOf: () => undefined,
      ownerKeyOf: () => undefined,
      membership: () => undefined,
      members: { holders: () => [], onChange: () => () => undefined },
    },
    fragments,
    witnessStore: new MemoryWitnessStore(),
    deviceKey,
    witnessQuotaBytes: () => 1_000,
    world: new SeededWorld("services"),
    report: () => undefined,
  });
  const { signal } = new AbortController();
  const list = encodeRequest({ type: "list", account, after: undefined, limit: 1 });
  services.members.admit(deviceKey, list);
  assert.deepEqual(seen, [list]);
  const head = encodeLogRequest({ type: "witness-head", account });
  const answered = await services.members.handle(deviceKey, { frame: head, body: [] }, signal);
  assert.deepEqual(decodeLogResponse(answered.frame), { type: "witness-state", newest: undefined });
  const challenge = encodeRecoverRequest({ type: "challenge" });
  const given = await services.strangers.handle(deviceKey, { frame: challenge, body: [] }, signal);
  assert.equal(decodeRecoverResponse(given.frame).type, "challenge");
  assert.equal(seen.length, 1);
});

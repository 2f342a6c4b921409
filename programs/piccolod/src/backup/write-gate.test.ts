import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault } from "@piccolo/fault";
import { backupFaults } from "./faults.ts";
import { WriteGate } from "./write-gate.ts";

function gate(parts: { readonly ready?: boolean; readonly fault?: Error; readonly witnessed?: boolean } = {}) {
  const seen: string[] = [];
  const made = new WriteGate(
    {
      mayCommit: parts.ready ?? true,
      untilReady: async () => {
        seen.push("asked");
        if (parts.fault !== undefined) throw parts.fault;
      },
      flush: async () => {
        seen.push("flushed");
        return (parts.witnessed ?? true) ? { witnessed: true } : { witnessed: false, reason: "late" };
      },
    },
    () => seen.push("waits"),
  );
  return { gate: made, seen };
}

test("what shows or checks content is no change; what makes, moves or removes it is one", () => {
  const { gate: made } = gate();
  const changes = [
    ["POST", "/files/folders"],
    ["PATCH", "/files/1"],
    ["DELETE", "/files/1/versions/2"],
    ["POST", "/trash/1/restore"],
    ["DELETE", "/trash"],
    ["POST", "/uploads"],
    ["PATCH", "/uploads/1"],
    ["DELETE", "/app-backups/1"],
    ["POST", "/catalogs"],
    ["DELETE", "/catalogs/1"],
  ] as const;
  for (const [method, path] of changes) assert.ok(made.isChange(method, path), `${method} ${path}`);
  const others = [
    ["GET", "/files/1"],
    ["HEAD", "/uploads/1"],
    ["POST", "/uploads/1/check"],
    ["POST", "/session"],
    ["POST", "/network/join"],
    ["POST", "/filesystem"],
    ["GET", "/app-backups"],
    ["POST", "/app-backups/1/drill"],
    ["GET", "/catalogs"],
    ["GET", "/catalog"],
    ["POST", "/catalogs/1/renew"],
  ] as const;
  for (const [method, path] of others) assert.ok(!made.isChange(method, path), `${method} ${path}`);
});

test("nothing is changed before the witnesses were asked, and the caller hears why", async () => {
  const { gate: made } = gate({ ready: false, fault: backupFaults.fault("backup-checking", "too few have answered") });
  await assert.rejects(made.enter(), (error) => isFault(error, "backup-checking"));
});

test("a device that may commit asks nobody before a change", async () => {
  const { gate: made, seen } = gate();
  await made.enter();
  assert.deepEqual(seen, []);
});

test("an answer is held back until the change is witnessed, and says so where it is not in time", async () => {
  const done = gate();
  assert.equal(await done.gate.acknowledge(), true);
  assert.deepEqual(done.seen, ["flushed"]);
  const late = gate({ witnessed: false });
  assert.equal(await late.gate.acknowledge(), false);
  assert.deepEqual(late.seen, ["flushed", "waits"]);
});

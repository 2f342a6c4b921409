import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { diskFaults } from "@piccolo/storage/ports";
import { openDatabase } from "./db/database.ts";
import { causeOf, isOperatingFailure } from "./operating-failure.ts";

const ofDatabase = (errcode: number, message: string): Error =>
  Object.assign(new Error(message), { code: "ERR_SQLITE_ERROR", errcode });

function thrown(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  return assert.fail("it throws");
}

test("a fault, a refusal of the system and a statement that failed at the disk are the world's doing, and say what happened", () => {
  const full = { code: "disk-full", message: "the disk is full" };
  const refused = { code: "disk-error", message: "the disk refused what was to be done" };
  for (const [error, cause] of [
    [diskFaults.fault("disk-full", "no room"), { code: "disk-full", message: "no room" }],
    [thrown(() => readFileSync("/none/of/it")), refused],
    [Object.assign(new Error("ENOSPC"), { code: "ENOSPC", errno: -28 }), full],
    [ofDatabase(13, "database or disk is full"), full],
    [ofDatabase(778, "disk I/O error"), refused],
  ] as const) {
    assert.ok(isOperatingFailure(error));
    const { code, message } = causeOf(error) ?? assert.fail();
    assert.deepEqual({ code, message }, cause);
  }
});

test("whatever else is thrown is a bug, a statement that breaks a rule of its table with it", () => {
  const db = openDatabase(":memory:", {
    name: "some",
    synchronous: "NORMAL",
    migrations: ["CREATE TABLE t (a UNIQUE)"],
  });
  db.exec("INSERT INTO t VALUES (1)");
  for (const error of [
    thrown(() => db.exec("INSERT INTO t VALUES (1)")),
    ofDatabase(11, "database disk image is malformed"),
    new TypeError("a bug"),
    "no error",
    undefined,
  ]) {
    assert.ok(!isOperatingFailure(error));
    assert.equal(causeOf(error), undefined);
  }
  db.close();
});

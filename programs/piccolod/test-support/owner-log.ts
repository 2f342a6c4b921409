/** An owner database in a folder of its own, changed by one small table, and the entries a test makes of its changes. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { fromUtf8, toUtf8 } from "@piccolo/bytes";
import type { StoredEntry } from "@piccolo/storage/ports";
import { transact } from "../src/db/database.ts";
import { openOwnerDatabase, type OwnerDatabase } from "../src/db/owner-database.ts";

export function temporaryFolder(context: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "piccolod-log-"));
  context.after(() => rmSync(path, { recursive: true }));
  return path;
}

export function openOwner(context: TestContext, path = join(temporaryFolder(context), "owner.db")): OwnerDatabase {
  const owner = openOwnerDatabase(path);
  context.after(() => {
    if (owner.db.isOpen) owner.close();
  });
  return owner;
}

/** The rows of one small table stand for all: a name and what lies under it. */
export function setSecret({ db }: OwnerDatabase, key: string, value: string | undefined): void {
  transact(db, () => {
    if (value === undefined) db.prepare("DELETE FROM account_secret WHERE name = ?").run(key);
    else {
      db.prepare(
        "INSERT INTO account_secret VALUES (?1, ?2) ON CONFLICT DO UPDATE SET secret = ?2 WHERE secret <> ?2",
      ).run(key, toUtf8(value));
    }
  });
}

export function secretsOf({ db }: OwnerDatabase): unknown {
  const rows = db.prepare("SELECT name, secret FROM account_secret ORDER BY name").all();
  return rows.map((row) => [row["name"], fromUtf8(row["secret"] as Uint8Array)]);
}

export const nextEntry = ({ log }: OwnerDatabase, kind: StoredEntry["kind"] = "delta"): StoredEntry => {
  const sequence = log.position().sequence + 1;
  const bytes = (length: number): Uint8Array => new Uint8Array(length).fill(sequence);
  return { sequence, kind, head: bytes(200), sealed: bytes(300), hash: bytes(32), deviceEpoch: 1 };
};

export interface Delta {
  readonly entry: StoredEntry;
  readonly payload: Uint8Array;
  readonly digest: Uint8Array;
}

export function appendDelta(owner: OwnerDatabase): Delta {
  let made: Delta | undefined;
  owner.log.append(1 << 20, ({ payload, digest }) => {
    made = { entry: nextEntry(owner), payload, digest };
    return made.entry;
  });
  assert.ok(made !== undefined);
  return made;
}

export async function* each(pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* pieces;
}

export interface Snapshot {
  readonly digest: Uint8Array;
  readonly pieces: readonly Uint8Array[];
}

export function snapshotOf({ log }: OwnerDatabase): Snapshot {
  const snapshot = log.snapshot();
  try {
    return { digest: snapshot.digest, pieces: Array.from(snapshot.pieces(), (piece) => piece.slice()) };
  } finally {
    snapshot.close();
  }
}

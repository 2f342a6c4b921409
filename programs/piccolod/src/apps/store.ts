import type { DatabaseSync, StatementSync } from "node:sqlite";
import { transact } from "../db/database.ts";
import { type AppEvent, eventsKept, type KeptEvent } from "./app-events.ts";
import type { AppPlanRecord, TrashRecord } from "./plan-types.ts";
import type { AppPlace, InstalledApp, SnapshotFacts, TrashedPlace } from "./types.ts";

interface PlaceRow {
  readonly slot: number;
  readonly id_start: number;
  readonly installed_at_ms: number;
}
type RecordRow = PlaceRow & { readonly record: string };

/** Apps in the control database. An app in the trash keeps its place: its ids own its files, and its secrets its data. */
export class AppStore {
  readonly #db: DatabaseSync;
  readonly #all: StatementSync;
  readonly #get: StatementSync;
  readonly #insert: StatementSync;
  readonly #put: StatementSync;
  readonly #delete: StatementSync;
  readonly #allTrash: StatementSync;
  readonly #insertTrash: StatementSync;
  readonly #putTrash: StatementSync;
  readonly #deleteTrash: StatementSync;
  readonly #slots: StatementSync;
  readonly #insertPlace: StatementSync;
  readonly #deletePlace: StatementSync;
  readonly #secrets: StatementSync;
  readonly #putSecret: StatementSync;
  readonly #key: StatementSync;
  readonly #putKey: StatementSync;
  readonly #notes: StatementSync;
  readonly #putNotes: StatementSync;
  readonly #snapshot: StatementSync;
  readonly #putSnapshot: StatementSync;
  readonly #deleteSnapshot: StatementSync;
  readonly #events: StatementSync;
  readonly #insertEvent: StatementSync;
  readonly #deleteEvents: StatementSync;

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#all = db.prepare("SELECT * FROM app JOIN app_place USING (slot) ORDER BY app_id");
    this.#get = db.prepare("SELECT * FROM app JOIN app_place USING (slot) WHERE app_id = ?");
    this.#insert = db.prepare("INSERT INTO app VALUES (?, ?, ?)");
    this.#put = db.prepare("UPDATE app SET record = ? WHERE app_id = ?");
    this.#delete = db.prepare("DELETE FROM app WHERE app_id = ?");
    this.#allTrash = db.prepare("SELECT * FROM app_trash JOIN app_place USING (slot) ORDER BY trash_id");
    this.#insertTrash = db.prepare("INSERT OR REPLACE INTO app_trash VALUES (?, ?, ?)");
    this.#putTrash = db.prepare("UPDATE app_trash SET record = ? WHERE trash_id = ?");
    this.#deleteTrash = db.prepare("DELETE FROM app_trash WHERE trash_id = ?");
    this.#slots = db.prepare("SELECT slot FROM app_place");
    this.#insertPlace = db.prepare("INSERT INTO app_place VALUES (?, ?, ?)");
    this.#deletePlace = db.prepare(`DELETE FROM app_place WHERE slot = ?
      AND slot NOT IN (SELECT slot FROM app) AND slot NOT IN (SELECT slot FROM app_trash)`);
    this.#secrets = db.prepare("SELECT name, value FROM app_secret WHERE slot = ?");
    this.#putSecret = db.prepare("INSERT OR REPLACE INTO app_secret VALUES (?, ?, ?)");
    this.#key = db.prepare("SELECT key FROM app_key WHERE purpose = ?");
    this.#putKey = db.prepare("INSERT OR IGNORE INTO app_key VALUES (?, ?)");
    this.#notes = db.prepare("SELECT notes FROM app_backup_notes WHERE app_id = ?");
    this.#putNotes = db.prepare("INSERT OR REPLACE INTO app_backup_notes VALUES (?, ?)");
    this.#snapshot = db.prepare("SELECT id_start, secrets FROM app_snapshot WHERE snapshot_id = ?");
    this.#putSnapshot = db.prepare("INSERT OR REPLACE INTO app_snapshot VALUES (?, ?, ?)");
    this.#events = db.prepare("SELECT at_ms, event FROM app_event WHERE slot = ? ORDER BY number DESC");
    this.#insertEvent = db.prepare(`INSERT INTO app_event
      SELECT ?1, 1 + COALESCE(MAX(number), 0), ?2, ?3 FROM app_event WHERE slot = ?1`);
    this.#deleteEvents = db.prepare(`DELETE FROM app_event
      WHERE slot = ?1 AND number <= (SELECT MAX(number) FROM app_event WHERE slot = ?1) - ?2`);
    this.#deleteSnapshot = db.prepare("DELETE FROM app_snapshot WHERE snapshot_id = ?");
  }

  all(): readonly InstalledApp[] {
    return (this.#all.all() as unknown as RecordRow[]).map(installedOf);
  }

  get(id: string): InstalledApp | undefined {
    const row = this.#get.get(id) as unknown as RecordRow | undefined;
    return row === undefined ? undefined : installedOf(row);
  }

  /** With a place of its own, or the one it had before it went into the trash. */
  insert(record: AppPlanRecord, place: AppPlace, secrets: Readonly<Record<string, string>>): void {
    transact(this.#db, () => {
      if (!this.takenSlots().has(place.slot)) this.#insertPlace.run(place.slot, place.idStart, place.installedAtMs);
      this.#insert.run(record.app, place.slot, JSON.stringify(record));
      this.putSecrets(place, secrets);
    });
  }

  put(record: AppPlanRecord): void {
    this.#put.run(JSON.stringify(record), record.app);
  }

  putSecrets({ slot }: AppPlace, secrets: Readonly<Record<string, string>>): void {
    transact(this.#db, () => {
      for (const [name, value] of Object.entries(secrets)) this.#putSecret.run(slot, name, value);
    });
  }

  /** The app's record becomes, or has become, one of the trash: until it is gone itself, both are there. */
  intoTrash(trash: TrashRecord, { slot }: AppPlace): void {
    this.#insertTrash.run(trash.id, slot, JSON.stringify(trash));
  }

  delete({ record, slot }: InstalledApp): void {
    transact(this.#db, () => {
      this.#delete.run(record.app);
      this.#deletePlace.run(slot);
    });
  }

  trash(): readonly TrashedPlace[] {
    return (this.#allTrash.all() as unknown as RecordRow[]).map((row) => ({
      ...placeOf(row),
      trash: JSON.parse(row.record) as TrashRecord,
    }));
  }

  putTrash(trash: TrashRecord): void {
    this.#putTrash.run(JSON.stringify(trash), trash.id);
  }

  deleteTrash(id: string, slot: number): void {
    transact(this.#db, () => {
      this.#deleteTrash.run(id);
      this.#deletePlace.run(slot);
    });
  }

  transact(change: () => void): void {
    transact(this.#db, change);
  }

  takenSlots(): ReadonlySet<number> {
    return new Set((this.#slots.all() as unknown as { readonly slot: number }[]).map(({ slot }) => slot));
  }

  /** Slots whose networks are an app's, or would be. */
  takenNetworkSlots(): ReadonlySet<number> {
    return new Set([...this.takenSlots(), ...this.all().map(({ networkSlot }) => networkSlot)]);
  }

  secretsOf({ slot }: AppPlace): Readonly<Record<string, string>> {
    const rows = this.#secrets.all(slot) as unknown as { readonly name: string; readonly value: string }[];
    return Object.fromEntries(rows.map(({ name, value }) => [name, value]));
  }

  notes(app: string): string | undefined {
    return (this.#notes.get(app) as { readonly notes: string } | undefined)?.notes;
  }

  putNotes(app: string, notes: string): void {
    this.#putNotes.run(app, notes);
  }

  /** What has happened to it, newest first. They go where the app goes: into the trash, back, and away with it. */
  eventsOf({ slot }: Pick<AppPlace, "slot">): readonly KeptEvent[] {
    const rows = this.#events.all(slot) as unknown as { readonly at_ms: number; readonly event: string }[];
    return rows.map(({ at_ms, event }) => ({ ...(JSON.parse(event) as AppEvent), atMs: at_ms }));
  }

  addEvents({ slot }: Pick<AppPlace, "slot">, events: readonly AppEvent[], atMs: number): void {
    if (events.length === 0) return;
    transact(this.#db, () => {
      for (const event of events) this.#insertEvent.run(slot, atMs, JSON.stringify(event));
      this.#deleteEvents.run(slot, eventsKept);
    });
  }

  /** What belongs to a copy of data beside the data. */
  snapshotFacts(id: string): SnapshotFacts | undefined {
    const row = this.#snapshot.get(id) as { readonly id_start: number; readonly secrets: string } | undefined;
    return row === undefined
      ? undefined
      : { idStart: row.id_start, secrets: JSON.parse(row.secrets) as SnapshotFacts["secrets"] };
  }

  putSnapshotFacts(id: string, { idStart, secrets }: SnapshotFacts): void {
    this.#putSnapshot.run(id, idStart, JSON.stringify(secrets));
  }

  deleteSnapshotFacts(id: string): void {
    this.#deleteSnapshot.run(id);
  }

  /** The key of that purpose, made by `make` where there is none. */
  key(purpose: string, make: () => Uint8Array): Uint8Array {
    this.#putKey.run(purpose, make());
    const { key } = this.#key.get(purpose) as { readonly key: Uint8Array };
    return key;
  }
}

function placeOf(row: PlaceRow): AppPlace {
  return { slot: row.slot, networkSlot: row.slot, idStart: row.id_start, installedAtMs: row.installed_at_ms };
}

function installedOf(row: RecordRow): InstalledApp {
  const record = JSON.parse(row.record) as AppPlanRecord;
  return { ...placeOf(row), networkSlot: record.network?.slot ?? row.slot, record };
}

/**
 * What the planner reads and what it says. The life of an app is a record in the control database (what shall be, and how
 * far a change has come), an observation of the world (what is, or that it is not known), and from both the steps still to
 * be taken. Nothing else remembers anything, so that a crash between any two steps loses nothing.
 */
import type { AppManifest, GrantKind } from "@piccolo/app-manifest";

/** One unchangeable form of an app: another manifest, setting or grant makes another generation. */
export interface Generation {
  /** Rises for each app, and is never used again; side by side with the current one it has the other parity, and so other addresses. */
  readonly number: number;
  readonly manifest: AppManifest;
  readonly grants: readonly GrantKind[];
  /** Where the owner agreed to fewer paths for everybody than the manifest asks for. */
  readonly publicPaths?: readonly string[];
  readonly settings: Readonly<Record<string, string>>;
  /** Id of the catalog its manifest is from; absent where the owner gave it. */
  readonly catalog?: string;
}

/**
 * `install`: nothing was there; `update`, `configure`: another generation takes the place of the current one; `rollback`,
 * `restore`: with its data, too; `backup`: a copy of the data, and the same generation goes on.
 */
export type ChangeKind = "install" | "update" | "configure" | "rollback" | "restore" | "backup";

/**
 * How far a change has come. Each is entered by one commit of the database, before anything is done that only it allows:
 * `fetching` images (the current generation serves); `saving` a copy of the data (nothing serves that could write to it);
 * `placing` other data; `starting` the new generation; `undoing`: the copy is put back, and
 * volumes the change made go.
 */
export type ChangePhase = "fetching" | "saving" | "placing" | "starting" | "undoing";

export interface Change {
  readonly kind: ChangeKind;
  /** What shall be the current generation. */
  readonly to: Generation;
  /** The copy that is made before data can change, and put back when the change fails; undefined where none is needed. */
  readonly safety: string | undefined;
  /** The copy whose data the new generation starts from. */
  readonly placed: string | undefined;
  /** The volumes in it, where it is none of the copies that are kept; absent in records of earlier releases. */
  readonly placedVolumes?: readonly string[];
  /** Where that copy is of a backup in the storage network: which, and the volumes in it. It goes when the change has ended. */
  readonly fetched?: { readonly backup: string; readonly volumes: readonly string[] };
  /** Values of password settings the new generation has; those of the app once it is the current one. */
  readonly passwords?: Readonly<Record<string, string>>;
  /** The same of a backup that has no data, with which its secrets would come. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** Volumes that were not there before it: no generation that served has written to them, and they go when it is undone. */
  readonly made?: readonly string[];
  /**
   * Volumes of the app that are not there and of which no copy could be made, as where it is restored because its data is missing. They
   * stay recorded: where the change fails, they are missing as before.
   */
  readonly lost?: readonly string[];
  /**
   * The copy of a change it took the place of, which is gone: the data is what that change left, so that the current generation is not
   * started on it, and where this one fails there is nothing to put back.
   */
  readonly unsaved?: string;
  readonly phase: ChangePhase;
  readonly startedAtMs: number;
  /** Of the last try of this phase. */
  readonly failure: Failure | undefined;
  /** Why it is being undone. */
  readonly cause: Failure | undefined;
}

/** Why the last try failed, for a person, and when it is worth another. */
export interface Failure {
  readonly code: FailureCode;
  /** A sentence: what happened. */
  readonly detail: string;
  /** A sentence: what to do. */
  readonly nextStep: string;
  /** In a row. */
  readonly count: number;
  /** The last of these that failed for the same reason, where not all did. */
  readonly alike?: number;
  /** Not before this; undefined: not before somebody asks. */
  readonly retryAtMs: number | undefined;
  /** What the parts said last, where they are gone once the change is undone. */
  readonly said?: readonly SaidLine[];
  /** What the system said, where it was the system that refused; see `system-words.ts`. */
  readonly systemSaid?: string;
}

/** Of an app's log. */
export interface SaidLine {
  readonly service: string;
  readonly atMs: number;
  readonly stream: "out" | "err";
  readonly text: string;
}

/** A failure as a person reads it. */
export type Told = Pick<Failure, "code" | "detail" | "nextStep" | "said" | "systemSaid">;

export type FailureCode =
  | "image-unreachable"
  | "registry-busy"
  | "image-refused"
  | "disk-full"
  | "not-started"
  | "not-healthy"
  | "not-answering"
  | "not-stopped"
  | "snapshot-failed"
  | "restore-failed"
  | "data-missing"
  | "snapshot-missing"
  | "record-behind"
  | "backup-unreadable"
  | "backup-damaged"
  | "device-locked"
  | "runtime-unavailable"
  | "step-failed";

export interface KeptSnapshot {
  readonly id: string;
  readonly generation: Generation;
  readonly takenAtMs: number;
  readonly cause: "update" | "configure" | "rollback" | "restore" | "backup";
  /** Its volumes, by name. */
  readonly volumes: readonly string[];
}

export interface AppPlanRecord {
  readonly app: string;
  /** A copy that shows that a backup works: nobody sees it, it keeps nothing, and it goes without trace. */
  readonly isDrill?: true;
  /** `removed`: into the trash. */
  readonly wanted: "running" | "stopped" | "removed";
  /** What serves, or would; undefined until an install succeeded. */
  readonly current: Generation | undefined;
  /** Highest number given out. A container with a higher one was made by a later state of this record. */
  readonly lastGeneration: number;
  readonly change: Change | undefined;
  /** Another place of its networks than its slot's, where something else has those addresses; how many were tried. */
  readonly network?: { readonly slot: number; readonly tries: number };
  /** Volumes that hold data: made once, and never made again when they are missing. */
  readonly volumes: readonly string[];
  /** What a rollback brings back: a generation, and its data where it has any. */
  readonly rollback: { readonly generation: Generation; readonly snapshot: KeptSnapshot | undefined } | undefined;
  /** Backups, oldest first. */
  readonly backups: readonly KeptSnapshot[];
  /** Snapshots nothing needs any more. Only these are ever deleted. */
  readonly discarded: readonly string[];
  /** Where the data goes when the app is uninstalled, or comes from when it is restored. */
  readonly trash: string | undefined;
  /** Whether the data still has to come out of the trash. */
  readonly untrashing: boolean;
  /** Of keeping the current generation as wanted. */
  readonly failure: Failure | undefined;
  /** Of the last change that was given up, for the owner to read; nothing waits for it. */
  readonly notice: Notice | undefined;
}

export interface Notice {
  readonly kind: ChangeKind;
  readonly version: string;
  /** When its change was asked for; absent in records of earlier releases. */
  readonly startedAtMs?: number;
  readonly failure: Failure;
}

/** An uninstalled app, restorable until it is purged. */
export interface TrashRecord {
  readonly id: string;
  readonly app: string;
  /** What is started when it comes back. */
  readonly generation: Generation;
  /** Names of the volumes in it. */
  readonly volumes: readonly string[];
  /** Where the volumes cannot be trusted, because a change was cut off, the copy to start from. */
  readonly placed: string | undefined;
  /** The volumes in that copy; absent in records of earlier releases. */
  readonly placedVolumes?: readonly string[];
  /** Where that copy is one of a backup in the network, and may have come only in part. */
  readonly fetched?: NonNullable<Change["fetched"]>;
  readonly rollback: AppPlanRecord["rollback"];
  readonly backups: readonly KeptSnapshot[];
  /** Snapshots that go with it besides. */
  readonly discarded: readonly string[];
  readonly lastGeneration: number;
  readonly trashedAtMs: number;
  readonly purgeAtMs: number;
  /** The owner wants it gone now. */
  readonly purge: boolean;
}

/** A part of the world. Not known is not the same as empty, and nothing is ever concluded from it. */
export type Known<T> = { readonly known: true; readonly value: T } | NotKnown;

export interface NotKnown {
  readonly known: false;
  readonly reason: string;
  /** As it is told to a person, where that says more. */
  readonly failure?: Told;
}

export interface ObservedContainer {
  readonly generation: number;
  readonly service: string;
  /** `broken`: its process is gone although the run time says otherwise. */
  readonly state: "created" | "running" | "paused" | "stopped" | "broken";
  /** Of a stopped one. */
  readonly exitCode: number | undefined;
  /** Whether it was made as it would be made now. */
  readonly upToDate: boolean;
}

export type Route =
  | { readonly kind: "closed" }
  /** Requests wait. */
  | { readonly kind: "held" }
  | { readonly kind: "open"; readonly generation: number };

/** What a running app's health path and checks have said, in a row, since it was opened to visitors. */
export interface Health {
  readonly misses: number;
  readonly answers: number;
  /** The service that did not answer the last time. */
  readonly silent: string | undefined;
}

/** Of one app. */
export interface Observed {
  readonly containers: Known<readonly ObservedContainer[]>;
  /** By `imageName`, those of all generations of this app that are on the device. */
  readonly images: Known<ReadonlySet<string>>;
  readonly network: Known<boolean>;
  /** By name. */
  readonly volumes: Known<ReadonlySet<string>>;
  /** By id; `partial` was cut off. */
  readonly snapshots: Known<ReadonlyMap<string, "complete" | "partial">>;
  /** The proxy's, in this process: closed after a start. */
  readonly route: Route;
  readonly health: Health;
}

export type Step =
  | { readonly do: "pull"; readonly image: string }
  /** Brings a backup from the storage network into a copy; what an earlier try brought is there. */
  | {
      readonly do: "fetch-backup";
      readonly backup: string;
      readonly snapshot: string;
      readonly volumes: readonly string[];
    }
  | { readonly do: "make-network"; readonly generation: number }
  | { readonly do: "remove-network" }
  /** Makes it only if it is missing. */
  | { readonly do: "make-volume"; readonly volume: string; readonly generation: number }
  | { readonly do: "create"; readonly generation: number; readonly service: string }
  | { readonly do: "start"; readonly generation: number; readonly service: string }
  | { readonly do: "stop"; readonly generation: number; readonly service: string }
  | { readonly do: "pause"; readonly generation: number; readonly service: string }
  | { readonly do: "resume"; readonly generation: number; readonly service: string }
  | { readonly do: "remove"; readonly generation: number; readonly service: string }
  | {
      readonly do: "await";
      readonly generation: number;
      readonly service: string;
      readonly condition: "healthy" | "completed";
    }
  /** Until the health path answers, or the time to start is over. */
  | { readonly do: "probe"; readonly generation: number }
  | { readonly do: "route"; readonly to: Route }
  /** What was of that id is deleted first. */
  | { readonly do: "snapshot"; readonly snapshot: string; readonly volumes: readonly string[] }
  /** The volumes become what they were; what is in them goes. */
  | { readonly do: "restore"; readonly snapshot: string; readonly volumes: readonly string[] }
  | { readonly do: "drop-snapshot"; readonly snapshot: string }
  /** Of the app while others of it may be in use: they are gone for good. */
  | { readonly do: "drop-volumes"; readonly volumes: readonly string[] }
  | { readonly do: "trash-volumes"; readonly trash: string; readonly volumes: readonly string[] }
  | { readonly do: "untrash-volumes"; readonly trash: string; readonly volumes: readonly string[] }
  | { readonly do: "purge-trash"; readonly trash: string; readonly snapshots: readonly string[] }
  /** One commit of the database. */
  | { readonly do: "record"; readonly event: RecordEvent };

/** What becomes of a record; `record.ts` says how. */
export type RecordEvent =
  | { readonly type: "phase"; readonly phase: ChangePhase }
  /** The change succeeded. `dropped`: volumes that went, since what is current now has none of that name. */
  | { readonly type: "committed"; readonly dropped?: readonly string[] }
  /** The change is undone or was given up, and its reason is kept. */
  | { readonly type: "abandoned" }
  /** Before they are made by a change of an app that is there. */
  | { readonly type: "volumes-announced"; readonly volumes: readonly string[] }
  /** What a change cannot copy first, since it is not there. `none`: nothing is left to copy. */
  | { readonly type: "volumes-lost"; readonly volumes: readonly string[]; readonly none: boolean }
  | { readonly type: "volumes-made"; readonly volumes: readonly string[] }
  | { readonly type: "trash-emptied-into-app" }
  | { readonly type: "discarded-gone"; readonly snapshots: readonly string[] }
  | { readonly type: "well" }
  /** It runs, and does not answer. */
  | { readonly type: "silent"; readonly failure: Failure }
  /** A record of the trash is made; the app's own goes with `trashed`. */
  | { readonly type: "into-trash"; readonly volumes: readonly string[] }
  | { readonly type: "trashed" }
  | { readonly type: "purged" };

export interface Plan {
  /** In this order, each after the one before has succeeded; after a failure or a crash it is planned anew. */
  readonly steps: readonly Step[];
  /** Why there are none although not all is as wanted. */
  readonly waiting: Waiting | undefined;
}

export type Waiting =
  /** `failure`: where that says more. */
  | { readonly for: "knowledge"; readonly reason: string; readonly failure?: Told }
  | { readonly for: "retry"; readonly atMs: number }
  | { readonly for: "owner"; readonly failure: Told };

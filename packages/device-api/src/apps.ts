import { z } from "@hono/zod-openapi";

/** By language; `en` is always there. */
export const LocalizedText = z.record(z.string(), z.string()).openapi("LocalizedText");
export type LocalizedText = z.infer<typeof LocalizedText>;

export const GrantView = z
  .object({
    kind: z.enum(["internet", "public-paths"]),
    reason: LocalizedText,
    /** Without it the app cannot be installed. */
    required: z.boolean(),
    /** Of `public-paths`. */
    paths: z.array(z.string()).optional(),
  })
  .openapi("GrantView");
export type GrantView = z.infer<typeof GrantView>;

export const SettingView = z
  .object({
    name: z.string(),
    kind: z.enum(["text", "password", "number", "switch", "choice"]),
    label: LocalizedText,
    hint: LocalizedText.optional(),
    /** The manifest's default; absent where there is none. */
    default: z.string().optional(),
    /** As it is set now, on an installed app; never of a password. */
    value: z.string().optional(),
    lengthMax: z.int().optional(),
    minimum: z.number().optional(),
    maximum: z.number().optional(),
    choices: z.array(z.object({ value: z.string(), label: LocalizedText })).optional(),
  })
  .openapi("SettingView");
export type SettingView = z.infer<typeof SettingView>;

export const AppVolumeView = z
  .object({
    name: z.string(),
    title: LocalizedText,
    snapshot: z.enum(["stop", "pause", "live"]),
    backup: z.boolean(),
    /** On an installed app; absent while it is not known. */
    usedBytes: z.number().optional(),
  })
  .openapi("AppVolumeView");
export type AppVolumeView = z.infer<typeof AppVolumeView>;

/** What a manifest says, as an owner reads it. */
export const AppDescription = z
  .object({
    id: z.string(),
    version: z.string(),
    name: LocalizedText,
    summary: LocalizedText,
    description: LocalizedText.optional(),
    author: z.string().optional(),
    website: z.string().optional(),
    license: z.string().optional(),
    categories: z.array(z.string()),
    /** A `data:` address of an SVG or PNG picture. */
    icon: z.string().optional(),
    grants: z.array(GrantView),
    settings: z.array(SettingView),
    volumes: z.array(AppVolumeView),
    /** Sum of the services' limits. */
    memoryBytes: z.number(),
    hasWebPage: z.boolean(),
  })
  .openapi("AppDescription");
export type AppDescription = z.infer<typeof AppDescription>;

export const CatalogEntry = z
  .object({
    catalog: z.string(),
    app: AppDescription,
    /** Why it cannot be installed here now; absent when it can. `detail` is for people. */
    blocked: z
      .object({
        reason: z.enum(["digest-unverified", "wrong-architecture", "needs-newer-os", "already-installed"]),
        detail: z.string(),
      })
      .optional(),
    /** Bytes to fetch; absent while nobody knows. */
    downloadBytes: z.number().optional(),
    /** Its images lie on this device already. */
    offline: z.boolean(),
  })
  .openapi("CatalogEntry");
export type CatalogEntry = z.infer<typeof CatalogEntry>;

export const CatalogView = z
  .object({
    /** Those whose entries these are. */
    catalogs: z.array(
      z.object({
        id: z.string(),
        title: LocalizedText,
        /** Past its end: its entries are the last that were. */
        stale: z.boolean(),
      }),
    ),
    /** Those that some entry has, in the order in which they are shown. */
    categories: z.array(z.string()),
    entries: z.array(CatalogEntry),
  })
  .openapi("CatalogView");
export type CatalogView = z.infer<typeof CatalogView>;

/** A catalog of the device, or one that should be there and is refused. */
export const CatalogState = z
  .object({
    /** Absent of one that came with the system and is refused. */
    id: z.string().optional(),
    builtIn: z.boolean(),
    /** Of one the owner added: the folder it is fetched from. */
    address: z.string().optional(),
    /** Ed25519, 64 hexadecimal digits; absent where it is not known. */
    publicKey: z.string().optional(),
    /** Of one the owner added: when what there is was fetched; absent until this device has fetched it. */
    fetchedAtMs: z.number().optional(),
    /** What is in use; absent while nothing of it can be. */
    index: z
      .object({
        title: LocalizedText,
        /** Signed by a key that anybody has: for trying things out, and worth nothing. */
        development: z.boolean(),
        /** Higher for each newer one. */
        sequence: z.int(),
        issuedAtMs: z.number(),
        expiresAtMs: z.number(),
        /** Past `expiresAtMs`. */
        stale: z.boolean(),
        apps: z.int(),
      })
      .optional(),
    /** Why the last look for a newer one failed, or why it is refused. `detail` is for people and says what to do. */
    problem: z.object({ code: z.string(), detail: z.string(), atMs: z.number() }).optional(),
  })
  .openapi("CatalogState");
export type CatalogState = z.infer<typeof CatalogState>;

export const CatalogList = z.object({ catalogs: z.array(CatalogState) }).openapi("CatalogList");
export type CatalogList = z.infer<typeof CatalogList>;

/** A catalog to be had from now on. */
export const NewCatalog = z
  .object({
    /** Of the folder with its files, `https:` or `http:`. */
    address: z
      .string()
      .max(500)
      .regex(/^https?:\/\/[^\s?#@]+$/),
    /** Ed25519, 64 hexadecimal digits, as its publisher says it: nothing signed by another key is taken. */
    publicKey: z.string().regex(/^[0-9a-f]{64}$/),
  })
  .openapi("NewCatalog");
export type NewCatalog = z.infer<typeof NewCatalog>;

/** Where an app comes from: an entry of a catalog, or a manifest's text (side-loading). Exactly one. */
export const AppSource = z
  .object({
    catalog: z.object({ catalog: z.string().max(64), app: z.string().max(64) }).optional(),
    /** What is too long is one of the problems that are told. */
    manifest: z.string().optional(),
  })
  .openapi("AppSource");
export type AppSource = z.infer<typeof AppSource>;

export const ManifestProblem = z
  .object({
    code: z.string(),
    /** JSON Pointer into the manifest. */
    path: z.string(),
    line: z.int().optional(),
    column: z.int().optional(),
    reason: z.string(),
    advice: z.string(),
  })
  .openapi("ManifestProblem");
export type ManifestProblem = z.infer<typeof ManifestProblem>;

/** What an install would need and find; nothing is changed by asking. */
export const Preflight = z
  .object({
    /** Absent when the manifest has problems. */
    app: AppDescription.optional(),
    problems: z.array(ManifestProblem),
    /** Of an app that is installed: the settings an update to this manifest has to be given values of. */
    missingSettings: z.array(SettingView).optional(),
    /** Side-loaded: nobody but the owner vouches for it. */
    vouchedFor: z.boolean(),
    /** Of images that are not here yet; absent while nobody knows. */
    downloadBytes: z.number().optional(),
    freeBytes: z.number(),
    freeMemoryBytes: z.number(),
    /**
     * What stands in its way now. `in-trash`, `too-little-memory` and `runtime-unavailable` are only told; without one of the
     * others it would not be refused.
     */
    obstacles: z.array(
      z.object({
        code: z.enum([
          "name-taken",
          "name-reserved",
          "too-large",
          "too-many-apps",
          "in-trash",
          "too-little-space",
          "room-promised",
          "too-little-memory",
          "digest-unverified",
          "wrong-architecture",
          "needs-newer-os",
          "runtime-unavailable",
        ]),
        detail: z.string(),
      }),
    ),
  })
  .openapi("Preflight");
export type Preflight = z.infer<typeof Preflight>;

/** By name; a password among them is never told again. */
const GivenSettings = z.record(z.string().max(64), z.string().max(1000));

export const AppInstall = z
  .object({
    source: AppSource,
    /** Kinds the owner agreed to. */
    grants: z.array(z.enum(["internet", "public-paths"])).max(10),
    settings: GivenSettings,
  })
  .openapi("AppInstall");
export type AppInstall = z.infer<typeof AppInstall>;

export const AppConfigure = z
  .object({
    grants: z
      .array(z.enum(["internet", "public-paths"]))
      .max(10)
      .optional(),
    settings: GivenSettings.optional(),
  })
  .openapi("AppConfigure");
export type AppConfigure = z.infer<typeof AppConfigure>;

export const AppUpdate = z
  .object({
    /** A side-loaded app's new manifest; absent: the newest of its catalog. */
    manifest: z.string().optional(),
    /** Agreed to beyond what was granted. */
    grants: z.array(z.enum(["internet", "public-paths"])).max(10),
    /** Others stay as they are; those in `missingSettings` cannot. */
    settings: GivenSettings.optional(),
  })
  .openapi("AppUpdate");
export type AppUpdate = z.infer<typeof AppUpdate>;

export const AppState = z
  .enum([
    "installing",
    "starting",
    "running",
    "stopping",
    "stopped",
    "updating",
    "rolling-back",
    "restoring",
    "backing-up",
    "removing",
    /** What it wants cannot be reached; `problem` says why and what to do. */
    "failed",
    /** The container service does not answer: nothing is known, so nothing is done. */
    "unknown",
  ])
  .openapi("AppState");
export type AppState = z.infer<typeof AppState>;

export const AppSnapshotView = z
  .object({
    id: z.string(),
    takenAtMs: z.number(),
    version: z.string(),
    cause: z.enum(["update", "backup", "rollback", "uninstall"]),
    sizeBytes: z.number().optional(),
    /** Spread over the network like files; false while it lies only on this device. */
    durable: z.boolean(),
  })
  .openapi("AppSnapshotView");
export type AppSnapshotView = z.infer<typeof AppSnapshotView>;

export const AppView = z
  .object({
    app: AppDescription,
    state: AppState,
    /** What the owner wants of it. */
    wanted: z.enum(["running", "stopped"]),
    /** The step under way, for people. */
    step: z.string().optional(),
    doneBytes: z.number().optional(),
    totalBytes: z.number().optional(),
    problem: z
      .object({
        code: z.string(),
        detail: z.string(),
        nextStep: z.string(),
        /** What Podman or another program of the system said: words of a fixed vocabulary, and `…` for all else. */
        systemSaid: z.string().max(300).optional(),
        /** What its parts said before they were removed is kept: GET /apps/{id}/problem-log. */
        hasLog: z.boolean().optional(),
        /** Of a change that was given up and is over: DELETE /apps/{id}/notices/{noticeId} puts it away. */
        notice: z.string().max(64).optional(),
        /** When the device tries again by itself: POST /apps/{id}/retry makes it try at once. */
        retryAtMs: z.number().optional(),
      })
      .optional(),
    /** Where its page is opened; absent while there is none. */
    openUrl: z.string().optional(),
    /** Agreed to by the owner. */
    granted: z.array(z.enum(["internet", "public-paths"])),
    /** That its manifest is from; without a title where this device has it not, so that newer versions are not heard of. */
    catalog: z.object({ id: z.string(), title: LocalizedText.optional() }).optional(),
    /** A newer entry of its catalog, with what it asks beyond what was granted, and the settings an update has to be given values of. */
    update: z
      .object({ version: z.string(), newGrants: z.array(GrantView), missingSettings: z.array(SettingView) })
      .optional(),
    /** The version a rollback would bring back, with its data. */
    rollback: z.object({ version: z.string(), takenAtMs: z.number() }).optional(),
    /** Newest first. */
    snapshots: z.array(AppSnapshotView),
    /** Generated values the manifest shows to the owner, by label; read by GET /apps/{id}/secrets. */
    hasShownSecrets: z.boolean(),
    installedAtMs: z.number(),
    taskId: z.string().optional(),
  })
  .openapi("AppView");
export type AppView = z.infer<typeof AppView>;

export const AppList = z.object({ apps: z.array(AppView) }).openapi("AppList");
export type AppList = z.infer<typeof AppList>;

export const ShownSecrets = z
  .object({ secrets: z.array(z.object({ name: z.string(), label: LocalizedText, value: z.string() })) })
  .openapi("ShownSecrets");
export type ShownSecrets = z.infer<typeof ShownSecrets>;

export const TrashedApp = z
  .object({
    /** Of the trash entry: an app may be in it more than once. */
    id: z.string(),
    app: AppDescription,
    trashedAtMs: z.number(),
    purgeAtMs: z.number(),
    sizeBytes: z.number().optional(),
    /** Whether an app of that name is installed again, so that this one cannot come back beside it. */
    nameTaken: z.boolean(),
  })
  .openapi("TrashedApp");
export type TrashedApp = z.infer<typeof TrashedApp>;

export const TrashedAppList = z.object({ apps: z.array(TrashedApp) }).openapi("TrashedAppList");
export type TrashedAppList = z.infer<typeof TrashedAppList>;

export const AppLogLine = z
  .object({ service: z.string(), atMs: z.number(), stream: z.enum(["out", "err"]), text: z.string() })
  .openapi("AppLogLine");
export type AppLogLine = z.infer<typeof AppLogLine>;

/** Oldest first; the newest `limit` lines that match. */
export const AppLog = z.object({ lines: z.array(AppLogLine), truncated: z.boolean() }).openapi("AppLog");
export type AppLog = z.infer<typeof AppLog>;

/** A series holds at most the last hour, one point each few seconds, oldest first. */
export const AppResources = z
  .object({
    points: z.array(
      z.object({
        atMs: z.number(),
        /** Of one processor, in thousandths. */
        milliCpus: z.number(),
        memoryBytes: z.number(),
        /** Since the containers started, of the network and of the disk. */
        receivedBytes: z.number(),
        sentBytes: z.number(),
        readBytes: z.number(),
        writtenBytes: z.number(),
        /** What its volumes took of the disk; absent where that could not be found out. */
        diskBytes: z.number().optional(),
      }),
    ),
    memoryLimitBytes: z.number(),
    /** What its volumes take of the disk now. */
    diskBytes: z.number().optional(),
    /** What they can take at most; it is raised where the device has more room, or another version asks for more. */
    diskLimitBytes: z.number().optional(),
  })
  .openapi("AppResources");
export type AppResources = z.infer<typeof AppResources>;

/** Something that has happened to an app. */
export const AppEventView = z
  .object({
    atMs: z.number(),
    /**
     * `installed` to `backed-up`: a change that succeeded, with `version`; `given-up`: one that did not, with `change`, `version`,
     * `code` and `detail`, and all is as before; `failed`: it is not as wanted, with `code` and `detail`; `well`: it is again;
     * `started`, `stopped`, `ended` (by itself, with `exitCode` where it is known), `restarted` (after that): with `service`.
     */
    kind: z.enum([
      "installed",
      "updated",
      "configured",
      "rolled-back",
      "restored",
      "backed-up",
      "given-up",
      "failed",
      "well",
      "uninstalled",
      "started",
      "stopped",
      "ended",
      "restarted",
    ]),
    version: z.string().optional(),
    change: z.enum(["install", "update", "configure", "rollback", "restore", "backup"]).optional(),
    service: z.string().optional(),
    exitCode: z.int().optional(),
    code: z.string().optional(),
    detail: z.string().optional(),
  })
  .openapi("AppEvent");
export type AppEventView = z.infer<typeof AppEventView>;

/** The last 100, newest first. */
export const AppEventList = z
  .object({
    events: z.array(AppEventView),
    /** How often in the last day, as far as the list goes back, a part that had ended by itself was started again. */
    restarts: z.int(),
  })
  .openapi("AppEventList");
export type AppEventList = z.infer<typeof AppEventList>;

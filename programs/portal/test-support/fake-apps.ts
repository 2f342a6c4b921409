/** The apps of the fake device: enough of them, in enough states, that every page can be looked at. */
import type { ServerResponse } from "node:http";
import type {
  AppBackupsView,
  AppDefinition,
  AppDescription,
  AppEventView,
  AppLogLine,
  AppView,
  BackedUpApp,
  CatalogState,
  CatalogView,
  DeviceEvent,
  Preflight,
  Task,
  TrashedApp,
} from "@piccolo/device-api";
import { fakeTranslation } from "./fake-translation.ts";

const minute = 60_000;
const day = 86_400_000;
const MiB = 1024 * 1024;
const icon = (colour: string, letter: string): string =>
  `data:image/svg+xml,${encodeURIComponent(
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64"><rect width="64" height="64" rx="14" fill="${colour}"/><text x="32" y="43" font-family="sans-serif" font-size="32" font-weight="600" fill="#fff" text-anchor="middle">${letter}</text></svg>`,
  )}`;

const notes: AppDescription = {
  id: "notes",
  version: "1.4.2",
  name: { en: "Notes", de: "Notizen" },
  summary: { en: "Write things down, and find them again", de: "Aufschreiben und wiederfinden" },
  author: "The Notes authors",
  license: "AGPL-3.0",
  categories: ["writing"],
  icon: icon("#2f6f4f", "N"),
  grants: [
    { kind: "internet", reason: { en: "To fetch pictures of pages you link to" }, required: false },
    { kind: "public-paths", reason: { en: "To share a note by a link" }, required: false, paths: ["/s/*"] },
  ],
  settings: [
    {
      name: "title",
      kind: "text",
      label: { en: "Title" },
      hint: { en: "Shown at the top" },
      default: "Notes",
      value: "Our notes",
      lengthMax: 40,
    },
    {
      name: "per-page",
      kind: "number",
      label: { en: "Notes on a page" },
      default: "20",
      value: "20",
      minimum: 5,
      maximum: 100,
    },
    { name: "dark", kind: "switch", label: { en: "Dark at night" }, default: "false", value: "true" },
    {
      name: "order",
      kind: "choice",
      label: { en: "Order" },
      hint: { en: "How notes stand on a page" },
      default: "newest",
      value: "newest",
      choices: [
        { value: "newest", label: { en: "Newest first" } },
        { value: "title", label: { en: "By title" } },
      ],
    },
    { name: "mail-password", kind: "password", label: { en: "Password of the mail account" }, lengthMax: 100 },
  ],
  volumes: [{ name: "data", title: { en: "Your notes" }, snapshot: "stop", backup: true, usedBytes: 42 * MiB }],
  memoryBytes: 256 * MiB,
  hasWebPage: true,
};

const gallery: AppDescription = {
  ...notes,
  id: "gallery",
  version: "3.1",
  name: { en: "Gallery" },
  summary: { en: "All your pictures, by day and place" },
  icon: icon("#8a4b9e", "G"),
  grants: [],
  settings: [],
  volumes: [{ name: "pictures", title: { en: "Pictures" }, snapshot: "live", backup: true, usedBytes: 3_100 * MiB }],
};

const radio: AppDescription = {
  ...gallery,
  id: "radio",
  version: "0.9",
  name: { en: "Radio" },
  summary: { en: "Stations from everywhere" },
  icon: icon("#b3541e", "R"),
  grants: [{ kind: "internet", reason: { en: "Stations are on the internet" }, required: true }],
  volumes: [],
};

/** What the newer version of the notes has to be told. */
const missing: AppDescription["settings"] = [
  { name: "mail-host", kind: "text", label: { en: "Mail server" }, lengthMax: 100 },
  { name: "connections", kind: "number", label: { en: "Open connections" }, minimum: 1, maximum: 9, default: "4" },
  { name: "admin-password", kind: "password", label: { en: "New password for administration" }, lengthMax: 100 },
];

/** The fake device finds that everything was signed by another key than this. */
const otherKey = "ff".repeat(32);

function indexOf(title: AppDescription["name"], sequence: number): NonNullable<CatalogState["index"]> {
  const now = Date.now();
  return {
    title,
    development: false,
    sequence,
    issuedAtMs: now - day,
    expiresAtMs: now + 300 * day,
    stale: false,
    apps: 3,
  };
}

function viewOf(app: AppDescription, more: Partial<AppView> = {}): AppView {
  return {
    app,
    state: "running",
    wanted: "running",
    openUrl: `/api/v1/apps/${app.id}/enter?path=%2F`,
    granted: [],
    snapshots: [],
    hasShownSecrets: false,
    installedAtMs: Date.now() - 40 * day,
    ...more,
  };
}

/** What a call got, as the fake device has it. */
export interface AppCall {
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly body: {
    readonly grants?: AppView["granted"];
    readonly settings?: Readonly<Record<string, string>>;
    readonly source?: { readonly catalog?: { readonly app: string }; readonly manifest?: string };
    readonly catalog?: { readonly app: string };
    readonly manifest?: string;
    readonly address?: string;
    readonly publicKey?: string;
  };
  readonly res: ServerResponse;
}

type Answer = { readonly status: number; readonly json?: unknown } | undefined;

export interface FakeAppsOptions {
  readonly publish: (event: DeviceEvent) => void;
  /** Tells `atStep` of each step as it begins. */
  readonly begin: (
    kind: Task["kind"],
    steps: readonly string[],
    end: () => void,
    more?: {
      readonly atStep?: (step: string) => void;
      readonly subject?: string;
      readonly fails?: NonNullable<Task["error"]> | undefined;
    },
  ) => Task;
  readonly refuse: (status: number, code: string, detail: string) => Error;
}

export class FakeApps {
  readonly #options: FakeAppsOptions;
  readonly apps = new Map<string, AppView>();
  readonly trash: TrashedApp[] = [];
  /** How tasks of a kind end instead of well. */
  readonly failing = new Map<Task["kind"], NonNullable<Task["error"]>>();
  /** What keeps the restore drill that is due from being held. */
  drillHeldUp: AppBackupsView["drillHeldUp"];
  catalogs: CatalogState[] = [
    { id: "built-in", builtIn: true, publicKey: "5d6d".repeat(16), index: indexOf({ en: "Piccolo's own" }, 1) },
    {
      id: "neighbours",
      builtIn: false,
      address: "https://apps.example.org/neighbours",
      publicKey: "0b4f9c27".repeat(8),
      fetchedAtMs: Date.now() - 3 * day,
      index: indexOf({ en: "The neighbours' choice" }, 7),
      problem: {
        code: "catalog-unreachable",
        detail: "The catalog's place does not answer, or has no catalog; check the address and try again.",
        atMs: Date.now() - 40 * minute,
      },
    },
  ];
  /** Of each app, oldest first. */
  readonly events: AppEventView[] = [
    { kind: "installed", version: "1.4.1", atMs: Date.now() - 40 * day },
    { kind: "updated", version: "1.4.2", atMs: Date.now() - 9 * day },
    {
      kind: "given-up",
      change: "update",
      version: "1.5.0",
      code: "not-healthy",
      detail: "The app did not answer within 60 seconds.",
      atMs: Date.now() - 3 * day,
    },
    { kind: "backed-up", version: "1.4.2", atMs: Date.now() - day },
    { kind: "ended", service: "web", exitCode: 137, atMs: Date.now() - 50 * minute },
    { kind: "restarted", service: "web", atMs: Date.now() - 49 * minute },
  ];
  /** Of every app that is asked about. */
  readonly obstacles: Preflight["obstacles"] = [];
  /** In backups; to bring back the one called radio there is no room. */
  backedUp: BackedUpApp[] = [];
  /** The settings that were sent last, whatever became of them. */
  sentSettings: Readonly<Record<string, string>> = {};
  readonly #followers = new Set<ServerResponse>();
  readonly #deletedCopies = new Set<string>();
  #lines: AppLogLine[] = [];

  constructor(options: FakeAppsOptions) {
    this.#options = options;
    this.apps.set(
      "notes",
      viewOf(notes, {
        granted: ["internet"],
        hasShownSecrets: true,
        update: {
          version: "2.0.0",
          newGrants: [
            { kind: "public-paths", reason: { en: "To share a note by a link" }, required: false, paths: ["/s/*"] },
          ],
          missingSettings: missing,
        },
      }),
    );
    this.apps.set(
      "gallery",
      viewOf(gallery, {
        state: "failed",
        problem: {
          code: "not-healthy",
          detail: "The app did not answer within 60 seconds.",
          nextStep: "The app was started and does not answer; look at what it said.",
          hasLog: true,
        },
        rollback: { version: "3.0", takenAtMs: Date.now() - 3 * day },
      }),
    );
    const trashedAtMs = Date.now() - 2 * day;
    this.trash.push({ id: "trash-1", app: radio, trashedAtMs, purgeAtMs: trashedAtMs + 30 * day, nameTaken: false });
    for (const [at, text] of [
      "Listening on port 8080",
      "GET / 200",
      "Error: the mail server does not answer",
      "GET /n/12 200",
    ].entries()) {
      this.#lines.push({
        service: "web",
        atMs: Date.now() - (10 - at) * minute,
        stream: at === 2 ? "err" : "out",
        text,
      });
    }
  }

  /** How many pages follow a log. */
  get logFollowers(): number {
    return this.#followers.size;
  }

  /** The app says a line now. */
  say(text: string): void {
    const line: AppLogLine = { service: "web", atMs: Date.now(), stream: "out", text };
    this.#lines.push(line);
    for (const res of this.#followers) res.write(`event: line\ndata: ${JSON.stringify(line)}\n\n`);
  }

  #found(id: string | undefined): AppView {
    const view = this.apps.get(id ?? "");
    if (view === undefined)
      throw this.#options.refuse(404, "app-not-found", "There is no app of that name on this device.");
    return view;
  }

  #put(view: AppView): void {
    this.apps.set(view.app.id, view);
    this.#options.publish({ type: "app", id: view.app.id });
  }

  /** Through a state with steps to what it is then. */
  #change(
    kind: Task["kind"],
    view: AppView,
    state: AppView["state"],
    steps: readonly string[],
    then: (view: AppView) => AppView,
  ): Answer {
    const { problem: _problem, ...rest } = view;
    const atStep = (step: string): void => {
      const amounts = step === "Fetching" ? { doneBytes: 18 * MiB, totalBytes: 62 * MiB } : {};
      this.#put({ ...rest, state, step, ...amounts });
    };
    const more = { atStep, subject: view.app.id, fails: this.failing.get(kind) };
    const task = this.#options.begin(kind, steps, () => this.#put(then(rest)), more);
    return { status: 202, json: task };
  }

  /** What is refused only after it was taken, before anything of the app changes. */
  #breakingOff(kind: Task["kind"], subject: string): Answer {
    const fails = this.failing.get(kind);
    if (fails === undefined) return undefined;
    const task = this.#options.begin(kind, ["Reading the backup"], () => undefined, { subject, fails });
    return { status: 202, json: task };
  }

  readonly handlers: Readonly<Record<string, (call: AppCall) => Answer>> = {
    "GET /apps": () => ({ status: 200, json: { apps: [...this.apps.values()] } }),
    "GET /apps/{id}": ({ params }) => ({ status: 200, json: this.#found(params["id"]) }),
    "GET /catalogs": () => ({ status: 200, json: { catalogs: this.catalogs } }),
    "POST /catalogs": ({ body: { address = "", publicKey = "" } }) => {
      if (publicKey === otherKey)
        throw this.#options.refuse(422, "catalog-signature", "The catalog is not signed by that key.");
      const id = publicKey.slice(0, 16);
      const index = { ...indexOf({ en: "Village library" }, 4), apps: 5 };
      this.catalogs.push({ id, builtIn: false, address, publicKey, fetchedAtMs: Date.now(), index });
      return { status: 201, json: { id } };
    },
    "POST /catalogs/{id}/renew": ({ params }) => {
      const { problem: _problem, ...found } = this.#addedCatalog(params["id"]);
      this.catalogs = this.catalogs.map((one) =>
        one.id === found.id
          ? { ...found, fetchedAtMs: Date.now(), index: indexOf({ en: "The neighbours' choice" }, 8) }
          : one,
      );
      return { status: 204 };
    },
    "DELETE /catalogs/{id}": ({ params }) => {
      const found = this.#addedCatalog(params["id"]);
      this.catalogs = this.catalogs.filter((one) => one !== found);
      return { status: 204 };
    },
    "GET /catalog": ({ query }) => ({ status: 200, json: this.#catalog((query.get("q") ?? "").toLowerCase()) }),
    "POST /apps/preflight": ({ body }) => ({ status: 200, json: this.#preflight(body) }),
    "POST /apps/translate": ({ body }) => ({
      status: 200,
      json: fakeTranslation({ files: [], ...(body as Partial<AppDefinition>) }),
    }),
    "POST /apps": ({ body: { grants = [], settings = {} } }) => {
      this.sentSettings = settings;
      return this.#change(
        "install-app",
        viewOf(radio, { granted: grants }),
        "installing",
        ["Preparing", "Fetching", "Starting"],
        (view) => ({
          ...view,
          state: "running",
        }),
      );
    },
    "POST /apps/{id}/start": ({ params }) =>
      this.#change(
        "start-app",
        { ...this.#found(params["id"]), wanted: "running" },
        "starting",
        ["Starting"],
        (view) => ({
          ...view,
          state: "running",
        }),
      ),
    "POST /apps/{id}/stop": ({ params }) =>
      this.#change(
        "stop-app",
        { ...this.#found(params["id"]), wanted: "stopped" },
        "stopping",
        ["Stopping"],
        (view) => ({
          ...view,
          state: "stopped",
        }),
      ),
    "POST /apps/{id}/retry": ({ params }) => {
      const view = this.#found(params["id"]);
      return view.wanted === "running"
        ? this.#change("start-app", view, "starting", ["Starting"], (then) => ({ ...then, state: "running" }))
        : this.#change("stop-app", view, "stopping", ["Stopping"], (then) => ({ ...then, state: "stopped" }));
    },
    "DELETE /apps/{id}/notices/{noticeId}": ({ params }) => {
      const { problem, ...rest } = this.#found(params["id"]);
      if (problem !== undefined && problem.notice === params["noticeId"]) this.#put(rest);
      return { status: 204 };
    },
    "POST /apps/{id}/update": ({ params, body: { grants = [], settings = {}, manifest } }) => {
      this.sentSettings = settings;
      const before = this.#found(params["id"]);
      const { update: offered, ...rest } = before;
      const update = manifest === undefined ? offered : this.#preflight({ manifest }).app;
      if (update === undefined)
        throw this.#options.refuse(409, "source-unclear", "No catalog of this device has another version.");
      return this.#change("update-app", rest, "updating", ["Fetching", "Copying its data", "Starting"], (view) => ({
        ...view,
        app: { ...view.app, version: update.version },
        state: "running",
        granted: [...view.granted, ...grants],
        rollback: { version: before.app.version, takenAtMs: Date.now() },
      }));
    },
    "POST /apps/{id}/rollback": ({ params }) => {
      const { rollback, ...rest } = this.#found(params["id"]);
      if (rollback === undefined) throw this.#options.refuse(409, "no-rollback", "There is no version to go back to.");
      const now = rest.app.version;
      return this.#change(
        "roll-back-app",
        rest,
        "rolling-back",
        ["Stopping", "Putting its data back", "Starting"],
        (view) => ({
          ...view,
          app: { ...view.app, version: rollback.version },
          state: "running",
          rollback: { version: now, takenAtMs: Date.now() },
        }),
      );
    },
    "POST /apps/{id}/configure": ({ params, body: { grants, settings = {} } }) => {
      this.sentSettings = settings;
      const before = this.#found(params["id"]);
      const set = before.app.settings.map((setting) => {
        const value = setting.kind === "password" ? undefined : settings[setting.name];
        return value === undefined ? setting : { ...setting, value };
      });
      return this.#change("configure-app", before, "updating", ["Copying its data", "Starting"], (view) => ({
        ...view,
        app: { ...view.app, settings: set },
        granted: grants ?? view.granted,
        state: "running",
      }));
    },
    "POST /apps/{id}/backup": ({ params }) =>
      this.#breakingOff("back-up-app", params["id"] ?? "") ??
      this.#change("back-up-app", this.#found(params["id"]), "backing-up", ["Copying its data"], (view) => ({
        ...view,
        state: "running",
      })),
    "GET /apps/{id}/backups": ({ params }) => ({ status: 200, json: this.#backups(this.#found(params["id"])) }),
    "DELETE /apps/{id}/snapshots/{snapshotId}": ({ params }) => {
      this.#deletedCopies.add(params["snapshotId"] ?? "");
      this.#options.publish({ type: "app", id: this.#found(params["id"]).app.id });
      return { status: 204 };
    },
    "DELETE /apps/{id}/rollback": ({ params }) => {
      const { rollback, ...rest } = this.#found(params["id"]);
      if (rollback === undefined) throw this.#options.refuse(409, "no-rollback", "There is no version to go back to.");
      this.apps.set(rest.app.id, rest);
      this.#options.publish({ type: "app", id: rest.app.id });
      return { status: 204 };
    },
    "GET /app-backups": () => ({
      status: 200,
      json: {
        apps: this.backedUp.map((one) => ({ ...one, inTrash: this.trash.some(({ app }) => app.id === one.app) })),
      },
    }),
    "POST /app-backups/{id}/restore": ({ params }) => {
      const found = this.backedUp.find(({ backups }) => backups.some(({ id }) => id === params["id"]));
      const subject = found?.app ?? "notes";
      const brokenOff = this.#breakingOff("restore-app", subject);
      if (brokenOff !== undefined) return brokenOff;
      if (found === undefined) throw this.#options.refuse(404, "backup-not-found", "There is no such backup.");
      if (found.app === "radio") throw this.#options.refuse(507, "disk-full", "The disk is full.");
      return this.#change(
        "restore-app",
        viewOf({ ...gallery, id: found.app, name: found.name }),
        "restoring",
        ["Fetching the backup"],
        (view) => view,
      );
    },
    "POST /app-backups/{id}/drill": () => {
      const fails = this.failing.get("drill-app");
      const more = { subject: "notes", fails };
      return { status: 202, json: this.#options.begin("drill-app", ["Reading the backup"], () => undefined, more) };
    },
    "DELETE /app-backups/{id}": ({ params }) => {
      this.backedUp = this.backedUp
        .map((one) => ({ ...one, backups: one.backups.filter(({ id }) => id !== params["id"]) }))
        .filter(({ backups }) => backups.length > 0);
      this.#options.publish({ type: "app", id: "" });
      return { status: 204 };
    },
    "DELETE /apps/{id}": ({ params }) => {
      const view = this.#found(params["id"]);
      return this.#change("uninstall-app", view, "removing", ["Stopping"], (gone) => {
        const trashedAtMs = Date.now();
        this.trash.unshift({
          id: `trash-${trashedAtMs}`,
          app: gone.app,
          trashedAtMs,
          purgeAtMs: trashedAtMs + 30 * day,
          nameTaken: false,
        });
        queueMicrotask(() => this.#gone(gone.app.id));
        return { ...gone, state: "removing" };
      });
    },
    "GET /app-trash": () => ({
      status: 200,
      json: { apps: this.trash.map((one) => ({ ...one, nameTaken: this.apps.has(one.app.id) })) },
    }),
    "POST /app-trash/{id}/restore": ({ params }) => {
      const at = this.trash.findIndex(({ id }) => id === params["id"]);
      const [found] = at < 0 ? [] : this.trash.splice(at, 1);
      if (found === undefined)
        throw this.#options.refuse(404, "app-not-found", "There is no such app in the trash any more.");
      return this.#change(
        "restore-app",
        viewOf(found.app),
        "restoring",
        ["Putting its data back", "Starting"],
        (view) => ({
          ...view,
          state: "running",
        }),
      );
    },
    "DELETE /app-trash/{id}": ({ params }) => {
      const task = this.#options.begin("purge-app", ["Deleting"], () => {
        const at = this.trash.findIndex(({ id }) => id === params["id"]);
        const [found] = at < 0 ? [] : this.trash.splice(at, 1);
        this.#options.publish({ type: "app", id: found?.app.id ?? "" });
      });
      return { status: 202, json: task };
    },
    "GET /apps/{id}/secrets": () => ({
      status: 200,
      json: {
        secrets: [{ name: "admin", label: { en: "First password of the administrator" }, value: "kf7-Q2m-94x" }],
      },
    }),
    "GET /apps/{id}/logs/follow": ({ query, res }) => {
      const wanted = (query.get("q") ?? "").toLowerCase();
      res.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
      res.write("retry: 2000\n\n");
      for (const line of this.#lines) {
        if (line.text.toLowerCase().includes(wanted)) res.write(`event: line\ndata: ${JSON.stringify(line)}\n\n`);
      }
      this.#followers.add(res);
      res.on("close", () => this.#followers.delete(res));
      return undefined;
    },
    "GET /apps/{id}/problem-log": () => ({
      status: 200,
      json: {
        truncated: false,
        lines: [
          { service: "web", atMs: Date.now() - minute, stream: "out", text: "Reading 3,118 pictures" },
          { service: "web", atMs: Date.now() - minute, stream: "err", text: "No room for previews is left" },
        ],
      },
    }),
    "GET /apps/{id}/events": () => ({ status: 200, json: { events: this.events.toReversed(), restarts: 1 } }),
    "GET /apps/{id}/resources": () => ({
      status: 200,
      json: {
        memoryLimitBytes: 256 * MiB,
        diskBytes: 42 * MiB,
        diskLimitBytes: 64 * MiB,
        points: Array.from({ length: 60 }, (_, at) => ({
          atMs: Date.now() - (60 - at) * 5_000,
          milliCpus: Math.round(60 + 50 * Math.sin(at / 4)),
          memoryBytes: Math.round((90 + 20 * Math.sin(at / 9)) * MiB),
          receivedBytes: at * 50_000,
          sentBytes: at * 400_000,
          readBytes: at * 10_000,
          writtenBytes: at * 30_000,
          // Of two moments it is not known.
          ...(at === 20 || at === 21 ? {} : { diskBytes: Math.round((12 + at / 2) * MiB) }),
        })),
      },
    }),
  };

  #gone(id: string): void {
    this.apps.delete(id);
    this.#options.publish({ type: "app", id });
  }

  #backups({ app }: AppView): AppBackupsView {
    if (app.volumes.length === 0) return { state: "none", backups: [] };
    const takenAtMs = Date.now() - 5 * 60 * minute;
    return {
      ...(this.drillHeldUp === undefined ? {} : { drillHeldUp: this.drillHeldUp }),
      state: "saved",
      lastAtMs: takenAtMs,
      nextAtMs: takenAtMs + day,
      backups: [
        {
          id: "b2",
          takenAtMs,
          version: app.version,
          cause: "backup",
          place: "network",
          sizeBytes: 42 * MiB,
          newBytes: MiB,
          imageOnlyHere: false,
        } as const,
        {
          id: "b1",
          takenAtMs: takenAtMs - day,
          version: app.version,
          cause: "update",
          place: "device",
          imageOnlyHere: false,
        } as const,
      ].filter(({ id }) => !this.#deletedCopies.has(id)),
    };
  }

  #addedCatalog(id: string | undefined): CatalogState {
    const found = this.catalogs.find((one) => one.id === id && !one.builtIn);
    if (found === undefined) throw this.#options.refuse(404, "catalog-not-found", "This device has no such catalog.");
    return found;
  }

  #catalog(query: string): CatalogView {
    const entries = [notes, gallery, radio]
      .filter(({ name, summary }) => `${name["en"] ?? ""} ${summary["en"] ?? ""}`.toLowerCase().includes(query))
      .map((app) => ({
        catalog: "built-in",
        app,
        ...(this.apps.has(app.id)
          ? { blocked: { reason: "already-installed" as const, detail: "It is installed already." } }
          : {}),
        downloadBytes: 62 * MiB,
        offline: false,
      }));
    return {
      catalogs: this.catalogs.flatMap(({ id, index }) =>
        id === undefined || index === undefined ? [] : [{ id, title: index.title, stale: index.stale }],
      ),
      categories: ["media", "writing"],
      entries,
    };
  }

  #preflight({ manifest }: AppCall["body"]): Preflight {
    const facts = { vouchedFor: manifest === undefined, freeBytes: 80_000 * MiB, freeMemoryBytes: 2_000 * MiB };
    if (manifest === undefined)
      return { ...facts, app: radio, problems: [], obstacles: this.obstacles, downloadBytes: 62 * MiB };
    const id = /^ {2}id: ([a-z]+)$/m.exec(manifest)?.[1];
    const version = /^ {2}version: "([^"]+)"$/m.exec(manifest)?.[1] ?? "1";
    if (id !== undefined && !manifest.includes("ports:"))
      return {
        ...facts,
        app: { ...(id === "notes" ? notes : radio), id, version },
        ...(id === "notes" && this.apps.has(id) ? { missingSettings: missing } : {}),
        problems: [],
        obstacles: this.obstacles,
      };
    const problem = {
      code: "host-port",
      path: "/services/web/ports",
      line: 4,
      column: 5,
      reason: "No app takes a port of the device.",
      advice: "Leave ports out; name the port in x-piccolo.",
    };
    return { ...facts, problems: [problem], obstacles: [] };
  }
}

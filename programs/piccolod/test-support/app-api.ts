/** The interface of apps on a device in memory, as a client with a session meets it. */
import type { Task } from "@piccolo/device-api";
import { realWorld } from "@piccolo/world/real";
import { createLog } from "../src/adapters/log.ts";
import { mountAppBackups } from "../src/apps/backup/routes.ts";
import { CatalogStore } from "../src/apps/catalog-store.ts";
import { Catalogs, type CatalogSource } from "../src/apps/catalogs.ts";
import { mountApps } from "../src/apps/routes.ts";
import { controlMigrations } from "../src/db/control-schema.ts";
import { ownerMigrations } from "../src/db/owner-schema.ts";
import { openDatabase } from "../src/db/database.ts";
import { apiPrefix } from "../src/http/api.ts";
import { createApp } from "../src/http/app.ts";
import { noLockGate } from "../src/http/lock-gate.ts";
import { TaskStore } from "../src/tasks/store.ts";
import { Tasks } from "../src/tasks/tasks.ts";
import type { AppDevice } from "./app-device.ts";

export interface AppReply<T> {
  readonly status: number;
  readonly body: T;
}

export interface AppApi {
  readonly ask: <T>(method: string, path: string, body?: unknown) => Promise<AppReply<T>>;
  /** The task as it is once it has ended. */
  readonly ended: (task: Task) => Promise<Task>;
}

async function readAs<T>(reply: Response): Promise<AppReply<T>> {
  const text = await reply.text();
  return { status: reply.status, body: (text === "" ? undefined : JSON.parse(text)) as T };
}

export interface AppApiOptions {
  readonly sources?: readonly CatalogSource[];
  readonly freeMemoryBytes?: () => number;
}

/** Of the device as it is now; one that is started again has another. */
export function appApi(
  { apps, backups, drills, world }: AppDevice,
  { sources = [], freeMemoryBytes = () => 1e12 }: AppApiOptions = {},
): AppApi {
  const db = openDatabase(":memory:", { name: "control", synchronous: "NORMAL", migrations: controlMigrations });
  const owner = openDatabase(":memory:", { name: "owner", synchronous: "NORMAL", migrations: ownerMigrations });
  const log = createLog(
    () => undefined,
    () => world.nowMs(),
  );
  const waiting = new Map<string, (task: Task) => void>();
  const tasks = new Tasks({
    store: new TaskStore(db),
    world: realWorld,
    log,
    changed: (task) => {
      if (task.state !== "running") waiting.get(task.id)?.(task);
    },
  });
  const catalogs = new Catalogs({
    sources,
    store: new CatalogStore(db, owner),
    facts: { architecture: "amd64", osVersion: "0.1.0", hasImage: () => false },
    fetch: () => Promise.reject(new Error("nothing is fetched")),
    log,
    mayWork: () => true,
    world,
  });
  const bundled = { has: () => false, open: () => undefined };
  const api = createApp({ log, lockGate: noLockGate });
  mountApps(api, { apps, tasks, catalogs, freeMemoryBytes });
  mountAppBackups(api, { apps, backups, drills, bundled, tasks, world });
  return {
    ask: async (method, path, body) => {
      const text = body === undefined ? undefined : JSON.stringify(body);
      const length = text === undefined ? 0 : Buffer.byteLength(text);
      const reply = await api.request(
        `http://device${apiPrefix}${path}`,
        {
          method,
          headers: { "content-type": "application/json", "content-length": String(length) },
          ...(text === undefined ? {} : { body: text }),
        },
        { caller: { remote: "a test", session: undefined } },
      );
      return readAs(reply);
    },
    ended: (task) =>
      new Promise<Task>((resolve) => {
        waiting.set(task.id, resolve);
        const now = tasks.get(task.id);
        if (now.state !== "running") resolve(now);
      }),
  };
}

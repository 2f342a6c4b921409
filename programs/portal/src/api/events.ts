/** What an event of the device means for what the page has cached. Pure: the event stream runs it. */
import type { DeviceEvent, DeviceEventType } from "@piccolo/device-api";
import { keys, type CacheKey } from "./keys.ts";
import type { Reading } from "./reading.ts";

export interface EventEffects {
  /** Values the event brought along. */
  readonly set: readonly { readonly key: CacheKey; readonly value: unknown }[];
  /** What has to be read again, if anyone looks at it. */
  readonly stale: readonly CacheKey[];
}

const types: Readonly<Record<DeviceEventType, true>> = {
  network: true,
  clock: true,
  files: true,
  upload: true,
  "upload-gone": true,
  placement: true,
  task: true,
  app: true,
  security: true,
  resync: true,
};

export const eventTypes = Object.keys(types) as readonly DeviceEventType[];

/** Undefined for what this version of the portal does not know: a newer device may send more. */
export function parseEvent(type: string, data: string): DeviceEvent | undefined {
  if (!Object.hasOwn(types, type)) return undefined;
  try {
    const body: unknown = data === "" ? {} : JSON.parse(data);
    if (typeof body !== "object" || body === null || Array.isArray(body)) return undefined;
    return { ...body, type } as DeviceEvent;
  } catch {
    return undefined;
  }
}

/** Everything that may have changed while nobody listened. */
export const everything: readonly CacheKey[] = [
  keys.status,
  keys.session,
  keys.security,
  keys.boot,
  keys.network,
  keys.invitations,
  keys.listings,
  keys.searches,
  keys.trash,
  keys.nodes,
  keys.versions,
  keys.placements,
  keys.uploads,
  keys.tasks,
  ["task"],
  keys.apps,
  ["app"],
  keys.catalog,
  keys.catalogs,
  keys.appTrash,
  keys.appBackups,
];

/** Lists that come in pages, and are renewed page by page from the top. */
const paged: ReadonlySet<string | undefined> = new Set([keys.listings[0], keys.searches[0], keys.trash[0]]);

/**
 * What of the stale may be read again at once. A long list that is just being read comes afterwards: events may come
 * faster than it is read, and each would begin it anew. So does what is read for the first time: the query client would
 * wait for the answer that is on its way, which may be older than the event, and take it for fresh.
 */
export const readNow = (stale: readonly CacheKey[], readingOf: (key: CacheKey) => Reading): readonly CacheKey[] =>
  stale.filter((key) => {
    const reading = readingOf(key);
    return reading === "not" || (reading === "again" && !paged.has(key[0]));
  });

export function effectsOf(event: DeviceEvent): EventEffects {
  switch (event.type) {
    case "network":
      // Who is online decides what can be read and how much may be lost.
      return {
        set: [{ key: keys.network, value: event.network }],
        stale: [keys.placements],
      };
    case "clock":
      return { set: [], stale: [keys.status, keys.network] };
    case "files":
      return {
        set: [],
        stale: [
          ...event.folders.map((folder) => (folder === "trash" ? keys.trash : keys.listing(folder))),
          keys.searches,
          keys.nodes,
          keys.versions,
        ],
      };
    case "upload":
      return { set: [], stale: [] };
    case "upload-gone":
      return { set: [], stale: [keys.uploads] };
    case "placement":
      return {
        set: [],
        stale: [
          ...(event.nodes === undefined
            ? [keys.placements, keys.nodes]
            : event.nodes.flatMap((node) => [keys.placement(node), keys.node(node)])),
          keys.listings,
          keys.searches,
        ],
      };
    case "security":
      return { set: [], stale: [keys.status, keys.session, keys.security, keys.boot] };
    case "app":
      return { set: [], stale: [keys.apps, keys.app(event.id), keys.catalog, keys.appTrash, keys.appBackups] };
    case "task":
      return { set: [{ key: keys.task(event.task.id), value: event.task }], stale: [keys.tasks] };
    default:
      return { set: [], stale: everything };
  }
}

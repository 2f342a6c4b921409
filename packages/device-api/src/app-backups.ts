/** Backups of apps in the storage network: what is shown of them, and the operations, part of the contract in `routes.ts`. */
import { z } from "@hono/zod-openapi";
import { LocalizedText } from "./apps.ts";
import { accepted, id, nothing, ok, route } from "./route-parts.ts";

/** Why something did not work: what happened, and what to do, each a sentence. */
export const AppTrouble = z
  .object({ code: z.string(), detail: z.string(), nextStep: z.string() })
  .openapi("AppTrouble");
export type AppTrouble = z.infer<typeof AppTrouble>;

export const AppBackup = z
  .object({
    id: z.string(),
    takenAtMs: z.number(),
    version: z.string(),
    cause: z.enum(["update", "configure", "rollback", "restore", "backup"]),
    /** `network`: spread over other members' devices; `device`: it lies on this device alone, until it is stored. */
    place: z.enum(["network", "device"]),
    /** Of the app's data; absent where it lies on the device alone. */
    sizeBytes: z.number().optional(),
    /** Of that, what no earlier backup had. */
    newBytes: z.number().optional(),
    /** Its image is on this device alone: on another one its data comes back, and it cannot be started. */
    imageOnlyHere: z.boolean(),
  })
  .openapi("AppBackup");
export type AppBackup = z.infer<typeof AppBackup>;

/** A restored copy was started beside the app, and asked whether it works. */
export const RestoreDrill = z
  .object({
    atMs: z.number(),
    /** Which backup it was. */
    backup: z.string(),
    backupAtMs: z.number(),
    /** Absent where the copy worked. */
    trouble: AppTrouble.optional(),
    /** Compared with what was stored. */
    comparedBytes: z.number(),
    tookMs: z.number(),
  })
  .openapi("RestoreDrill");
export type RestoreDrill = z.infer<typeof RestoreDrill>;

export const AppBackupsView = z
  .object({
    /**
     * `saved`: the newest backup is in the network and no other is due; `saving`: one is under way; `waiting`: for something
     * that `trouble` names and that comes by itself; `failing`: the last try failed, and it is tried again; `none`: there is
     * none yet.
     */
    state: z.enum(["none", "saved", "saving", "waiting", "failing"]),
    /** Of the newest in the network. */
    lastAtMs: z.number().optional(),
    /** When the next one is made by itself; absent while it waits for something else. */
    nextAtMs: z.number().optional(),
    trouble: AppTrouble.optional(),
    progress: z.object({ step: z.string(), doneBytes: z.number(), totalBytes: z.number() }).optional(),
    /** Newest first. */
    backups: z.array(AppBackup),
    drill: RestoreDrill.optional(),
    /** Why the drill that is due could not be held so far; it is tried again every few minutes. */
    drillHeldUp: AppTrouble.optional(),
  })
  .openapi("AppBackupsView");
export type AppBackupsView = z.infer<typeof AppBackupsView>;

/** An app of which there are backups in the network, whether it is installed or not. */
export const BackedUpApp = z
  .object({
    app: z.string(),
    name: LocalizedText,
    installed: z.boolean(),
    /** Uninstalled, and its data is still on this device: newer than any backup. */
    inTrash: z.boolean(),
    /** In the network, newest first. */
    backups: z.array(AppBackup),
  })
  .openapi("BackedUpApp");
export type BackedUpApp = z.infer<typeof BackedUpApp>;

export const BackedUpAppList = z.object({ apps: z.array(BackedUpApp) }).openapi("BackedUpAppList");
export type BackedUpAppList = z.infer<typeof BackedUpAppList>;

export const appBackupRoutes = {
  "GET /apps/{id}/backups": route({
    method: "get",
    path: "/apps/{id}/backups",
    request: { params: id },
    responses: ok("The app's backups, when the next one is made, and why not", AppBackupsView),
  }),
  "GET /app-backups": route({
    method: "get",
    path: "/app-backups",
    responses: ok("Apps with backups in the network, also those that are not on this device", BackedUpAppList),
  }),
  "POST /app-backups/{id}/restore": route({
    method: "post",
    path: "/app-backups/{id}/restore",
    request: { params: id },
    responses: accepted,
  }),
  "POST /app-backups/{id}/drill": route({
    method: "post",
    path: "/app-backups/{id}/drill",
    request: { params: id },
    responses: accepted,
  }),
  "DELETE /app-backups/{id}": route({
    method: "delete",
    path: "/app-backups/{id}",
    request: { params: id },
    responses: nothing,
  }),
} as const;

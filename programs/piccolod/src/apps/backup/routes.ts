import { routes, type Task } from "@piccolo/device-api";
import type { World } from "@piccolo/world";
import type { Api } from "../../http/api.ts";
import type { Tasks } from "../../tasks/tasks.ts";
import type { Apps } from "../apps.ts";
import type { BundledImages } from "../image-source.ts";
import type { AppBackups } from "./app-backups.ts";
import type { RestoreDrills } from "./restore-drills.ts";
import { backupFaults, unproven } from "./types.ts";
import { backedUpApps, backupsView, shown } from "./views.ts";

export interface AppBackupRouteOptions {
  readonly apps: Apps;
  readonly backups: AppBackups;
  readonly drills: RestoreDrills;
  readonly bundled: BundledImages;
  readonly tasks: Tasks;
  readonly world: Pick<World, "nowMs">;
}

export function mountAppBackups(
  api: Api,
  { apps, backups, drills, bundled, tasks, world }: AppBackupRouteOptions,
): void {
  api.openapi(routes["GET /apps/{id}/backups"], (c) => {
    const { id } = c.req.valid("param");
    const { record } = apps.get(id);
    const next = backups.next(record);
    const progress = backups.progress(id);
    const [stored, notes] = [backups.kept.ofApp(id), backups.notes(id)];
    return c.json(backupsView({ record, stored, notes, next, progress, bundled, nowMs: world.nowMs() }), 200);
  });

  api.openapi(routes["DELETE /apps/{id}/snapshots/{snapshotId}"], async (c) => {
    const { id, snapshotId } = c.req.valid("param");
    await backups.copies.delete(id, snapshotId);
    return c.body(null, 204);
  });

  api.openapi(routes["DELETE /apps/{id}/rollback"], async (c) => {
    await backups.copies.deleteRollback(c.req.valid("param").id);
    return c.body(null, 204);
  });

  api.openapi(routes["GET /app-backups"], (c) => {
    const installed = new Set(apps.look().map(({ app }) => app.record.app));
    const trashed = new Set(apps.trash().map(({ trash }) => trash.app));
    return c.json({ apps: backedUpApps(backups.kept.all(), installed, trashed) }, 200);
  });

  api.openapi(routes["POST /apps/{id}/backup"], (c) => {
    const { id } = c.req.valid("param");
    const { record } = apps.get(id);
    if (record.change !== undefined || record.current === undefined) {
      throw backupFaults.fault("app-changing", "the app is being changed: wait until that has ended");
    }
    const task = tasks.start({
      kind: "back-up-app",
      subject: id,
      step: "Copying its data",
      cancellable: true,
      work: async (progress) => {
        const { place, trouble } = await backups.backUpNow(id, progress);
        return { app: id, place, ...(trouble === undefined ? {} : { trouble: shown(trouble) }) };
      },
    });
    return c.json(task, 202);
  });

  api.openapi(routes["POST /app-backups/{id}/restore"], (c) => {
    const { id } = c.req.valid("param");
    const { app } = backups.kept.get(id);
    const task = tasks.start({
      kind: "restore-app",
      subject: app,
      step: "Reading the backup",
      cancellable: false,
      work: async ({ signal, report }): ReturnType<Parameters<Tasks["start"]>[0]["work"]> => {
        const { backup, document } = await backups.kept.read(id, signal);
        backups.restored.restore(backup, document);
        await apps.settled(app, report, signal);
        return { app };
      },
    });
    return c.json(task satisfies Task, 202);
  });

  api.openapi(routes["POST /app-backups/{id}/drill"], (c) => {
    const { id } = c.req.valid("param");
    const { app } = backups.kept.get(id);
    const task = tasks.start({
      kind: "drill-app",
      subject: app,
      step: "Reading the backup",
      cancellable: true,
      work: async (progress) => {
        const { trouble, comparedBytes } = await drills.drill(id, progress);
        if (trouble !== undefined && trouble.code !== unproven)
          throw backupFaults.fault("drill-failed", trouble.detail);
        return { app, comparedBytes };
      },
    });
    return c.json(task, 202);
  });

  api.openapi(routes["DELETE /app-backups/{id}"], async (c) => {
    await backups.kept.delete(c.req.valid("param").id);
    return c.body(null, 204);
  });
}

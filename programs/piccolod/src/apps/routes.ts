import type { AppManifest } from "@piccolo/app-manifest";
import { type AppLogLine, type AppView, routes, type Task } from "@piccolo/device-api";
import { type Fault, isFault } from "@piccolo/fault";
import { type Api, apiPrefix } from "../http/api.ts";
import { sendPage, wantsPage } from "../http/page.ts";
import type { StreamCall } from "../http/server.ts";
import type { Tasks } from "../tasks/tasks.ts";
import { throwFirst } from "./admission.ts";
import { type AppLook, type Apps, describedOf } from "./apps.ts";
import { manifestOf, mountCatalog } from "./catalog-routes.ts";
import { type Catalogs, shownId } from "./catalogs.ts";
import { parseManifest } from "./parse.ts";
import { type AppHosts, localPath } from "./proxy/app-hosts.ts";
import { appFaults } from "./types.ts";
import { appView, trashView, troubleOf } from "./views.ts";

const defaultLines = 200;

export interface AppRouteOptions {
  readonly apps: Apps;
  readonly tasks: Tasks;
  readonly catalogs: Catalogs;
  readonly freeMemoryBytes: () => number;
}

export function mountApps(api: Api, { apps, tasks, catalogs, freeMemoryBytes }: AppRouteOptions): void {
  const view = (look: AppLook): AppView => {
    const { record } = look.app;
    const path = new URLSearchParams({ path: describedOf(record).manifest.web?.startPath ?? "/" });
    const entry = `${apiPrefix}/apps/${record.app}/enter?${path.toString()}`;
    const newer = record.change === undefined ? catalogs.newer(describedOf(record)) : undefined;
    const { catalog } = describedOf(record);
    return appView(look, {
      entry,
      usedBytes: apps.usedBytes(record.app),
      icon: catalogs.iconOf(describedOf(record)),
      update: newer === undefined ? undefined : { manifest: newer, missing: apps.missingSettings(newer) ?? [] },
      catalog: catalog === undefined ? undefined : { id: shownId(catalog), title: catalogs.titleOf(catalog) },
    });
  };
  const lookAt = (id: string): AppLook => {
    const look = apps.look().find(({ app }) => app.record.app === id);
    if (look === undefined)
      throw appFaults.fault(
        "app-not-found",
        "there is no app of that name on this device; look at the list of apps again",
      );
    return look;
  };
  /**
   * What was asked for is in the record; the task follows what becomes of it. Where one of the kind follows it already, it is that one:
   * a request that has been taken is not refused.
   */
  const follow = (kind: Task["kind"], app: string, step: string): Task =>
    tasks.running(kind, app) ??
    tasks.start({
      kind,
      subject: app,
      step,
      cancellable: false,
      work: async ({ report, signal }) => {
        await apps.settled(app, report, signal);
        return { app };
      },
    });

  mountCatalog(api, { apps, catalogs, freeMemoryBytes });
  api.openapi(routes["GET /apps"], (c) => c.json({ apps: apps.look().map(view) }, 200));
  api.openapi(routes["GET /apps/{id}"], (c) => {
    return c.json(view(lookAt(c.req.valid("param").id)), 200);
  });

  const roomFor = async (manifest: AppManifest, catalog: string | undefined): Promise<number> =>
    catalogs.imageNeeds({ manifest, catalog }, await apps.imagesHere(manifest)).roomBytes;

  api.openapi(routes["POST /apps"], async (c) => {
    const { source, grants, settings } = c.req.valid("json");
    const { manifest, catalog } = manifestOf(catalogs, source);
    apps.install({ manifest, grants, settings, catalog }, await roomFor(manifest, catalog));
    return c.json(follow("install-app", manifest.id, "Preparing"), 202);
  });
  api.openapi(routes["POST /apps/{id}/start"], (c) => {
    const { id } = c.req.valid("param");
    apps.run(id, "running");
    return c.json(follow("start-app", id, "Starting"), 202);
  });
  api.openapi(routes["POST /apps/{id}/stop"], (c) => {
    const { id } = c.req.valid("param");
    apps.run(id, "stopped");
    return c.json(follow("stop-app", id, "Stopping"), 202);
  });
  api.openapi(routes["POST /apps/{id}/retry"], (c) => {
    const { id } = c.req.valid("param");
    apps.retry(id);
    const isToRun = apps.get(id).record.wanted === "running";
    return c.json(follow(isToRun ? "start-app" : "stop-app", id, "Trying again"), 202);
  });
  api.openapi(routes["DELETE /apps/{id}/notices/{noticeId}"], (c) => {
    const { id, noticeId } = c.req.valid("param");
    apps.dismiss(id, noticeId);
    return c.body(null, 204);
  });
  api.openapi(routes["POST /apps/{id}/update"], async (c) => {
    const { id } = c.req.valid("param");
    const { manifest, grants, settings = {} } = c.req.valid("json");
    const before = describedOf(apps.get(id).record);
    const wanted = manifest === undefined ? catalogs.newer(before) : parseManifest(manifest);
    if (wanted === undefined)
      throw appFaults.fault(
        "source-unclear",
        "its catalog has no other version of the app; look at the app again later, or give a manifest",
      );
    // Whose manifest the owner gave is from no catalog any more.
    const from = manifest === undefined && before.catalog !== undefined ? { catalog: before.catalog } : {};
    apps.update(id, { manifest: wanted, grants, settings, ...from }, await roomFor(wanted, from.catalog));
    return c.json(follow("update-app", id, "Preparing"), 202);
  });
  api.openapi(routes["POST /apps/{id}/rollback"], (c) => {
    const { id } = c.req.valid("param");
    apps.rollBack(id);
    return c.json(follow("roll-back-app", id, "Preparing"), 202);
  });
  api.openapi(routes["POST /apps/{id}/configure"], (c) => {
    const { id } = c.req.valid("param");
    const { grants, settings } = c.req.valid("json");
    apps.configure(id, {
      ...(grants === undefined ? {} : { grants }),
      ...(settings === undefined ? {} : { settings }),
    });
    return c.json(follow("configure-app", id, "Preparing"), 202);
  });
  api.openapi(routes["POST /apps/{id}/snapshots/{snapshotId}/restore"], (c) => {
    const { id, snapshotId } = c.req.valid("param");
    apps.restore(id, snapshotId);
    return c.json(follow("restore-app", id, "Preparing"), 202);
  });
  api.openapi(routes["DELETE /apps/{id}"], (c) => {
    const { id } = c.req.valid("param");
    apps.remove(id);
    return c.json(follow("uninstall-app", id, "Stopping"), 202);
  });

  api.openapi(routes["GET /app-trash"], (c) => {
    const names = new Set(apps.look().map(({ app }) => app.record.app));
    return c.json({ apps: apps.trash().map((one) => trashView(one, names.has(one.trash.app))) }, 200);
  });
  api.openapi(routes["POST /app-trash/{id}/restore"], (c) => {
    const app = apps.restoreFromTrash(c.req.valid("param").id);
    return c.json(follow("restore-app", app, "Preparing"), 202);
  });
  api.openapi(routes["DELETE /app-trash/{id}"], (c) => {
    const { id } = c.req.valid("param");
    apps.purge(id);
    const task = tasks.start({
      kind: "purge-app",
      subject: id,
      step: "Deleting",
      cancellable: false,
      work: async ({ signal }) => {
        await apps.purged(id, signal);
        return undefined;
      },
    });
    return c.json(task, 202);
  });

  api.openapi(routes["GET /apps/{id}/secrets"], (c) => {
    const secrets = apps.shownSecrets(c.req.valid("param").id);
    return c.json({ secrets: secrets.map((one) => ({ ...one, label: { ...one.label } })) }, 200);
  });

  api.openapi(routes["GET /apps/{id}/logs"], async (c) => {
    const { id } = c.req.valid("param");
    const { service, limit = defaultLines, q } = c.req.valid("query");
    const readPart = async (name: string): Promise<readonly AppLogLine[]> => {
      const found: AppLogLine[] = [];
      // One more than shown, to know whether there are more; a search goes through all that is kept.
      const range = q === undefined ? { tail: limit + 1 } : {};
      for await (const { stream, atMs, text } of apps.logsOf(await apps.logSource(id, name), range)) {
        if (q !== undefined && !text.toLowerCase().includes(q.toLowerCase())) continue;
        found.push({ service: name, atMs, stream: stream === "stdout" ? "out" : "err", text });
        if (found.length > 2 * limit) found.splice(0, found.length - limit - 1);
      }
      return found.slice(-limit - 1);
    };
    const lines: AppLogLine[] = [];
    const names = apps.logParts(id).filter((one) => service === undefined || one === service);
    const missing: Fault[] = [];
    for (const name of names) {
      try {
        lines.push(...(await readPart(name)));
      } catch (error) {
        // While the app starts, some of its parts have no container yet.
        if (!isFault(error, "container-missing")) throw error;
        missing.push(error);
      }
    }
    if (missing.length === names.length) throwFirst(missing);
    const sorted = lines.sort((a, b) => a.atMs - b.atMs);
    return c.json({ lines: sorted.slice(-limit), truncated: sorted.length > limit }, 200);
  });

  api.openapi(routes["GET /apps/{id}/problem-log"], (c) => {
    const { app, lane } = lookAt(c.req.valid("param").id);
    const { said = [] } = troubleOf(app.record, lane.waiting) ?? {};
    return c.json({ lines: said.map((line) => ({ ...line })), truncated: false }, 200);
  });

  api.openapi(routes["GET /apps/{id}/events"], (c) => {
    const { events, restarts } = apps.happened(c.req.valid("param").id);
    return c.json({ events: [...events], restarts }, 200);
  });

  api.openapi(routes["GET /apps/{id}/resources"], async (c) => {
    const { id } = c.req.valid("param");
    const { manifest } = describedOf(apps.get(id).record);
    const memoryLimitBytes = manifest.services.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0);
    const diskBytes = Object.values(apps.usedBytes(id)).reduce((sum, bytes) => sum + bytes, 0);
    const diskLimitBytes = Object.values(apps.boundBytes(id)).reduce((sum, bytes) => sum + bytes, 0);
    return c.json({ points: [...apps.series(id)], memoryLimitBytes, diskBytes, diskLimitBytes }, 200);
  });
}

/**
 * The way from the portal to an app. A browser that another site led here keeps the session to itself; a page of the
 * portal's own that asks once more makes it show it.
 */
export function enterApp(apps: Apps, hosts: AppHosts): (call: StreamCall) => Promise<void> {
  return async ({ req, res, caller, params: [id = ""], query }) => {
    const path = localPath(query.get("path"));
    res.setHeader("cache-control", "no-store");
    if (caller.session !== undefined) {
      try {
        apps.get(id);
      } catch (error) {
        if (!isFault(error) || !wantsPage(req)) throw error;
        sendPage(req, res, error, {
          title: "This app is not on the device any more",
          text: "What was uninstalled waits for 30 days on the page Apps, under Uninstalled.",
          link: { name: "To the apps", href: "/#/apps" },
        });
        return;
      }
      res.writeHead(303, { location: hosts.entryOf(id, caller.session, path) });
      res.end();
      return;
    }
    if (query.get("again") === null) {
      const again = `${(req.url ?? "").split("?")[0]}?${new URLSearchParams({ path, again: "1" }).toString()}`;
      res.writeHead(200, { "content-type": "text/html; charset=utf-8" });
      res.end(
        `<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0;url=${again.replaceAll("&", "&amp;")}">`,
      );
      return;
    }
    res.writeHead(303, { location: `/?${new URLSearchParams({ open: id, path }).toString()}` });
    res.end();
  };
}

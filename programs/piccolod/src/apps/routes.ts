import type { AppManifest } from "@piccolo/app-manifest";
import { type AppLogLine, type AppView, routes } from "@piccolo/device-api";
import { type Api, apiPrefix } from "../http/api.ts";
import type { StreamCall } from "../http/server.ts";
import type { Tasks } from "../tasks/tasks.ts";
import type { AppLook, Apps } from "./apps.ts";
import { type AppHosts, localPath } from "./proxy/app-hosts.ts";
import { appFaults } from "./types.ts";
import { appView } from "./views.ts";

const defaultLines = 200;
const searchedLines = 5_000;

export interface AppRouteOptions {
  readonly apps: Apps;
  readonly tasks: Tasks;
  /** Throws a fault that names what the manifest has that is not taken. */
  readonly parse: (text: string) => AppManifest;
}

export function mountApps(api: Api, { apps, tasks, parse }: AppRouteOptions): void {
  const view = (look: AppLook): AppView => {
    const { id, manifest } = look.record;
    const path = new URLSearchParams({ path: manifest.web?.startPath ?? "/" });
    return appView(look, { entry: `${apiPrefix}/apps/${id}/enter?${path.toString()}`, usedBytes: apps.usedBytes(id) });
  };

  api.openapi(routes["GET /apps"], async (c) => c.json({ apps: (await apps.look()).map(view) }, 200));
  api.openapi(routes["GET /apps/{id}"], async (c) => {
    const { id } = c.req.valid("param");
    apps.get(id);
    const look = (await apps.look()).find(({ record }) => record.id === id);
    if (look === undefined) throw appFaults.fault("app-not-found", "there is no app of that name on this device");
    return c.json(view(look), 200);
  });

  api.openapi(routes["POST /apps"], (c) => {
    const { source, grants, settings } = c.req.valid("json");
    if (source.manifest === undefined || source.catalog !== undefined) {
      throw appFaults.fault("source-unclear", "an app comes from a manifest here");
    }
    const app = apps.admit(parse(source.manifest), { grants, settings });
    const task = tasks.start({
      kind: "install-app",
      subject: app.id,
      step: "Preparing",
      cancellable: true,
      work: async (progress) => {
        await apps.install(app, progress);
        return { app: app.id };
      },
    });
    return c.json(task, 202);
  });

  api.openapi(routes["POST /apps/{id}/start"], (c) => {
    const { id } = c.req.valid("param");
    apps.get(id);
    const task = tasks.start({
      kind: "start-app",
      subject: id,
      step: "Starting",
      cancellable: false,
      work: async (progress) => {
        await apps.startApp(id, progress);
        return { app: id };
      },
    });
    return c.json(task, 202);
  });

  api.openapi(routes["POST /apps/{id}/stop"], (c) => {
    const { id } = c.req.valid("param");
    apps.get(id);
    const task = tasks.start({
      kind: "stop-app",
      subject: id,
      step: "Stopping",
      cancellable: false,
      work: async () => {
        await apps.stopApp(id);
        return { app: id };
      },
    });
    return c.json(task, 202);
  });

  api.openapi(routes["DELETE /apps/{id}"], (c) => {
    const { id } = c.req.valid("param");
    apps.get(id);
    const task = tasks.start({
      kind: "uninstall-app",
      subject: id,
      step: "Removing",
      cancellable: false,
      work: async () => {
        await apps.uninstall(id, true);
        return { app: id };
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
    const { manifest } = apps.get(id);
    const names = manifest.services.map(({ name }) => name);
    const lines: AppLogLine[] = [];
    for (const name of names.filter((one) => service === undefined || one === service)) {
      // One more than shown, to know whether there are more.
      for await (const { stream, atMs, text } of apps.logs(id, name, {
        tail: q === undefined ? limit + 1 : searchedLines,
      })) {
        if (q !== undefined && !text.includes(q)) continue;
        lines.push({ service: name, atMs, stream: stream === "stdout" ? "out" : "err", text });
      }
    }
    const sorted = lines.sort((a, b) => a.atMs - b.atMs);
    return c.json({ lines: sorted.slice(-limit), truncated: sorted.length > limit }, 200);
  });

  api.openapi(routes["GET /apps/{id}/resources"], async (c) => {
    const { id } = c.req.valid("param");
    const { manifest } = apps.get(id);
    const memoryLimitBytes = manifest.services.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0);
    const diskBytes = Object.values(apps.usedBytes(id)).reduce((sum, bytes) => sum + bytes, 0);
    return c.json({ points: [...apps.series(id)], memoryLimitBytes, diskBytes }, 200);
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
      apps.get(id);
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

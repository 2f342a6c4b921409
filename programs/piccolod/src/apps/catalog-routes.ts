/** What can be installed, and what an install would need. Nothing is changed here. */
import { type AppManifest, checkManifest } from "@piccolo/app-manifest";
import { fromHex } from "@piccolo/bytes";
import { type AppSource, type Preflight, routes } from "@piccolo/device-api";
import type { Api } from "../http/api.ts";
import type { Apps } from "./apps.ts";
import type { Catalogs } from "./catalogs.ts";
import { parseManifest } from "./parse.ts";
import { appFaults } from "./types.ts";
import { describeApp } from "./views.ts";

export interface CatalogRouteOptions {
  readonly apps: Apps;
  readonly catalogs: Catalogs;
  readonly freeMemoryBytes: () => number;
}

/** What an install may take: an entry nothing stands in the way of, or a manifest the owner vouches for. */
export function manifestOf(
  catalogs: Catalogs,
  { catalog, manifest }: AppSource,
): { readonly manifest: AppManifest; readonly catalog?: string } {
  if ((catalog === undefined) === (manifest === undefined)) {
    throw appFaults.fault("source-unclear", "an app comes from a catalog or from a manifest");
  }
  if (catalog !== undefined) return catalogs.installable(catalog.catalog, catalog.app);
  return { manifest: parseManifest(manifest ?? "") };
}

export function mountCatalog(api: Api, { apps, catalogs, freeMemoryBytes }: CatalogRouteOptions): void {
  const installed = (): ReadonlySet<string> => new Set(apps.look().map(({ app }) => app.record.app));

  api.openapi(routes["GET /catalog"], (c) => {
    const { q = "", category, language = "en" } = c.req.valid("query");
    return c.json(catalogs.view({ words: q, category, language }, installed()), 200);
  });

  api.openapi(routes["GET /catalogs"], (c) => c.json({ catalogs: [...catalogs.states()] }, 200));
  api.openapi(routes["POST /catalogs"], async (c) => {
    const { address, publicKey } = c.req.valid("json");
    const id = await catalogs.add(address, fromHex(publicKey));
    return c.json({ id }, 201);
  });
  api.openapi(routes["POST /catalogs/{id}/renew"], async (c) => {
    await catalogs.renew(c.req.valid("param").id);
    return c.body(null, 204);
  });
  api.openapi(routes["DELETE /catalogs/{id}"], (c) => {
    catalogs.remove(c.req.valid("param").id);
    return c.body(null, 204);
  });

  const obstaclesOf = (manifest: AppManifest): Preflight["obstacles"] => {
    const obstacles: Preflight["obstacles"] = [];
    if (installed().has(manifest.id)) {
      obstacles.push({ code: "name-taken", detail: "An app of this name is installed; uninstall it first." });
    }
    if (apps.trash().some(({ trash }) => trash.app === manifest.id)) {
      obstacles.push({
        code: "in-trash",
        detail: "Data of an earlier install lies in the trash; it can be restored instead.",
      });
    }
    const needed = manifest.services.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0);
    if (needed > freeMemoryBytes()) {
      obstacles.push({ code: "too-little-memory", detail: "It may need more memory than the device has free." });
    }
    return obstacles;
  };

  api.openapi(routes["POST /apps/preflight"], (c) => {
    const { catalog, manifest: text } = c.req.valid("json");
    if ((catalog === undefined) === (text === undefined)) {
      throw appFaults.fault("source-unclear", "an app comes from a catalog or from a manifest");
    }
    const free = { freeBytes: apps.freeBytes(), freeMemoryBytes: freeMemoryBytes() };
    if (catalog !== undefined) {
      const { app, blocked } = catalogs.entry(catalog.catalog, catalog.app);
      const obstacles = obstaclesOf(app.manifest);
      if (blocked !== undefined) obstacles.unshift({ code: blocked.reason, detail: blocked.detail });
      return c.json({ app: describeApp(app.manifest), problems: [], vouchedFor: true, ...free, obstacles }, 200);
    }
    const { manifest, problems } = checkManifest(text ?? "");
    if (manifest === undefined) {
      const listed = problems.map(({ place, ...problem }) => ({ ...problem, ...place }));
      return c.json({ problems: listed, vouchedFor: false, ...free, obstacles: [] }, 200);
    }
    const obstacles = obstaclesOf(manifest);
    const unsuited = catalogs.unsuited(manifest);
    if (unsuited !== undefined) obstacles.unshift({ code: unsuited.reason, detail: unsuited.detail });
    return c.json({ app: describeApp(manifest), problems: [], vouchedFor: false, ...free, obstacles }, 200);
  });
}

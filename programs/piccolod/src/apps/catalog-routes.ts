/** What can be installed, and what an install would need. Nothing is changed here. */
import { type AppManifest, checkManifest } from "@piccolo/app-manifest";
import { fromHex } from "@piccolo/bytes";
import { type AppSource, type Preflight, routes } from "@piccolo/device-api";
import type { Api } from "../http/api.ts";
import type { Apps } from "./apps.ts";
import type { Catalogs } from "./catalogs.ts";
import { parseManifest } from "./parse.ts";
import { sentence } from "./step-failure.ts";
import { mountTranslate } from "./translate.ts";
import { appFaults } from "./types.ts";
import { describeApp, settingView } from "./views.ts";

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
    throw appFaults.fault("source-unclear", "an app comes from a catalog or from a manifest; give one of the two");
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

  mountTranslate(api);
  /** What would refuse the install comes first, then what the owner had better know. */
  const obstaclesOf = (manifest: AppManifest, roomBytes: number, isSeen: boolean): Preflight["obstacles"] => {
    const obstacles: Preflight["obstacles"] = apps
      .refusals(manifest, roomBytes)
      .map(({ code, message }) => ({ code: obstacleOf(code), detail: sentence(message) }));
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
    if (!isSeen) {
      obstacles.push({
        code: "runtime-unavailable",
        detail: "What runs the apps does not answer at the moment; it is waited for.",
      });
    }
    return obstacles;
  };
  const needsOf = async (manifest: AppManifest, catalog: string | undefined) => {
    const here = await apps.imagesHere(manifest);
    const { downloadBytes, roomBytes } = catalogs.imageNeeds({ manifest, catalog }, here);
    const missing = apps.missingSettings(manifest);
    return {
      needs: {
        ...(downloadBytes === undefined ? {} : { downloadBytes }),
        ...(missing === undefined ? {} : { missingSettings: missing.map((setting) => settingView(setting)) }),
      },
      obstacles: obstaclesOf(manifest, roomBytes, here !== undefined),
    };
  };

  api.openapi(routes["POST /apps/preflight"], async (c) => {
    const { catalog, manifest: text } = c.req.valid("json");
    if ((catalog === undefined) === (text === undefined)) {
      throw appFaults.fault("source-unclear", "an app comes from a catalog or from a manifest; give one of the two");
    }
    const free = { freeBytes: apps.freeBytes(), freeMemoryBytes: freeMemoryBytes() };
    if (catalog !== undefined) {
      const { app, blocked, catalog: from } = catalogs.entry(catalog.catalog, catalog.app);
      const { needs, obstacles } = await needsOf(app.manifest, from);
      if (blocked?.reason === "digest-unverified") obstacles.unshift({ code: blocked.reason, detail: blocked.detail });
      return c.json(
        { app: describeApp(app.manifest), problems: [], vouchedFor: true, ...free, ...needs, obstacles },
        200,
      );
    }
    const { manifest, problems } = checkManifest(text ?? "");
    if (manifest === undefined) {
      const listed = problems.map(({ place, ...problem }) => ({ ...problem, ...place }));
      return c.json({ problems: listed, vouchedFor: false, ...free, obstacles: [] }, 200);
    }
    const { needs, obstacles } = await needsOf(manifest, undefined);
    return c.json({ app: describeApp(manifest), problems: [], vouchedFor: false, ...free, ...needs, obstacles }, 200);
  });
}

type ObstacleCode = Preflight["obstacles"][number]["code"];

/** By the fault an install would throw. */
const obstacleCodes: Readonly<Record<string, ObstacleCode>> = {
  "app-name-taken": "name-taken",
  "app-name-reserved": "name-reserved",
  "app-too-large": "too-large",
  "too-many-apps": "too-many-apps",
  "no-room": "too-little-space",
  "room-promised": "room-promised",
  "wrong-architecture": "wrong-architecture",
  "needs-newer-os": "needs-newer-os",
};

function obstacleOf(code: string): ObstacleCode {
  const known = obstacleCodes[code];
  if (known === undefined) throw new Error(`an install is refused as ${code}, and no obstacle says so`);
  return known;
}

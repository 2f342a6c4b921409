/** The operations of apps, part of the contract in `routes.ts`. Each change answers 202 with the task that does it. */
import { z } from "@hono/zod-openapi";
import {
  AppConfigure,
  AppEventList,
  AppInstall,
  AppList,
  AppLog,
  AppResources,
  AppSource,
  AppUpdate,
  AppView,
  CatalogList,
  CatalogView,
  NewCatalog,
  Preflight,
  ShownSecrets,
  TrashedAppList,
} from "./apps.ts";
import { accepted, body, created, id, nothing, ok, route } from "./route-parts.ts";

export const appRoutes = {
  "GET /catalog": route({
    method: "get",
    path: "/catalog",
    request: {
      query: z.object({
        /** Words that name, summary or categories contain. */
        q: z.string().max(100).optional(),
        category: z.string().max(64).optional(),
        language: z.string().max(20).optional(),
      }),
    },
    responses: ok("What can be installed, from all catalogs", CatalogView),
  }),
  "GET /catalogs": route({
    method: "get",
    path: "/catalogs",
    responses: ok("The catalogs of the device, and how each is; those that came with it first", CatalogList),
  }),
  "POST /catalogs": route({
    method: "post",
    path: "/catalogs",
    request: { body: body(NewCatalog) },
    responses: created("It is there, with what it has now", z.object({ id: z.string() })),
  }),
  "POST /catalogs/{id}/renew": route({
    method: "post",
    path: "/catalogs/{id}/renew",
    request: { params: id },
    responses: nothing,
  }),
  "DELETE /catalogs/{id}": route({
    method: "delete",
    path: "/catalogs/{id}",
    request: { params: id },
    responses: nothing,
  }),
  "POST /apps/preflight": route({
    method: "post",
    path: "/apps/preflight",
    request: { body: body(AppSource) },
    responses: ok("What an install would need, and what stands in its way", Preflight),
  }),
  "GET /apps": route({ method: "get", path: "/apps", responses: ok("What is installed", AppList) }),
  "POST /apps": route({
    method: "post",
    path: "/apps",
    request: { body: body(AppInstall) },
    responses: accepted,
  }),
  "GET /apps/{id}": route({
    method: "get",
    path: "/apps/{id}",
    request: { params: id },
    responses: ok("One app", AppView),
  }),
  "POST /apps/{id}/start": route({
    method: "post",
    path: "/apps/{id}/start",
    request: { params: id },
    responses: accepted,
  }),
  "POST /apps/{id}/stop": route({
    method: "post",
    path: "/apps/{id}/stop",
    request: { params: id },
    responses: accepted,
  }),
  /** Another try of what failed; whether it runs afterwards is as it was wanted. */
  "POST /apps/{id}/retry": route({
    method: "post",
    path: "/apps/{id}/retry",
    request: { params: id },
    responses: accepted,
  }),
  /** Puts that problem away, and no later one; again is harmless. */
  "DELETE /apps/{id}/notices/{noticeId}": route({
    method: "delete",
    path: "/apps/{id}/notices/{noticeId}",
    request: { params: id.extend({ noticeId: z.string().max(64) }) },
    responses: nothing,
  }),
  "POST /apps/{id}/update": route({
    method: "post",
    path: "/apps/{id}/update",
    request: {
      params: id,
      body: body(AppUpdate),
    },
    responses: accepted,
  }),
  "POST /apps/{id}/rollback": route({
    method: "post",
    path: "/apps/{id}/rollback",
    request: { params: id },
    responses: accepted,
  }),
  "POST /apps/{id}/configure": route({
    method: "post",
    path: "/apps/{id}/configure",
    request: { params: id, body: body(AppConfigure) },
    responses: accepted,
  }),
  "POST /apps/{id}/backup": route({
    method: "post",
    path: "/apps/{id}/backup",
    request: { params: id },
    responses: accepted,
  }),
  "POST /apps/{id}/snapshots/{snapshotId}/restore": route({
    method: "post",
    path: "/apps/{id}/snapshots/{snapshotId}/restore",
    request: { params: id.extend({ snapshotId: z.string().max(64) }) },
    responses: accepted,
  }),
  "DELETE /apps/{id}/snapshots/{snapshotId}": route({
    method: "delete",
    path: "/apps/{id}/snapshots/{snapshotId}",
    request: { params: id.extend({ snapshotId: z.string().max(64) }) },
    responses: nothing,
  }),
  /** What the version before, and its data, takes: the app cannot go back to it any more. */
  "DELETE /apps/{id}/rollback": route({
    method: "delete",
    path: "/apps/{id}/rollback",
    request: { params: id },
    responses: nothing,
  }),
  "DELETE /apps/{id}": route({
    method: "delete",
    path: "/apps/{id}",
    request: { params: id },
    responses: accepted,
  }),
  "GET /apps/{id}/secrets": route({
    method: "get",
    path: "/apps/{id}/secrets",
    request: { params: id },
    responses: ok("Generated values that the app shows to its owner", ShownSecrets),
  }),
  "GET /apps/{id}/logs": route({
    method: "get",
    path: "/apps/{id}/logs",
    request: {
      params: id,
      query: z.object({
        /** Searched for in all that is kept of the log, in whatever case. */
        q: z.string().max(200).optional(),
        service: z.string().max(64).optional(),
        limit: z.coerce.number().int().min(1).max(2000).optional(),
      }),
    },
    responses: ok("The newest lines", AppLog),
  }),
  "GET /apps/{id}/problem-log": route({
    method: "get",
    path: "/apps/{id}/problem-log",
    request: { params: id },
    responses: ok("What a version that did not come up said last; empty where its problem has no log", AppLog),
  }),
  "GET /apps/{id}/resources": route({
    method: "get",
    path: "/apps/{id}/resources",
    request: { params: id },
    responses: ok("Processor, memory, network and disk", AppResources),
  }),
  "GET /apps/{id}/events": route({
    method: "get",
    path: "/apps/{id}/events",
    request: { params: id },
    responses: ok("What has happened to the app", AppEventList),
  }),
  "GET /app-trash": route({
    method: "get",
    path: "/app-trash",
    responses: ok("Uninstalled apps whose data is still here", TrashedAppList),
  }),
  "POST /app-trash/{id}/restore": route({
    method: "post",
    path: "/app-trash/{id}/restore",
    request: { params: id },
    responses: accepted,
  }),
  "DELETE /app-trash/{id}": route({
    method: "delete",
    path: "/app-trash/{id}",
    request: { params: id },
    responses: accepted,
  }),
} as const;

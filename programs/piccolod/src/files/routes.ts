import { type Placement, routes } from "@piccolo/device-api";
import type { Api } from "../http/api.ts";
import type { Files } from "./files.ts";
import type { Purge } from "./purge.ts";
import type { Uploads } from "./uploads.ts";

export interface FileRouteOptions {
  readonly files: Files;
  readonly uploads: Uploads;
  readonly purge: Purge;
  readonly placement: (id: string) => Placement;
}

export function mountFiles(api: Api, { files, uploads, purge, placement }: FileRouteOptions): void {
  api.openapi(routes["GET /files"], (c) => c.json(files.list(c.req.valid("query")), 200));
  api.openapi(routes["GET /files/search"], (c) => c.json(files.search(c.req.valid("query")), 200));
  api.openapi(routes["POST /files/folders"], (c) => c.json(files.createFolder(c.req.valid("json")), 201));
  api.openapi(routes["GET /files/{id}"], (c) => c.json(files.get(c.req.valid("param").id), 200));
  api.openapi(routes["PATCH /files/{id}"], (c) => {
    return c.json(files.change(c.req.valid("param").id, c.req.valid("json")), 200);
  });
  api.openapi(routes["DELETE /files/{id}"], (c) => {
    files.delete(c.req.valid("param").id);
    return c.body(null, 204);
  });

  api.openapi(routes["GET /files/{id}/versions"], (c) => {
    return c.json({ versions: files.versions(c.req.valid("param").id) }, 200);
  });
  api.openapi(routes["POST /files/{id}/versions/{versionId}/restore"], (c) => {
    const { id, versionId } = c.req.valid("param");
    return c.json(files.restoreVersion(id, versionId), 200);
  });
  api.openapi(routes["DELETE /files/{id}/versions/{versionId}"], (c) => {
    const { id, versionId } = c.req.valid("param");
    files.deleteVersion(id, versionId);
    return c.body(null, 204);
  });
  api.openapi(routes["GET /files/{id}/placement"], (c) => c.json(placement(c.req.valid("param").id), 200));

  api.openapi(routes["GET /trash"], (c) => c.json(files.trash(c.req.valid("query")), 200));
  api.openapi(routes["POST /trash/{id}/restore"], (c) => c.json(files.restore(c.req.valid("param").id), 200));
  api.openapi(routes["DELETE /trash/{id}"], async (c) => {
    await purge.one(c.req.valid("param").id);
    return c.body(null, 204);
  });
  api.openapi(routes["DELETE /trash"], (c) => c.json(purge.all(), 202));

  api.openapi(routes["GET /uploads"], (c) => c.json({ uploads: uploads.list() }, 200));
  api.openapi(routes["POST /uploads/{id}/check"], (c) => {
    return c.json(uploads.check(c.req.valid("param").id, c.req.valid("json")), 200);
  });
}

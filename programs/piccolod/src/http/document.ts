import { type RouteConfig, z } from "@hono/zod-openapi";
import { Problem, routes } from "@piccolo/device-api";
import { createApi } from "./api.ts";

const id = z.object({ id: z.string().max(64) });
const refused = { description: "Refused", content: { "application/problem+json": { schema: Problem } } };
const tusVersion = z.object({ "tus-resumable": z.literal("1.0.0") });
const header = (description: string) => ({ description, schema: { type: "string" as const } });
const bytes = (description: string) => ({ description, schema: { type: "integer" as const } });
const offset = { "upload-offset": bytes("End of what is committed"), "upload-length": bytes("The whole") };
const finished = {
  "piccolo-node": header("The file, once the upload is complete"),
  "piccolo-placement": header("`durable` or `pending`"),
  "piccolo-backup": header("`waiting` where too few members have witnessed the file yet; absent otherwise"),
};
const binary = { "application/octet-stream": { schema: { type: "string" as const, format: "binary" } } };

/** What streams, and is therefore served without the JSON router. */
const streamed: readonly RouteConfig[] = [
  {
    method: "post",
    path: "/uploads",
    request: {
      headers: tusVersion.extend({
        "upload-length": z.string(),
        "upload-metadata": z.string().openapi({
          description: "tus pairs: filename, parent, mediaType, modifiedMs, onConflict (refuse, version, rename)",
        }),
      }),
    },
    responses: {
      201: {
        description: "Announced; complete at once without bytes",
        headers: { location: header("Path"), ...finished },
      },
      default: refused,
    },
  },
  {
    method: "head",
    path: "/uploads/{id}",
    request: { params: id, headers: tusVersion },
    responses: { 200: { description: "Where it goes on", headers: { ...offset, ...finished } }, default: refused },
  },
  {
    method: "patch",
    path: "/uploads/{id}",
    request: {
      params: id,
      headers: tusVersion.extend({
        "upload-offset": z.string(),
        "piccolo-prefix-blake3": z.string().optional().openapi({ description: "Hex, of all bytes before the offset" }),
      }),
      body: { content: { "application/offset+octet-stream": { schema: { type: "string", format: "binary" } } } },
    },
    responses: { 204: { description: "Taken in", headers: { ...offset, ...finished } }, default: refused },
  },
  {
    method: "delete",
    path: "/uploads/{id}",
    request: { params: id, headers: tusVersion },
    responses: { 204: { description: "Forgotten" }, default: refused },
  },
  {
    method: "get",
    path: "/files/{id}/content",
    request: {
      params: id,
      query: z.object({ version: z.string().optional(), download: z.literal("1").optional() }),
      headers: z.object({ range: z.string().optional(), "if-range": z.string().optional() }),
    },
    responses: {
      200: { description: "The whole file", content: binary },
      206: { description: "One range of it", content: binary },
      304: { description: "Not changed since the tag in if-none-match" },
      default: refused,
    },
  },
  {
    method: "get",
    path: "/events",
    responses: {
      200: {
        description: "Server-sent events, typed as DeviceEvent in packages/device-api/src/events.ts",
        content: { "text/event-stream": { schema: { type: "string" } } },
      },
      default: refused,
    },
  },
  {
    method: "get",
    path: "/apps/{id}/logs/follow",
    request: {
      params: z.object({ id: z.string() }),
      query: z.object({ q: z.string().max(200).optional(), service: z.string().max(64).optional() }),
    },
    responses: {
      200: {
        description: "The newest lines that match, then those that come: events `line`, each an AppLogLine",
        content: { "text/event-stream": { schema: { type: "string" } } },
      },
      default: refused,
    },
  },
];

/** The OpenAPI 3.1 document of a device, as docs/api/piccolod.json has it. */
export function buildDocument(): unknown {
  const api = createApi();
  for (const route of [...Object.values(routes), ...streamed]) api.openAPIRegistry.registerPath(route);
  api.openAPIRegistry.registerComponent("securitySchemes", "session", {
    type: "apiKey",
    in: "cookie",
    name: "piccolo_<device name>",
    description:
      "Set by POST /claim and POST /session. Changes also need the device's own Origin, and the session's `csrf` in " +
      "the header x-piccolo-csrf. They accept an idempotency-key, for which the first reply is given again.",
  });
  return api.getOpenAPI31Document({
    openapi: "3.1.0",
    info: {
      title: "Piccolo device",
      version: "1",
      description: "What piccolod answers below /api/v1. Refusals are problems (RFC 9457) with a stable `code`.",
      license: { name: "Apache-2.0" },
    },
    servers: [{ url: "/api/v1" }],
    security: [{ session: [] }],
  });
}

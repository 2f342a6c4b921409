import { routes } from "@piccolo/device-api";
import type { Api } from "../http/api.ts";
import type { Tasks } from "./tasks.ts";

export function mountTasks(api: Api, tasks: Tasks): void {
  api.openapi(routes["GET /tasks"], (c) => c.json({ tasks: [...tasks.list()] }, 200));
  api.openapi(routes["GET /tasks/{id}"], (c) => c.json(tasks.get(c.req.valid("param").id), 200));
  api.openapi(routes["DELETE /tasks/{id}"], async (c) => c.json(await tasks.cancel(c.req.valid("param").id), 200));
}

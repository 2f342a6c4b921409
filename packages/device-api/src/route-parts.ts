/** What the operations of the contract are written with. */
import { createRoute, type RouteConfig, z } from "@hono/zod-openapi";
import { Problem } from "./problem.ts";
import { Task } from "./tasks.ts";

export const json = <S extends z.ZodType>(schema: S) => ({ content: { "application/json": { schema } } });
export const body = <S extends z.ZodType>(schema: S) => ({ ...json(schema), required: true });
export const problem = {
  description: "Refused",
  content: { "application/problem+json": { schema: Problem } },
} as const;
export const ok = <S extends z.ZodType>(description: string, schema: S) => ({
  200: { description, ...json(schema) },
  default: problem,
});
export const created = <S extends z.ZodType>(description: string, schema: S) => ({
  201: { description, ...json(schema) },
  default: problem,
});
export const accepted = { 202: { description: "The task that does it", ...json(Task) }, default: problem };
export const nothing = { 204: { description: "Done" }, default: problem };
export const id = z.object({ id: z.string().max(64) });

export function route<const R extends RouteConfig>(config: R) {
  return createRoute(config);
}

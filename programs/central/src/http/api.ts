import type { HttpBindings } from "@hono/node-server";
import { OpenAPIHono } from "@hono/zod-openapi";
import { centralFaults } from "@piccolo/central-api";
import type { Context } from "hono";
import type { Caller } from "../accounts/types.ts";

export interface ApiEnvironment {
  Bindings: HttpBindings;
  Variables: {
    caller: Caller;
    /** Who calls, as far as addresses tell: what limits count by. */
    remote: string;
  };
}

export type Api = OpenAPIHono<ApiEnvironment>;
export type ApiContext = Context<ApiEnvironment>;

/** A router whose contract violations are faults; they name the field, never its value. */
export function createApi(): Api {
  return new OpenAPIHono<ApiEnvironment>({
    defaultHook: (result) => {
      if (result.success) return;
      const [issue] = result.error.issues;
      const where = issue?.path.join(".") ?? "";
      throw centralFaults.fault("malformed", `the call breaks its contract at ${where === "" ? "its body" : where}`);
    },
  });
}

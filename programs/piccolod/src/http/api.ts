import type { HttpBindings } from "@hono/node-server";
import { OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { SessionInfo } from "../auth/types.ts";
import { httpFaults } from "./faults.ts";

/** Who sends a request, as the door has found out. */
export interface Caller {
  readonly remote: string;
  /** Present wherever the door asks for one. */
  readonly session: SessionInfo | undefined;
}

export const apiPrefix = "/api/v1";

export interface ApiEnvironment {
  Bindings: HttpBindings & { readonly caller: Caller };
}

export type Api = OpenAPIHono<ApiEnvironment>;
export type ApiContext = Context<ApiEnvironment>;

/** A router whose contract violations are faults; they name the place, never its value. */
export function createApi(): Api {
  return new OpenAPIHono<ApiEnvironment>({
    // The contract's paths begin below the prefix.
    getPath: (request) => new URL(request.url).pathname.slice(apiPrefix.length),
    defaultHook: (result) => {
      if (result.success) return;
      const [issue] = result.error.issues;
      const place = issue?.path.join(".") ?? "";
      const where = place === "" ? "its body" : place;
      throw httpFaults.fault(
        "invalid-request",
        `the request does not fit the interface at ${where}; correct what you typed, or reload the page and try again`,
        {
          details: { place },
        },
      );
    },
  });
}

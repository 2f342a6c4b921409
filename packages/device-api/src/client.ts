/** The typed client of a device: no code of the contracts is loaded, only their types, so that a browser pays nothing. */
import type { z } from "@hono/zod-openapi";
import type { Problem } from "./problem.ts";
import type { RouteName, Routes } from "./routes.ts";

type RequestOf<N extends RouteName> = Routes[N] extends { readonly request: infer R } ? R : object;
type ParamsOf<R> = R extends { readonly params: infer S extends z.ZodType } ? { readonly params: z.input<S> } : object;
type QueryOf<R> = R extends { readonly query: infer S extends z.ZodType } ? { readonly query?: z.output<S> } : object;
type BodyOf<R> = R extends {
  readonly body: { readonly content: { readonly "application/json": { readonly schema: infer S extends z.ZodType } } };
}
  ? { readonly body: z.input<S> }
  : object;
type JsonOf<A> = A extends {
  readonly content: { readonly "application/json": { readonly schema: infer S extends z.ZodType } };
}
  ? z.output<S>
  : undefined;

export type CallInput<N extends RouteName> = ParamsOf<RequestOf<N>> & QueryOf<RequestOf<N>> & BodyOf<RequestOf<N>>;
export type CallOutput<N extends RouteName> = Routes[N]["responses"] extends { readonly 200: infer A }
  ? JsonOf<A>
  : Routes[N]["responses"] extends { readonly 201: infer A }
    ? JsonOf<A>
    : Routes[N]["responses"] extends { readonly 202: infer A }
      ? JsonOf<A>
      : undefined;

/** A refusal of the device. `problem.code` is what programs decide by. */
export class DeviceRefusal extends Error {
  readonly problem: Problem;
  constructor(problem: Problem) {
    super(problem.detail);
    this.problem = problem;
  }
}

export interface DeviceClientOptions {
  /** Up to and including /api/v1. */
  readonly baseUrl: string;
  readonly fetch: (input: string, init: RequestInit) => Promise<Response>;
  /** The token of the current session, empty when there is none. */
  readonly csrf: () => string;
  /** Told of each success: the path below `baseUrl`, and a way to read a header of the reply. */
  readonly answered?: (method: string, path: string, header: (name: string) => string | null) => void;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
  /** Makes a repeated mutation harmless: the first reply is given again. */
  readonly idempotencyKey?: string;
}

export interface DeviceClient {
  /** Throws `DeviceRefusal`; a network failure is a refusal with the code `device-unreachable` and status 0. */
  call<N extends RouteName>(name: N, input: CallInput<N>, options?: CallOptions): Promise<CallOutput<N>>;
}

function problemOf(status: number, text: string): Problem {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && "code" in value) return value as Problem;
  } catch {
    // A proxy in between may answer in its own form.
  }
  return {
    type: "about:blank",
    title: "Unexpected reply",
    status,
    code: "unexpected-reply",
    detail: `The device answered with status ${status}. Try again in a moment.`,
    retry: status >= 500,
  };
}

const unreachable: Problem = {
  type: "about:blank",
  title: "Device unreachable",
  status: 0,
  code: "device-unreachable",
  detail: "The device does not answer. Check that it is switched on and that you are in its network.",
  retry: true,
};

export function createDeviceClient(options: DeviceClientOptions): DeviceClient {
  return {
    async call(name, input, callOptions = {}) {
      const { params, query, body } = input as {
        readonly params?: Readonly<Record<string, string>>;
        readonly query?: Readonly<Record<string, string | number | undefined>>;
        readonly body?: unknown;
      };
      const [method = "GET", template = ""] = name.split(" ");
      const path = template.replaceAll(/\{(\w+)\}/g, (_, key: string) => encodeURIComponent(params?.[key] ?? ""));
      const search = new URLSearchParams();
      for (const [key, value] of Object.entries(query ?? {})) if (value !== undefined) search.set(key, String(value));
      const headers: Record<string, string> = { accept: "application/json" };
      if (method !== "GET") headers["x-piccolo-csrf"] = options.csrf();
      if (body !== undefined) headers["content-type"] = "application/json";
      if (callOptions.idempotencyKey !== undefined) headers["idempotency-key"] = callOptions.idempotencyKey;
      let reply: Response;
      try {
        reply = await options.fetch(`${options.baseUrl}${path}${search.size === 0 ? "" : `?${search.toString()}`}`, {
          method,
          headers,
          credentials: "same-origin",
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          ...(callOptions.signal === undefined ? {} : { signal: callOptions.signal }),
        });
      } catch (error) {
        if (callOptions.signal?.aborted === true) throw error;
        throw new DeviceRefusal(unreachable);
      }
      const text = await reply.text();
      if (!reply.ok) throw new DeviceRefusal(problemOf(reply.status, text));
      options.answered?.(method, path, (header) => reply.headers.get(header));
      return (text === "" ? undefined : JSON.parse(text)) as CallOutput<typeof name>;
    },
  };
}

import { z } from "@hono/zod-openapi";

/** The body of every reply that is not a success (RFC 9457), with the code a program may rely on. */
export const Problem = z
  .object({
    type: z.string().max(200),
    title: z.string().max(200),
    status: z.int(),
    /** Kebab-case, stable. */
    code: z.string().regex(/^[a-z][a-z0-9-]{0,63}$/),
    /** One sentence for people that says what to do next. */
    detail: z.string().max(2000),
    /** Whether the same call may succeed later without a change. */
    retry: z.boolean(),
    details: z.record(z.string(), z.unknown()).optional(),
  })
  .openapi("Problem");
export type Problem = z.infer<typeof Problem>;

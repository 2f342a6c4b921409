import { z } from "@hono/zod-openapi";

export const Task = z
  .object({
    id: z.string(),
    kind: z.enum([
      "join-network",
      "found-network",
      "purge-trash",
      "re-key",
      "re-encrypt",
      "recover",
      "reclaim",
      "install-app",
      "start-app",
      "stop-app",
      "uninstall-app",
      "update-app",
      "roll-back-app",
      "configure-app",
      "back-up-app",
      "restore-app",
      "drill-app",
      "purge-app",
    ]),
    /** What it is done to, such as an app's id; two of a kind run at once only where it differs. */
    subject: z.string().optional(),
    state: z.enum(["running", "done", "failed", "cancelled"]),
    /** What is being done now, for people. */
    step: z.string(),
    doneUnits: z.number(),
    /** 0 = not known. */
    totalUnits: z.number(),
    cancellable: z.boolean(),
    startedAtMs: z.number(),
    endedAtMs: z.number().optional(),
    error: z.object({ code: z.string(), detail: z.string() }).optional(),
    result: z.record(z.string(), z.unknown()).optional(),
  })
  .openapi("Task");
export type Task = z.infer<typeof Task>;

export const TaskList = z.object({ tasks: z.array(Task) }).openapi("TaskList");

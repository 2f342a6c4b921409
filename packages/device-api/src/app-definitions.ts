/** Definitions of apps for other systems: how they become manifests, part of the contract in `routes.ts`. */
import { z } from "@hono/zod-openapi";
import { ManifestProblem } from "./apps.ts";
import { body, ok, route } from "./route-parts.ts";

/** Files of one app's definition, and what they do not say. */
export const AppDefinition = z
  .object({
    /** In any order; what is too long is one of the problems that are told. */
    files: z.array(z.string()).min(1).max(2),
    /** Of plain Compose, whose files do not always say these. */
    id: z.string().max(64).optional(),
    name: z.string().max(200).optional(),
    version: z.string().max(200).optional(),
    /** Where the web page is: a service as the definition writes it, and the port in its container. */
    web: z.object({ service: z.string().max(200), port: z.int() }).optional(),
    /** Digests somebody looked up, by the images' names as the definition writes them. */
    digests: z.record(z.string().max(512), z.string().max(200)).optional(),
  })
  .openapi("AppDefinition");
export type AppDefinition = z.infer<typeof AppDefinition>;

/** Nothing is installed by asking, nor looked up anywhere. */
export const AppTranslation = z
  .object({
    /** Whose it is, by its keys; `manifest` needs no translation, and is not looked at here. Absent: nobody's that is known. */
    from: z.enum(["manifest", "compose", "umbrel", "casaos", "runtipi"]).optional(),
    /** The manifest's text; absent where `problems` says why there is none, and where it is one already. */
    manifest: z.string().optional(),
    problems: z.array(ManifestProblem),
    /** What the translation left out, guessed or made. */
    notes: z.array(z.object({ code: z.string(), path: z.string(), text: z.string() })),
    /** The other of the definition's two files, where it is not there. */
    fileMissing: z.string().optional(),
    /** What has to be said beside the definition. */
    unsaid: z.array(z.enum(["id", "name", "version", "web"])),
    /** Images without a digest. */
    undigested: z.array(z.string()),
  })
  .openapi("AppTranslation");
export type AppTranslation = z.infer<typeof AppTranslation>;

export const appDefinitionRoutes = {
  "POST /apps/translate": route({
    method: "post",
    path: "/apps/translate",
    request: { body: body(AppDefinition) },
    responses: ok("A manifest of another system's definition, or why there is none", AppTranslation),
  }),
} as const;

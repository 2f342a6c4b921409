import { engineSchema } from "./engine-schema.ts";
import { filesSchema } from "./files-schema.ts";

/** What the owner would lose with the device: the tree, the wrapped keys, the placements. Never rolled back. */
export const ownerMigrations: readonly string[] = [`${engineSchema}${filesSchema}`];

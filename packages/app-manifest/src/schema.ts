/** The shape of a manifest as JSON Schema, for editors; what parts say of each other only the check knows. */
import { writtenManifest } from "./check.ts";
import type { JsonSchema } from "./shape.ts";

export function manifestSchema(): JsonSchema {
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "Piccolo-OS app manifest, format 1",
    description:
      "A checked subset of Compose with x-piccolo. A manifest that fits may still be refused: docs/spec/app-manifest.md has the rules, `piccolo app check FILE` applies all of them.",
    ...writtenManifest.schema,
  };
}

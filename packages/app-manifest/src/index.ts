/** App manifests: a checked subset of Compose with `x-piccolo`, and importers. Normative text: docs/spec/app-manifest.md. */
export * from "./types.ts";

/** App manifests: a checked subset of Compose with `x-piccolo`, and importers. Normative text: docs/spec/app-manifest.md. */
export { type CheckResult, checkManifest } from "./check.ts";
export { documentBytesMax } from "./document.ts";
export { imageName, parseImageName, type NamedImage } from "./image-reference.ts";
export { type Place, type Problem, type ProblemCode, problemCodes, problemsMax } from "./problems.ts";
export { manifestSchema } from "./schema.ts";
export { factNames, renderTemplate, type TemplateValues } from "./template.ts";
export * from "./types.ts";
export { importCasaOs } from "./import/casaos.ts";
export { type ComposeDefinition, importCompose } from "./import/compose.ts";
export { importRuntipi, type RuntipiDefinition } from "./import/runtipi.ts";
export { type DefinitionResult, importDefinition } from "./import/definition.ts";
export type {
  DefinitionFacts,
  DefinitionKind,
  ImportNote,
  ImportOptions,
  ImportResult,
  NoteCode,
  Unsaid,
} from "./import/types.ts";
export { importUmbrel, type UmbrelDefinition } from "./import/umbrel.ts";
export {
  type Catalog,
  type CatalogApp,
  catalogBytesMax,
  type CatalogDraft,
  catalogFaults,
  catalogFiles,
  catalogId,
  type CatalogImage,
  createCatalog,
  openCatalog,
  type SignedCatalog,
} from "./catalog/catalog.ts";
export { type CatalogQuery, searchApps } from "./catalog/search.ts";

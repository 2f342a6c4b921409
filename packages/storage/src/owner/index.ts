/** The owner's side of the engine: versions in, fragments out, and back. */
export { createOwnerEngine } from "./engine.ts";
export { type EngineOptions, type OwnerEngineCrashPoint, ownerEngineCrashPoints } from "./engine-context.ts";
export type {
  EngineEvents,
  OwnerEngine,
  Resealed,
  SegmentPlacement,
  UnattendedOptions,
  UnattendedVersion,
  VersionPlacement,
  VersionWriter,
} from "./engine-types.ts";
export { engineFaults } from "./faults.ts";
export { chooseHolders, readOrder } from "./placement.ts";
export { WireHolderClient } from "./holder-client.ts";
export { HolderHealth } from "./holder-health.ts";
export { extentPlainBytes } from "./version-writer.ts";

/** The owner's side of the metadata log. */
export { type CheckpointStoreContext, SegmentCheckpointStore } from "./checkpoint-store.ts";
export {
  type CheckpointStore,
  type LogIdentity,
  type LogNetwork,
  type LogReading,
  type MetadataLogCrashPoint,
  metadataLogCrashPoints,
  metadataLogFaults,
  type MetadataLogOptions,
  type WitnessView,
} from "./log-context.ts";
export {
  createMetadataLog,
  type FlushResult,
  type MetadataLog,
  type MetadataLogState,
  type MetadataLogView,
} from "./metadata-log.ts";
export { recoverHead, type RecoveryOptions, restoreBest } from "./recovery.ts";
export { WireWitnessClient } from "./wire-witness-client.ts";

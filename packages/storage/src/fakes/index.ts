/** Adapters of the ports in memory, for tests and the simulator. */
export { CrashDisk, type CrashDiskOptions, type Unsynced } from "./crash-disk.ts";
export { MemoryHolderIndex } from "./memory-holder-index.ts";
export { MemoryMetadata } from "./memory-metadata.ts";
export { MemoryOwnLog } from "./memory-own-log.ts";
export {
  type Interference,
  type MemoryDevice,
  MemoryNetwork,
  type MemoryNetworkOptions,
  type MemoryTraffic,
  type RawAnswer,
} from "./memory-transport.ts";
export { MemoryWitnessStore } from "./memory-witness-store.ts";

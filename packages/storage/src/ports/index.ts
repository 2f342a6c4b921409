/** What the storage engine needs of the program around it. Each port has a suite in `../suites` that all its adapters run. */
export type { Disk } from "./disk.ts";
export { diskFaults } from "./disk-faults.ts";
export type { CellRange, FetchedCells, HolderClient } from "./holder-client.ts";
export { countedFragmentBytes, type HeldFragment, type HolderIndex } from "./holder-index.ts";
export type { HolderView, Members } from "./members.ts";
export type { ExtentRecord, Metadata, NewVersion, SegmentRecord, SegmentState, VersionRecord } from "./metadata.ts";
export { orAborted } from "./or-aborted.ts";
export { type LogPosition, type OwnLog, ownLogFaults, type StoredEntry } from "./own-log.ts";
export { asTransportFault, type TransportFault, transportFaults } from "./transport-faults.ts";
export type { Message, PeerHandler, PeerTarget, PeerTransport, RequestOptions } from "./transport.ts";
export type { KeptSlot, WitnessedEntry, WitnessedLog, WitnessStore } from "./witness-store.ts";
export type { VaultClient, VaultReader, WitnessClient } from "./witness-client.ts";

/** The holder's side of the engine: what a device does with other members' fragments, and who may ask. */
export { HolderService, type HolderServiceOptions } from "./holder-service.ts";
export { type HolderCrashPoint, holderCrashPointNames, HolderStore, type HolderStoreOptions } from "./holder-store.ts";
export { createPeerService } from "./peer-service.ts";
export { type MembershipExchange, WitnessService, type WitnessServiceOptions } from "./witness-service.ts";

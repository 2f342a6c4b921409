/** One suite per port, which its fake and its real adapter both run. */
export { diskSuite } from "./disk-suite.ts";
export { holderIndexSuite } from "./holder-index-suite.ts";
export { metadataSuite } from "./metadata-suite.ts";
export { ownLogSuite, type OwnLogUnderTest } from "./own-log-suite.ts";
export type { Make } from "./suite.ts";
export { type RawBytes, type TransportDevice, type TransportNetwork, transportSuite } from "./transport-suite.ts";
export { witnessStoreSuite, type WitnessStoreUnderTest } from "./witness-store-suite.ts";

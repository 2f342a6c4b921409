/** Messages between devices and how they are framed (docs/spec/wire.md). Pure: transports carry what this encodes. */
export { type Hello, isDomain } from "./fields.ts";
export {
  maxBodyBytes,
  maxCells,
  maxFrameBytes,
  maxHeaderBytes,
  maxListing,
  maxRefusalTextBytes,
  maxRemovals,
  maxStatusKeys,
} from "./format.ts";
export { encodeFraming, FrameReader, type FramingEvent, prefixBytes } from "./framing.ts";
export {
  locatorBytes,
  maxHeadBytes,
  maxMembershipBodyBytes,
  maxMembershipEntries,
  maxMembershipEntryBytes,
  maxSlotBytes,
  maxWitnessEntries,
} from "./log-format.ts";
export {
  decodeLogRequest,
  encodeLogRequest,
  isLogRequest,
  type LogAppendRequest,
  type LogReadRequest,
  type LogRequest,
  logRequestBodyBytes,
  type SlotGetRequest,
  type SlotPutRequest,
  type WitnessAppendRequest,
  type WitnessEntriesRequest,
  type WitnessHeadRequest,
} from "./log-request.ts";
export {
  decodeLogResponse,
  encodeLogResponse,
  type LogAppendedResponse,
  type LogEntriesResponse,
  type LogResponse,
  logResponseBodyBytes,
  type SlotKeptResponse,
  type SlotResponse,
  type WitnessedResponse,
  type WitnessEntriesResponse,
  type WitnessStateResponse,
} from "./log-response.ts";
export {
  type AccountProof,
  decodeRecoverRequest,
  decodeRecoverResponse,
  encodeRecoverRequest,
  encodeRecoverResponse,
  maxAddressBytes,
  maxMemberPlaces,
  maxPlaceAddresses,
  type MemberPlace,
  type RecoverRequest,
  type RecoverResponse,
  recoverResponseBodyBytes,
} from "./recover.ts";
export { MuxerFrames, muxerWindowBytes, withBoundedFrames } from "./muxer-frames.ts";
export { fromRefusal, refusal, type RefusalCode, refusalFaults, type Refused, toRefusal } from "./refusal.ts";
export {
  decodeRequest,
  encodeRequest,
  type FetchRequest,
  type ListRequest,
  type RemoveRequest,
  type Request,
  requestBodyBytes,
  type StatusKey,
  type StatusRequest,
  type StoreRequest,
} from "./request.ts";
export {
  type CellsResponse,
  decodeResponse,
  encodeResponse,
  type ListingEntry,
  type ListingResponse,
  type RemovedResponse,
  type Response,
  type StatusesResponse,
  type StoredResponse,
} from "./response.ts";

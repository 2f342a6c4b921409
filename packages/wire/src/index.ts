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

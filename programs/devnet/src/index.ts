/** The development network as a library, for drills, benchmarks and tests that run real processes. */
export { AppVisit, installApp } from "./app-visit.ts";
export { DeviceProblem, DeviceSession, type TaskView } from "./device-session.ts";
export {
  forwardedRequest,
  isBroken,
  loopbackRequest,
  textOf,
  unlessBroken,
  type LoopbackReply,
  type RequestDevice,
} from "./loopback-fetch.ts";
export { prepareApps } from "./demo-apps.ts";
export { clearLeftBehind, Device, Network, ownerName, until, type NetworkOptions } from "./network.ts";
export { possibleProtection, type Protection, unmountBelow, unprotected } from "./protection.ts";
export { Supervised, type ProgramCommand } from "./supervised.ts";
export {
  createUpload,
  downloadDigest,
  placementOf,
  sendUpload,
  uploadFile,
  uploadOffset,
  type PlacementView,
  type Uploaded,
  type UploadSource,
} from "./device-files.ts";
export { seededBlocks, seededDigest, seededStream } from "./seeded-content.ts";
export { buildPortal } from "./portal-build.ts";

/** Measured boot: the firmware's log, what it leads to, what a release predicts, and how the two are held against each other. */
export {
  bankBytes,
  type Bank,
  type EventLog,
  isReplayable,
  logBytesMax,
  type LogEvent,
  parseEventLog,
  type PcrEvents,
} from "./event-log.ts";
export { dataIsMeasured, type EventType, eventTypes, mayStandIn } from "./event-types.ts";
export { encodeSignatureLists, type EnrolledKeys, enrolledState, releaseKeyOwner } from "./enrolled-keys.ts";
export { type Evidence, type MeasuredBoot, quotedPcrs, verifyEvidence } from "./evidence.ts";
export {
  type BootReport,
  type BootStep,
  explainBoot,
  type Finding,
  type PcrFinding,
  type StepCode,
} from "./explain.ts";
export { attestFaults } from "./faults.ts";
export { fingerprintOf } from "./fingerprint.ts";
export { predictPcr15, tellsOfVolume, volumeIdentityBytes, volumeMeasurement, volumePcr } from "./opened-volume.ts";
export { authenticodeDigest, signaturesOf, type PeSection, readSections } from "./pe.ts";
export {
  type BootPrediction,
  decodePrediction,
  encodePrediction,
  encodeSignedPrediction,
  openSignedPrediction,
  predictBoot,
  type PredictionSignature,
  predictionToSign,
  type ReleasedPrograms,
} from "./prediction.ts";
export { extend, replay } from "./replay.ts";
export {
  type Authority,
  confirmedSecureBootEvents,
  decodeSignatureLists,
  decodeVariable,
  encodeVariable,
  guidBytes,
  predictPcr7,
  secureBootStateOf,
  withKeys,
  readSecureBoot,
  secureBootPcr,
  type SecureBoot,
  type SecureBootState,
  type SignatureEntry,
  type Variable,
} from "./secure-boot.ts";
export { predictPcr4, startedPrograms } from "./started-programs.ts";
export {
  afterPhases,
  type BootPhase,
  bootPhases,
  type MeasuredSection,
  measuredPolicyKey,
  pcr11Of,
  phasesBetween,
  sectionsOfImage,
  sectionsOfLog,
} from "./system-image.ts";

/** The metadata log's formats and decisions (docs/spec/metadata-log.md). Pure. */
export {
  type AppendContext,
  type AppendDecision,
  type AppendRefusal,
  decideAppend,
  type HeldLog,
} from "./decide-append.ts";
export {
  type CopiedHead,
  decideOwnHead,
  decideRecovery,
  type HeadAnswer,
  isLater,
  type OwnHeadDecision,
  type OwnPosition,
  type RecoveryCandidate,
  type RecoveryDecision,
} from "./decide-head.ts";
export { headBytes, maxEntryPlainBytes, maxSealedBytes, mostWitnesses, noHash } from "./format.ts";
export {
  decodeHead,
  isSealedOf,
  type LogHead,
  sealedHashOf,
  type SignedHead,
  signHead,
  storedEntryOf,
  verifyHead,
  type WitnessSet,
} from "./head.ts";
export {
  type CheckpointPayload,
  type CheckpointRun,
  type CheckpointSegment,
  decodeCheckpoint,
  decodeDelta,
  decodeEntries,
  type DeltaPayload,
  encodeCheckpoint,
  encodeDelta,
  encodeEntries,
  readEntries,
} from "./payload.ts";
export { type Quorum, quorumOf, witnessedSequence, witnessesOf } from "./quorum.ts";

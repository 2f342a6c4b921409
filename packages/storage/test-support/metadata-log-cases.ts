import { concat, fromHex, toHex } from "@piccolo/bytes";
import { ed25519FromSeed, signStatement } from "@piccolo/envelope";
import { SeededWorld } from "@piccolo/world";
import {
  decodeCheckpoint,
  decodeDelta,
  decodeHead,
  encodeCheckpoint,
  encodeDelta,
  type LogHead,
  noHash,
  quorumOf,
  sealedHashOf,
  type SignedHead,
  signHead,
  storedEntryOf,
  verifyHead,
} from "../src/log/index.ts";

export type MetadataLogOperation =
  | { readonly operation: "decode-head"; readonly input: { readonly head: string; readonly deviceKey: string } }
  | { readonly operation: "quorum"; readonly input: { readonly witnesses: number } }
  | { readonly operation: "decode-delta" | "decode-checkpoint"; readonly input: { readonly content: string } };

export type MetadataLogVector = {
  readonly spec: "metadata-log/1";
  readonly rule: string;
  readonly about: string;
  readonly expect: unknown;
} & MetadataLogOperation;

function shown(value: unknown): unknown {
  if (value === undefined) return null;
  if (value instanceof Uint8Array) return toHex(new Uint8Array(value));
  if (Array.isArray(value)) return value.map(shown);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, shown(field)]));
}

/** What this implementation answers to a vector, in the form of its `expect`. */
export function answerOf(vector: MetadataLogOperation): unknown {
  switch (vector.operation) {
    case "decode-head": {
      const signed = decodeHead(fromHex(vector.input.head));
      const isSigned = verifyHead(signed, fromHex(vector.input.deviceKey));
      return shown({ head: signed.head, hash: signed.hash, signed: isSigned });
    }
    case "quorum": {
      const { faulty, quorum } = quorumOf(vector.input.witnesses);
      return { faulty, quorum };
    }
    case "decode-delta":
      return shown(decodeDelta(fromHex(vector.input.content)));
    case "decode-checkpoint": {
      const bytes = fromHex(vector.input.content);
      const payload = decodeCheckpoint(bytes);
      if (toHex(encodeCheckpoint(payload)) !== toHex(bytes)) throw new Error("the content has a second form");
      return shown(payload);
    }
    default:
      return vector satisfies never;
  }
}

const world = new SeededWorld("vectors/metadata-log");
const device = ed25519FromSeed(world.randomBytes(32));
const account = world.randomBytes(32);
const network = world.randomBytes(32);
const sealed = world.randomBytes(96);

function head(change: Partial<LogHead>): SignedHead {
  const whole: LogHead = {
    kind: "delta",
    network,
    account,
    deviceEpoch: 2,
    keyEpoch: 1,
    sequence: 300,
    previousHash: sealedHashOf(account),
    sealedHash: sealedHashOf(sealed),
    sealedBytes: sealed.length,
    schemaVersion: 5,
    checkpoint: 290,
    witnessSet: { logLength: 11, headHash: sealedHashOf(network) },
    timeMs: 1_800_000_000_000,
    ...change,
  };
  return signHead(whole, (statement) => signStatement(device, statement));
}

export function metadataLogCases(): Record<string, MetadataLogVector> {
  const set: Record<string, MetadataLogVector> = {};
  const add = (name: string, rule: string, about: string, operation: MetadataLogOperation, fault?: string): void => {
    const expect = fault === undefined ? answerOf(operation) : { fault };
    set[name] = { spec: "metadata-log/1", rule, about, ...operation, expect };
  };
  const deviceKey = toHex(device.publicKey);
  const delta = head({}).bytes;
  const first = head({ sequence: 1, previousHash: noHash, checkpoint: 0 });
  const checkpoint = head({ kind: "checkpoint", checkpoint: 300 }).bytes;
  const refuseHead = (name: string, about: string, bytes: Uint8Array): void => {
    const operation = { operation: "decode-head", input: { head: toHex(bytes), deviceKey } } as const;
    add(`refuse-head-${name}`, "M5", about, operation, "malformed");
  };
  refuseHead("cut", "The last byte is missing.", delta.subarray(0, -1));
  refuseHead("longer", "One byte is left over.", concat(delta, new Uint8Array(1)));
  refuseHead("format-2", "Format 2.", delta.with(0, 2));
  refuseHead("kind-0", "Kind 0.", delta.with(1, 0));
  refuseHead("kind-3", "Kind 3.", delta.with(1, 3));
  refuseHead("device-epoch-0", "Device epoch 0.", delta.with(69, 0));
  refuseHead("key-epoch-0", "Key epoch 0.", delta.with(73, 0));
  refuseHead("sequence-0", "Sequence 0.", delta.with(80, 0).with(81, 0));
  refuseHead("late-sequence", "A sequence over 2^53 - 1.", delta.with(74, 1));
  refuseHead(
    "not-first",
    "No hash before an entry that is not the first.",
    concat(delta.subarray(0, 82), noHash, delta.subarray(114)),
  );
  refuseHead("first-with-hash", "A hash before the first entry.", first.bytes.with(82, 1));
  refuseHead("empty-payload", "A payload of 0 bytes.", delta.with(149, 0));
  refuseHead("long-payload", "A payload of more than 8 MiB.", delta.with(146, 1));
  refuseHead("checkpoint-of-another", "A checkpoint that names an earlier one.", checkpoint.with(161, 0));
  refuseHead("delta-as-checkpoint", "A delta that names itself as the checkpoint.", delta.with(160, 1).with(161, 0x2c));
  const accept = (name: string, rule: string, about: string, bytes: Uint8Array, key = deviceKey): void =>
    add(name, rule, about, { operation: "decode-head", input: { head: toHex(bytes), deviceKey: key } });
  accept("head-delta", "M2", "The 300th entry, a delta since the checkpoint at 290.", delta);
  accept("head-first", "M2", "The first entry of a log.", first.bytes);
  accept("head-checkpoint", "M2", "A checkpoint.", checkpoint);
  accept(
    "head-other-key",
    "M3",
    "A head that another device signed.",
    delta,
    toHex(ed25519FromSeed(account).publicKey),
  );
  accept("head-changed", "M3", "A head with another time than the signed one.", delta.with(205, (delta[205] ?? 0) ^ 1));
  for (let witnesses = 0; witnesses <= 12; witnesses++) {
    add(`quorum-${witnesses}`, "M10", `${witnesses} witnesses.`, { operation: "quorum", input: { witnesses } });
  }
  payloadCases(add, first);
  return set;
}

function payloadCases(
  add: (name: string, rule: string, about: string, operation: MetadataLogOperation, fault?: string) => void,
  first: SignedHead,
): void {
  const content = encodeDelta({ digest: sealedHashOf(account), changes: sealed });
  const opDelta = (bytes: Uint8Array): MetadataLogOperation => ({
    operation: "decode-delta",
    input: { content: toHex(bytes) },
  });
  add("refuse-delta-format-2", "M13", "Format 2.", opDelta(content.with(0, 2)), "malformed");
  add("refuse-delta-cut", "M13", "The digest is cut.", opDelta(content.subarray(0, 32)), "malformed");
  add("delta", "M13", "A digest and 96 bytes of changes.", opDelta(content));
  add("delta-empty", "M13", "A digest and no changes.", opDelta(content.subarray(0, 33)));
  const holders = [toHex(network), toHex(account), toHex(network)];
  const segment = {
    segmentId: world.randomBytes(16),
    segmentRoot: world.randomBytes(32),
    k: 2,
    n: 3,
    sealedBytes: 1_016,
    plainBytes: 1_000,
    fragmentBytes: 512,
    salt: world.randomBytes(16),
    holders,
  };
  const run = { key: world.randomBytes(32), id: world.randomBytes(16), segments: [segment] };
  const bytes = encodeCheckpoint({
    digest: sealedHashOf(account),
    snapshot: { ...run, digest: sealedHashOf(network) },
    base: first.bytes,
    tailRuns: [run],
    tail: [storedEntryOf(first, sealed)],
  });
  const opCheckpoint = (input: Uint8Array): MetadataLogOperation => ({
    operation: "decode-checkpoint",
    input: { content: toHex(input) },
  });
  const refuse = (name: string, about: string, input: Uint8Array): void =>
    add(`refuse-checkpoint-${name}`, "M14", about, opCheckpoint(input), "malformed");
  refuse("format-2", "Format 2.", bytes.with(0, 2));
  refuse("cut", "The last byte is missing.", bytes.subarray(0, -1));
  refuse("odd-truth", "A truth value of 2.", bytes.with(65, 2));
  refuse("no-runs", "No run at all.", bytes.with(66 + 270 + 65, 0));
  refuse("miscounted", "Two entries are announced, one follows.", bytes.with(bytes.length - 96 - 4 - 270 - 1, 2));
  refuse(
    "other-payload",
    "An entry's payload is not the one its head names.",
    bytes.with(-1 + bytes.length, (bytes.at(-1) ?? 0) ^ 1),
  );
  add("checkpoint", "M14", "A snapshot of one segment, a run of entries, and one entry as it is.", opCheckpoint(bytes));
  const empty = encodeCheckpoint({
    digest: noHash,
    snapshot: { ...run, segments: [], digest: noHash },
    base: undefined,
    tailRuns: [],
    tail: [],
  });
  add("checkpoint-empty", "M14", "Of an empty database.", opCheckpoint(empty));
}

import { openMetadata, sealMetadata } from "@piccolo/envelope";
import type { World } from "@piccolo/world";
import assert from "node:assert/strict";
import { envelopeFaults } from "@piccolo/envelope";
import {
  decodeHead,
  type LogHead,
  noHash,
  sealedHashOf,
  type SignedHead,
  signHead,
  storedEntryOf,
} from "../../log/index.ts";
import type { LogPosition, StoredEntry } from "../../ports/index.ts";
import type { LogIdentity, LogNetwork, LogReading } from "./log-context.ts";

/** Makes the entry that follows a position: sealed, hashed, signed. */
export function sealEntry(
  parts: {
    readonly identity: LogIdentity;
    readonly network: LogNetwork;
    readonly metadataKey: Uint8Array;
    readonly keyEpoch: number;
    readonly schemaVersion: number;
    readonly position: LogPosition;
    readonly world: World;
  },
  kind: StoredEntry["kind"],
  plain: Uint8Array,
): StoredEntry {
  const { identity, network, metadataKey, keyEpoch, schemaVersion, position, world } = parts;
  const sequence = position.sequence + 1;
  const { account, deviceEpoch } = identity;
  const previousHash = position.sequence === 0 ? noHash : position.hash;
  const context = { account, epoch: keyEpoch, sequence, kind, schemaVersion, previousHash };
  const sealed = sealMetadata(metadataKey, context, plain, world);
  const head: LogHead = {
    kind,
    network: network.id,
    account,
    deviceEpoch,
    keyEpoch,
    sequence,
    previousHash,
    sealedHash: sealedHashOf(sealed),
    sealedBytes: sealed.length,
    schemaVersion,
    checkpoint: kind === "checkpoint" ? sequence : position.checkpoint,
    witnessSet: { logLength: network.logLength, headHash: network.headHash },
    timeMs: world.nowMs(),
  };
  return storedEntryOf(
    signHead(head, (statement) => identity.sign(statement)),
    sealed,
  );
}

/** What is inside a verified entry. Throws `damaged-metadata`. */
export function openEntry(reading: Pick<LogReading, "metadataKey">, entry: StoredEntry): Uint8Array {
  const { head } = decodeHead(entry.head);
  const key = reading.metadataKey(head.keyEpoch);
  if (key === undefined) {
    throw envelopeFaults.fault(
      "damaged-metadata",
      `entry ${head.sequence} of the metadata log is sealed under key epoch ${head.keyEpoch}, which is not known here`,
    );
  }
  return openMetadata(key, contextOf(head), entry.sealed);
}

function contextOf(head: LogHead): Parameters<typeof openMetadata>[1] {
  const { account, keyEpoch, sequence, kind, schemaVersion, previousHash } = head;
  return { account, epoch: keyEpoch, sequence, kind, schemaVersion, previousHash };
}

/** The head of an entry this device has made or verified before. */
export function ownHead(entry: StoredEntry): SignedHead {
  const signed = decodeHead(entry.head);
  assert.equal(signed.head.sequence, entry.sequence);
  return signed;
}

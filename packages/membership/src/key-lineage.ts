import { type ByteReader, type ByteWriter, malformed } from "@piccolo/bytes";
import {
  ed25519SignatureBytes,
  firstEpoch,
  type OwnerChain,
  type OwnerRotation,
  readOwnerChain,
  rotationsMax,
} from "@piccolo/envelope";

/** The epoch of the newest comes first; the others count down from it. */
export function writeRotations(writer: ByteWriter, rotations: readonly OwnerRotation[]): void {
  writer.u32(rotations.at(-1)?.epoch ?? 0).u8(rotations.length);
  for (const { ownerPublicKey, oldSignature, newSignature } of rotations) {
    writer
      .fixed(ownerPublicKey, 32)
      .fixed(oldSignature, ed25519SignatureBytes)
      .fixed(newSignature, ed25519SignatureBytes);
  }
}

/** One to `rotationsMax` rotations, of epochs one after the other. Says nothing about the signatures. */
export function readRotations(reader: ByteReader): readonly OwnerRotation[] {
  const newest = reader.u32();
  const count = reader.u8();
  if (count < 1 || count > rotationsMax) throw malformed(`${count} rotations where 1 to ${rotationsMax} belong`);
  if (newest - count < firstEpoch) throw malformed("a rotation leads to the second key epoch or a later one");
  return Array.from({ length: count }, (_, at) => ({
    epoch: newest - count + 1 + at,
    ownerPublicKey: reader.fixed(32),
    oldSignature: reader.fixed(ed25519SignatureBytes),
    newSignature: reader.fixed(ed25519SignatureBytes),
  }));
}

/** How an owner key that is not the first came from it. */
export function readLineage(reader: ByteReader): OwnerChain {
  const lineage = readOwnerChain(reader);
  if (lineage.rotations.length === 0) throw malformed("the owner key is the first one: nothing leads to it");
  return lineage;
}

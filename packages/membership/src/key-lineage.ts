import { type ByteReader, type ByteWriter, malformed } from "@piccolo/bytes";
import { ed25519SignatureBytes, firstEpoch, type OwnerRotation } from "@piccolo/envelope";

/** So many rotations fit into an entry, with room for everything else in it. */
export const rotationsMax = 64;

/** How an account came from its first owner key to the newest; the account id is the hash of the first. */
export interface KeyLineage {
  /** 32 bytes. */
  readonly firstOwnerKey: Uint8Array;
  /** From epoch 2 on, none left out. */
  readonly rotations: readonly OwnerRotation[];
}

/** The epoch of the newest comes first; the others count down from it. */
export function writeRotations(writer: ByteWriter, rotations: readonly OwnerRotation[]): void {
  writer.u32(rotations.at(-1)?.epoch ?? 0).u8(rotations.length);
  for (const { ownerPublicKey, byOld, byNew } of rotations) {
    writer.fixed(ownerPublicKey, 32).fixed(byOld, ed25519SignatureBytes).fixed(byNew, ed25519SignatureBytes);
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
    byOld: reader.fixed(ed25519SignatureBytes),
    byNew: reader.fixed(ed25519SignatureBytes),
  }));
}

export function writeLineage(writer: ByteWriter, { firstOwnerKey, rotations }: KeyLineage): void {
  writer.fixed(firstOwnerKey, 32);
  writeRotations(writer, rotations);
}

export function readLineage(reader: ByteReader): KeyLineage {
  const firstOwnerKey = reader.fixed(32);
  const rotations = readRotations(reader);
  if (rotations[0]?.epoch !== firstEpoch + 1) throw malformed("the rotations do not begin at the first owner key");
  return { firstOwnerKey, rotations };
}

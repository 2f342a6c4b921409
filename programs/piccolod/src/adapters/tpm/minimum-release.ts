/**
 * The minimum release number, in an ordinary index of the TPM's memory. An ordinary one and not a counter: a TPM starts a
 * counter that is defined anew above every earlier value, so that a device could lose all its releases at once.
 */
import { ByteReader, ByteWriter, equalConstantTime } from "@piccolo/bytes";
import { isFault } from "@piccolo/fault";
import {
  type Comparison,
  comparisons,
  encodeNvPublic,
  entity,
  nvAttributes,
  type NvComparison,
  nvDefineSpace,
  nvEntity,
  type NvPublic,
  nvRead,
  nvReadPublic,
  nvWrite,
  permanentHandles,
  type Session,
  type Tpm,
  tpmFaults,
} from "@piccolo/tpm2";

const numberBytes = 8;

/** In the owner's range of handles (TCG Registry of Reserved TPM 2.0 Handles and Localities, 2.2.2). */
const handle = 0x0180_9c01;

/** Everybody may read it without a password; only the owner writes. Wrong tries are not counted for it. */
const defined: NvPublic = {
  handle,
  attributes: nvAttributes.ownerWrite | nvAttributes.ownerRead | nvAttributes.authRead | nvAttributes.noDa,
  authPolicy: new Uint8Array(0),
  sizeBytes: numberBytes,
};

export const minimumReleaseIndex: NvPublic = { ...defined, attributes: defined.attributes | nvAttributes.written };

const number = (value: number): Uint8Array => new ByteWriter().u64(value).finish();

/** The condition of a policy: the minimum is not above this release. */
export function notAbove(release: number): NvComparison {
  const comparison: Comparison = comparisons.unsignedLessOrEqual;
  return { operand: number(release), offset: 0, comparison };
}

async function write(tpm: Tpm, session: Session, index: NvPublic, value: number): Promise<void> {
  const owner = entity(permanentHandles.owner);
  await tpm.execute(nvWrite(owner, nvEntity(index), 0, number(value)), { authorize: [{ session }] });
}

/** The session proves the value, and with it that the index is the one we define. Throws `tpm-nv-missing`. */
export async function readMinimumRelease(tpm: Tpm, session: Session): Promise<number> {
  const index = nvEntity(minimumReleaseIndex);
  const value = await tpm.execute(nvRead(index, index, { offset: 0, bytes: numberBytes }), {
    authorize: [{ session }],
  });
  return new ByteReader(value).u64();
}

/** Makes the index where it is absent, with the first minimum. A power cut between making and writing is caught up. */
export async function ensureMinimumRelease(tpm: Tpm, session: Session, first: number): Promise<number> {
  const found = await findIndex(tpm);
  if (found === undefined) await tpm.execute(nvDefineSpace(defined), { authorize: [{ session }] });
  const isWritten = found !== undefined && (found.attributes & nvAttributes.written) !== 0;
  if (!isWritten) await write(tpm, session, defined, first);
  return readMinimumRelease(tpm, session);
}

async function findIndex(tpm: Tpm): Promise<NvPublic | undefined> {
  let found: NvPublic;
  try {
    found = await tpm.execute(nvReadPublic(handle));
  } catch (error) {
    if (isFault(error, "tpm-nv-missing")) return undefined;
    throw error;
  }
  const wanted = { ...defined, attributes: defined.attributes | (found.attributes & nvAttributes.written) };
  if (!equalConstantTime(encodeNvPublic(found), encodeNvPublic(wanted))) {
    const message = "another program made the TPM's index of the minimum release; clear the TPM in the firmware set-up";
    throw tpmFaults.fault("tpm-nv-defined", message);
  }
  return found;
}

/** Never downwards: an older number is `tpm-policy`, the same number changes nothing. */
export async function raiseMinimumRelease(tpm: Tpm, session: Session, to: number): Promise<void> {
  const minimum = await ensureMinimumRelease(tpm, session, to);
  if (to < minimum) {
    const message = `release ${to} is older than the minimum release ${minimum}; install a newer one`;
    throw tpmFaults.fault("tpm-policy", message);
  }
  if (to > minimum) await write(tpm, session, minimumReleaseIndex, to);
}

/**
 * Numbers in the TPM's own memory. Everybody may read them without a password, only the owner writes, and wrong tries are
 * not counted for them (docs/spec/sealed-blob.md, section 3).
 */
import { ByteReader, ByteWriter, equalConstantTime } from "@piccolo/bytes";
import { isFault } from "@piccolo/fault";
import {
  comparisons,
  encodeNvPublic,
  entity,
  nvAttributes,
  type NvComparison,
  nvDefineSpace,
  nvEntity,
  nvIncrement,
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
const owner = entity(permanentHandles.owner);
const attributes = nvAttributes.ownerWrite | nvAttributes.ownerRead | nvAttributes.authRead | nvAttributes.noDa;

const encode = (value: number): Uint8Array => new ByteWriter().u64(value).finish();

/** The condition of a policy: what the index holds is not above this number. */
export function notAbove(value: number): NvComparison {
  return { operand: encode(value), offset: 0, comparison: comparisons.unsignedLessOrEqual };
}

/** One number. `handle` is in the owner's range (TCG Registry of Reserved TPM 2.0 Handles and Localities, 2.2.2). */
export class NumberIndex {
  /** As the TPM makes it, before the first write. */
  readonly #defined: NvPublic;
  /** As policies name it. */
  readonly written: NvPublic;
  readonly #what: string;

  /** `what` names it in texts for people. */
  constructor(parts: { readonly handle: number; readonly kind: "ordinary" | "counter"; readonly what: string }) {
    const { handle, kind, what } = parts;
    this.#defined = {
      handle,
      attributes: attributes | (kind === "counter" ? nvAttributes.counter : 0),
      authPolicy: new Uint8Array(0),
      sizeBytes: numberBytes,
    };
    this.written = { ...this.#defined, attributes: this.#defined.attributes | nvAttributes.written };
    this.#what = what;
  }

  /**
   * The session proves the value, and with it that the index is the one we define. Throws `tpm-nv-missing` where it is
   * absent or was never written, `tpm-nv-defined` where it is another program's.
   */
  async read(tpm: Tpm, session: Session): Promise<number> {
    const index = nvEntity(this.written);
    const range = { offset: 0, bytes: numberBytes };
    try {
      return new ByteReader(await tpm.execute(nvRead(index, index, range), { authorize: [{ session }] })).u64();
    } catch (error) {
      // The proof is over the name, so another index than ours looks like a wrong authorization.
      if (!isFault(error, "tpm-auth")) throw error;
      const found = await this.#find(tpm);
      if (found !== undefined && (found.attributes & nvAttributes.written) !== 0) throw error;
      const message = `the TPM lost ${this.#what}, so it was cleared or tampered with; enter the recovery phrase`;
      throw tpmFaults.fault("tpm-nv-missing", message);
    }
  }

  /** Defines it where it is absent. Whether it was written ever. Throws `tpm-nv-defined` where it is another program's. */
  async ensureDefined(tpm: Tpm, session: Session): Promise<boolean> {
    const found = await this.#find(tpm);
    if (found === undefined) await tpm.execute(nvDefineSpace(this.#defined), { authorize: [{ session }] });
    return found !== undefined && (found.attributes & nvAttributes.written) !== 0;
  }

  async #find(tpm: Tpm): Promise<NvPublic | undefined> {
    let found: NvPublic;
    try {
      found = await tpm.execute(nvReadPublic(this.#defined.handle));
    } catch (error) {
      if (isFault(error, "tpm-nv-missing")) return undefined;
      throw error;
    }
    const written = found.attributes & nvAttributes.written;
    const wanted = { ...this.#defined, attributes: this.#defined.attributes | written };
    if (!equalConstantTime(encodeNvPublic(found), encodeNvPublic(wanted))) {
      const message = `another program made the TPM's index of ${this.#what}; clear the TPM in the firmware set-up`;
      throw tpmFaults.fault("tpm-nv-defined", message);
    }
    return found;
  }

  /** Writes an ordinary index. `isFirst`: nothing was written before, which the name tells. */
  async write(tpm: Tpm, session: Session, value: number, isFirst: boolean): Promise<void> {
    const index = nvEntity(isFirst ? this.#defined : this.written);
    await tpm.execute(nvWrite(owner, index, 0, encode(value)), { authorize: [{ session }] });
  }

  /** Counts a counter up by one; the first time it starts above all that this TPM ever counted. */
  async increment(tpm: Tpm, session: Session, isFirst: boolean): Promise<void> {
    const index = nvEntity(isFirst ? this.#defined : this.written);
    await tpm.execute(nvIncrement(owner, index), { authorize: [{ session }] });
  }
}

/** Commands about the TPM as a whole and its PCRs (Part 3: 9 Start-up, 16 Random, 22 PCR, 25 Dictionary Attack, 30 Capability). */
import assert from "node:assert/strict";
import { ByteWriter, malformed } from "@piccolo/bytes";
import { type Command, type Entity, entity } from "../command.ts";
import {
  algorithms,
  capabilities,
  commandCodes,
  digestBytes,
  handleRanges,
  permanentHandles,
  startupTypes,
} from "../constants.ts";
import { decodePcrSelection, encodePcrSelection } from "../pcr.ts";
import { tpm2b, type TpmReader } from "../reader.ts";

const nothing = (): void => undefined;
const noParameters = new Uint8Array(0);

function plain<Result>(
  name: keyof typeof commandCodes,
  entities: readonly Entity[],
  parameters: Uint8Array,
  decode: (reader: TpmReader) => Result,
): Command<Result> {
  return { name, code: commandCodes[name], entities, authorized: 0, parameters, decode };
}

/** TPM2_Startup (9.3). */
export function startup(type: keyof typeof startupTypes): Command<void> {
  return plain("startup", [], new ByteWriter().u16(startupTypes[type]).finish(), nothing);
}

/** TPM2_Shutdown (9.4): the TPM writes down what must outlive the power. */
export function shutdown(type: keyof typeof startupTypes): Command<void> {
  return plain("shutdown", [], new ByteWriter().u16(startupTypes[type]).finish(), nothing);
}

/** TPM2_GetRandom (16.1). The TPM may give fewer bytes than asked for. */
export function getRandom(bytes: number): Command<Uint8Array> {
  return plain("getRandom", [], new ByteWriter().u16(bytes).finish(), (reader) => reader.tpm2b(bytes).slice());
}

/** TPM2_Hash (15.4) over SHA-256, of at most 1 KiB. */
export function hash(data: Uint8Array): Command<Uint8Array> {
  const parameters = tpm2b(new ByteWriter(), data).u16(algorithms.sha256).u32(permanentHandles.null).finish();
  return plain("hash", [], parameters, (reader) => {
    const digest = reader.tpm2b(digestBytes);
    reader.u16();
    reader.u32();
    reader.tpm2b(64);
    return digest;
  });
}

function capability<Result>(
  kind: number,
  first: number,
  count: number,
  decode: (reader: TpmReader, count: number) => Result,
): Command<{ readonly more: boolean; readonly values: Result }> {
  const parameters = new ByteWriter().u32(kind).u32(first).u32(count).finish();
  return plain("getCapability", [], parameters, (reader) => {
    const more = reader.bool();
    reader.expect(reader.u32(), kind, "the capability");
    const found = reader.u32();
    if (found > count) throw malformed("more capabilities than asked for");
    return { more, values: decode(reader, found) };
  });
}

/** TPM2_GetCapability (30.2) of properties, in ascending order from the first asked for. */
export function getProperties(
  first: number,
  count: number,
): Command<{ readonly more: boolean; readonly values: ReadonlyMap<number, number> }> {
  return capability(capabilities.properties, first, count, (reader, found) => {
    const values = new Map<number, number>();
    for (let at = 0; at < found; at++) values.set(reader.u32(), reader.u32());
    return values;
  });
}

/** TPM2_GetCapability (30.2) of the handles of one range that are in use. */
export function getHandles(
  range: keyof typeof handleRanges,
): Command<{ readonly more: boolean; readonly values: readonly number[] }> {
  return capability(capabilities.handles, handleRanges[range], 64, (reader, found) =>
    Array.from({ length: found }, () => reader.u32()),
  );
}

export interface PcrValues {
  readonly updateCounter: number;
  readonly values: ReadonlyMap<number, Uint8Array>;
}

/** TPM2_PCR_Read (22.4) of one to eight PCRs of the SHA-256 bank. A TPM without that bank is `tpm-malformed`. */
export function pcrRead(pcrs: readonly number[]): Command<PcrValues> {
  assert.ok(pcrs.length >= 1 && pcrs.length <= 8, "one answer has at most eight PCRs");
  const wanted = [...pcrs].sort((a, b) => a - b);
  return plain("pcrRead", [], encodePcrSelection(pcrs), (reader) => {
    const updateCounter = reader.u32();
    const selected = decodePcrSelection(reader);
    if (selected.join() !== wanted.join()) throw malformed("the TPM answers for other PCRs of the SHA-256 bank");
    reader.expect(reader.u32(), wanted.length, "the number of PCR values");
    const values = new Map<number, Uint8Array>();
    for (const pcr of wanted) {
      const value = reader.tpm2b(digestBytes);
      reader.expect(value.length, digestBytes, "the length of a PCR");
      values.set(pcr, value);
    }
    return { updateCounter, values };
  });
}

/** TPM2_PCR_Extend (22.2) of the SHA-256 bank. */
export function pcrExtend(pcr: number, digest: Uint8Array): Command<void> {
  const parameters = new ByteWriter().u32(1).u16(algorithms.sha256).fixed(digest, digestBytes).finish();
  return { ...plain("pcrExtend", [entity(handleRanges.pcr + pcr)], parameters, nothing), authorized: 1 };
}

/** TPM2_DictionaryAttackLockReset (25.2): takes back the wrong tries that were counted. */
export function dictionaryAttackLockReset(): Command<void> {
  const lockout = entity(permanentHandles.lockout);
  return { ...plain("dictionaryAttackLockReset", [lockout], noParameters, nothing), authorized: 1 };
}

/** TPM2_DictionaryAttackParameters (25.3). Times are in seconds. */
export function dictionaryAttackParameters(options: {
  readonly tries: number;
  readonly recoverySeconds: number;
  readonly lockoutRecoverySeconds: number;
}): Command<void> {
  const { tries, recoverySeconds, lockoutRecoverySeconds } = options;
  const parameters = new ByteWriter().u32(tries).u32(recoverySeconds).u32(lockoutRecoverySeconds).finish();
  const lockout = entity(permanentHandles.lockout);
  return { ...plain("dictionaryAttackParameters", [lockout], parameters, nothing), authorized: 1 };
}

/** TPM2_Clear (24.6): a new owner seed, so that nothing sealed before opens any more. */
export function clear(): Command<void> {
  return { ...plain("clear", [entity(permanentHandles.lockout)], noParameters, nothing), authorized: 1 };
}

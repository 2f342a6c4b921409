/** TPM_RC (Part 2, 6.6): what an error code says, and the fault it becomes. */
import type { Fault } from "@piccolo/fault";
import { tpmFaults } from "./faults.ts";

export type TpmFaultCode = keyof typeof tpmFaults.entries;

export interface ResponseCode {
  /** Without the number of the parameter, handle or session, as the specification lists it; e.g. 0x09d, 0x921. */
  readonly base: number;
  /** The specification's name where this package knows it. */
  readonly name: string;
  /** What the TPM objects to, counted from 1; undefined where the form of the code does not say. */
  readonly about: { readonly what: "parameter" | "handle" | "session"; readonly number: number } | undefined;
}

/** Codes of format 1 (bit 7 set), of format 0, and warnings (format 0 with bit 11 set). */
const names: ReadonlyMap<number, string> = new Map([
  [0x081, "ASYMMETRIC"],
  [0x082, "ATTRIBUTES"],
  [0x083, "HASH"],
  [0x084, "VALUE"],
  [0x085, "HIERARCHY"],
  [0x08a, "TYPE"],
  [0x08b, "HANDLE"],
  [0x08d, "RANGE"],
  [0x08e, "AUTH_FAIL"],
  [0x08f, "NONCE"],
  [0x092, "SCHEME"],
  [0x095, "SIZE"],
  [0x096, "SYMMETRIC"],
  [0x098, "SELECTOR"],
  [0x09a, "INSUFFICIENT"],
  [0x09b, "SIGNATURE"],
  [0x09c, "KEY"],
  [0x09d, "POLICY_FAIL"],
  [0x09f, "INTEGRITY"],
  [0x0a0, "TICKET"],
  [0x0a2, "BAD_AUTH"],
  [0x0a3, "EXPIRED"],
  [0x0a4, "POLICY_CC"],
  [0x0a5, "BINDING"],
  [0x0a6, "CURVE"],
  [0x0a7, "ECC_POINT"],
  [0x100, "INITIALIZE"],
  [0x101, "FAILURE"],
  [0x120, "DISABLED"],
  [0x124, "AUTH_TYPE"],
  [0x125, "AUTH_MISSING"],
  [0x126, "POLICY"],
  [0x128, "PCR_CHANGED"],
  [0x12d, "UPGRADE"],
  [0x12f, "AUTH_UNAVAILABLE"],
  [0x130, "REBOOT"],
  [0x142, "COMMAND_SIZE"],
  [0x143, "COMMAND_CODE"],
  [0x146, "NV_RANGE"],
  [0x148, "NV_LOCKED"],
  [0x149, "NV_AUTHORIZATION"],
  [0x14a, "NV_UNINITIALIZED"],
  [0x14b, "NV_SPACE"],
  [0x14c, "NV_DEFINED"],
  [0x153, "NEEDS_TEST"],
  [0x901, "CONTEXT_GAP"],
  [0x902, "OBJECT_MEMORY"],
  [0x903, "SESSION_MEMORY"],
  [0x904, "MEMORY"],
  [0x905, "SESSION_HANDLES"],
  [0x906, "OBJECT_HANDLES"],
  [0x907, "LOCALITY"],
  [0x908, "YIELDED"],
  [0x909, "CANCELED"],
  [0x90a, "TESTING"],
  [0x920, "NV_RATE"],
  [0x921, "LOCKOUT"],
  [0x922, "RETRY"],
  [0x923, "NV_UNAVAILABLE"],
]);

const faultOf: ReadonlyMap<string, TpmFaultCode> = new Map<string, TpmFaultCode>([
  ["LOCKOUT", "tpm-lockout"],
  ["POLICY", "tpm-policy"],
  ["POLICY_FAIL", "tpm-policy"],
  ["POLICY_CC", "tpm-policy"],
  ["PCR_CHANGED", "tpm-policy"],
  ["EXPIRED", "tpm-policy"],
  ["AUTH_FAIL", "tpm-auth"],
  ["BAD_AUTH", "tpm-auth"],
  ["AUTH_UNAVAILABLE", "tpm-auth"],
  ["NV_AUTHORIZATION", "tpm-auth"],
  ["INTEGRITY", "tpm-other-chip"],
  ["BINDING", "tpm-other-chip"],
  ["OBJECT_MEMORY", "tpm-full"],
  ["SESSION_MEMORY", "tpm-full"],
  ["MEMORY", "tpm-full"],
  ["SESSION_HANDLES", "tpm-full"],
  ["OBJECT_HANDLES", "tpm-full"],
  ["CONTEXT_GAP", "tpm-full"],
  ["NV_SPACE", "tpm-full"],
  ["YIELDED", "tpm-busy"],
  ["CANCELED", "tpm-busy"],
  ["TESTING", "tpm-busy"],
  ["NV_RATE", "tpm-busy"],
  ["RETRY", "tpm-busy"],
  ["NV_UNAVAILABLE", "tpm-busy"],
  ["INITIALIZE", "tpm-not-started"],
  ["FAILURE", "tpm-failed"],
  ["NEEDS_TEST", "tpm-failed"],
  ["UPGRADE", "tpm-failed"],
  ["REBOOT", "tpm-failed"],
  ["NV_UNINITIALIZED", "tpm-nv-missing"],
  ["NV_DEFINED", "tpm-nv-defined"],
]);

/** Splits a code that is not success into what it says (Part 2, 6.6.2, figures of the two formats). */
export function parseResponseCode(code: number): ResponseCode {
  const named = (base: number): string => names.get(base) ?? `0x${base.toString(16).padStart(3, "0")}`;
  // Above 16 bits it is not the TPM that speaks but a layer before it, such as the kernel's resource manager.
  if (code > 0xffff || (code & 0x80) === 0) return { base: code, name: named(code), about: undefined };
  const base = code & 0xbf;
  const number = (code >> 8) & 0xf;
  if ((code & 0x40) !== 0) return { base, name: named(base), about: { what: "parameter", number } };
  if (number === 0) return { base, name: named(base), about: undefined };
  const what = number >= 8 ? "session" : "handle";
  return { base, name: named(base), about: { what, number: number & 7 } };
}

const advice = {
  "tpm-lockout": "the TPM is locked out after wrong tries; leave the device switched on until it lets go",
  "tpm-policy": "the TPM does not open this in the state the device started in; start the unchanged system",
  "tpm-auth": "the TPM does not accept the authorization; reset its owner in the firmware set-up",
  "tpm-other-chip": "this belongs to another TPM, or this one was cleared; enter the recovery phrase",
  "tpm-full": "the TPM has no room left; restart the device",
  "tpm-busy": "the TPM is busy; try again in a moment",
  "tpm-not-started": "the TPM was not started; restart the device",
  "tpm-nv-missing": "the TPM's memory lacks an index, so it was cleared; enter the recovery phrase",
  "tpm-nv-defined": "the index of the TPM's memory exists already; read it first",
  "tpm-refused": "the TPM does not take the command; report this",
  "tpm-failed": "the TPM reports a failure; switch the device off and on again",
  "tpm-malformed": "the TPM's answer is malformed; restart the device",
  "tpm-tampered": "the TPM's answer was changed on its way; examine the device's board",
} as const satisfies Record<TpmFaultCode, string>;

/** `meanings` is what names mean for this command in particular: HANDLE, for one, that an index is not defined. */
export function responseFault(
  command: string,
  code: number,
  meanings: Readonly<Partial<Record<string, TpmFaultCode>>> = {},
): Fault<TpmFaultCode> {
  const parsed = parseResponseCode(code);
  const fault = meanings[parsed.name] ?? faultOf.get(parsed.name) ?? "tpm-refused";
  const place = parsed.about === undefined ? "" : ` for ${parsed.about.what} ${parsed.about.number}`;
  const said = `${command} was answered ${parsed.name}${place} (0x${code.toString(16).padStart(3, "0")})`;
  return tpmFaults.fault(fault, `${advice[fault]} (${said})`, {
    details: { command, responseCode: code, responseName: parsed.name },
  });
}

/** Secure Boot as it was measured into PCR 7: what firmware believed, and whose key started the programs. */
import { createPublicKey, hash } from "node:crypto";
import { concat, equalConstantTime, malformed, toHex } from "@piccolo/bytes";
import { type EventLog, type LogEvent, parseEventsOf, type PcrEvents, textOf, unexpected } from "./event-log.ts";
import { attestFaults } from "./faults.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { fromUtf16, LittleEndianReader, readGuid, toUtf16 } from "./little-endian.ts";
import { extend, replayOf } from "./replay.ts";

export const secureBootPcr = 7;

export const globalVariable = "8be4df61-93ca-11d2-aa0d-00e098032b8c";
export const imageSecurity = "d719b2cb-3d3a-4596-a3bc-dad00e67656f";
/** Where shim keeps its own lists: what starts through it is vouched for by keys firmware does not know. */
const shimLock = "605dab50-e046-4300-abb6-3dd810dd8b23";
export const certificateType = "a5c059a1-94e4-4aa7-87b5-ab155c2bf072";
const sha256Type = "c1c41626-504c-4092-aca9-41f936934328";

const nameUnitsMax = 256;
const variableBytesMax = 1 << 18;
const certificateBytesMax = 16_384;

export interface Variable {
  readonly owner: string;
  readonly name: string;
  readonly content: Uint8Array;
}

/** A UEFI_VARIABLE_DATA (PC Client Platform Firmware Profile, 10.2.6). */
export function decodeVariable(bytes: Uint8Array): Variable {
  const reader = new LittleEndianReader(bytes);
  const owner = readGuid(reader);
  const [nameUnits, contentBytes] = [reader.u64(), reader.u64()];
  if (nameUnits < 1 || nameUnits > nameUnitsMax) throw malformed("a firmware variable has no name, or one too long");
  if (contentBytes > variableBytesMax) throw malformed("a firmware variable is over its bound");
  const name = fromUtf16(reader.fixed(nameUnits * 2));
  const content = reader.fixed(contentBytes);
  reader.end();
  return { owner, name, content };
}

/** A GUID as UEFI writes it: the first three fields are little-endian. */
export function guidBytes(guid: string): Uint8Array {
  const bytes = Buffer.from(guid.replaceAll("-", ""), "hex");
  bytes.subarray(0, 4).reverse();
  bytes.subarray(4, 6).reverse();
  bytes.subarray(6, 8).reverse();
  return bytes;
}

export function encodeVariable({ owner, name, content }: Variable): Uint8Array {
  const lengths = new Uint8Array(16);
  const view = new DataView(lengths.buffer);
  view.setBigUint64(0, BigInt(name.length), true);
  view.setBigUint64(8, BigInt(content.length), true);
  return concat(guidBytes(owner), lengths, toUtf16(name), content);
}

export type SignatureEntry =
  | { readonly kind: "certificate"; readonly owner: string; readonly certificate: Uint8Array }
  | { readonly kind: "digest"; readonly owner: string; readonly digest: Uint8Array }
  | { readonly kind: "other"; readonly owner: string; readonly type: string };

/** The EFI_SIGNATURE_LISTs (UEFI 2.10, 32.4.1) a variable such as `db` consists of. */
export function decodeSignatureLists(bytes: Uint8Array): readonly SignatureEntry[] {
  const reader = new LittleEndianReader(bytes);
  const entries: SignatureEntry[] = [];
  while (reader.remaining > 0) {
    const type = readGuid(reader);
    const [listBytes, headerBytes, entryBytes] = [reader.u32(), reader.u32(), reader.u32()];
    if (listBytes < 28 + headerBytes || entryBytes < 17) throw malformed("a list of signatures has impossible sizes");
    const list = new LittleEndianReader(reader.fixed(listBytes - 28));
    list.fixed(headerBytes);
    if (list.remaining % entryBytes !== 0) throw malformed("a list of signatures ends within an entry");
    while (list.remaining > 0) {
      const owner = readGuid(list);
      const content = list.fixed(entryBytes - 16);
      if (type === certificateType) entries.push({ kind: "certificate", owner, certificate: content });
      else if (type === sha256Type && content.length === 32) entries.push({ kind: "digest", owner, digest: content });
      else entries.push({ kind: "other", owner, type });
    }
  }
  return entries;
}

export function certificateFingerprint(der: Uint8Array): string {
  const base64 = Buffer.from(der).toString("base64");
  try {
    return fingerprintOf(createPublicKey(`-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`));
  } catch (cause) {
    throw malformed("a certificate of the boot log cannot be read", cause);
  }
}

/** A key that vouched for a program of this boot. */
export interface Authority {
  /** The list it was found in: `db`, or one of shim's. */
  readonly list: string;
  /** Undefined for entries that are no certificate, such as the digest of one program. */
  readonly fingerprint: string | undefined;
}

export interface SecureBoot {
  readonly enabled: boolean;
  /** Firmware ran with its debugger on, or without protection against devices that read memory. */
  readonly weakened: readonly string[];
  /** Fingerprints of the certificates in PK, KEK and db. */
  readonly trusted: Readonly<Record<"PK" | "KEK" | "db", readonly string[]>>;
  readonly authorities: readonly Authority[];
}

const policyVariables = [
  { name: "SecureBoot", owner: globalVariable },
  { name: "PK", owner: globalVariable },
  { name: "KEK", owner: globalVariable },
  { name: "db", owner: imageSecurity },
  { name: "dbx", owner: imageSecurity },
] as const;
const optionalVariables = new Set(["dbt", "dbr", "AuditMode", "DeployedMode"]);
const weakenings = new Set(["UEFI Debug Mode", "DMA Protection Disabled"]);

function authorityOf(event: LogEvent): Authority {
  const { owner, name, content } = decodeVariable(event.data);
  if (owner === shimLock) return { list: `shim ${name}`, fingerprint: undefined };
  if (owner !== imageSecurity || name !== "db" || content.length <= 16) {
    throw unexpected(event, "names an authority of an unknown list");
  }
  const entry = content.subarray(16);
  // An entry is a certificate or the digest of one program; its list's type is not measured with it.
  if (entry.length === 32) return { list: "db", fingerprint: undefined };
  if (entry.length > certificateBytesMax) throw malformed("a certificate of the boot log is over its bound");
  return { list: "db", fingerprint: certificateFingerprint(entry) };
}

/** Reads PCR 7 in the one order it has; throws `log-unexpected` or `boot-not-measured` for any other. */
export function readSecureBoot(log: Pick<EventLog, "events">): SecureBoot {
  const events = log.events.filter(({ pcr }) => pcr === secureBootPcr);
  const variables = new Map<string, Uint8Array>();
  const weakened: string[] = [];
  const authorities: Authority[] = [];
  let separated = false;
  for (const event of events) {
    if (event.type === "variableDriverConfig") {
      const { owner, name, content } = decodeVariable(event.data);
      const expected = policyVariables[variables.size];
      const isNext = expected?.name === name && expected.owner === owner;
      const isOptional = variables.size >= policyVariables.length && optionalVariables.has(name);
      if (separated || authorities.length > 0 || variables.has(name) || !(isNext || isOptional)) {
        throw unexpected(event, "is a variable out of its order");
      }
      variables.set(name, content);
    } else if (variables.size < policyVariables.length) {
      throw unexpected(event, "comes before what firmware believes was measured");
    } else if (event.type === "separator") {
      if (separated) throw unexpected(event, "ends the firmware's part a second time");
      separated = true;
    } else if (event.type === "efiAction") {
      const text = textOf(event.data);
      if (!weakenings.has(text)) throw unexpected(event, "tells of an unknown action");
      weakened.push(text);
    } else authorities.push(authorityOf(event));
  }
  if (!separated) throw attestFaults.fault("boot-not-measured", "what firmware believes was not measured in this boot");
  const isOn = variables.get("SecureBoot");
  if (isOn?.length !== 1 || (isOn[0] !== 0 && isOn[0] !== 1)) throw malformed("Secure Boot is neither on nor off");
  const trustedBy = (name: string): string[] =>
    decodeSignatureLists(variables.get(name) ?? new Uint8Array(0)).flatMap((entry) =>
      entry.kind === "certificate" ? [certificateFingerprint(entry.certificate)] : [],
    );
  return {
    enabled: isOn[0] === 1,
    weakened,
    trusted: { PK: trustedBy("PK"), KEK: trustedBy("KEK"), db: trustedBy("db") },
    authorities,
  };
}

/**
 * What a log says of PCR 7 alone, where that leads to what the chip holds there; undefined where it does not. What it says of other PCRs, which
 * each maker's firmware fills in ways of its own, is not looked at. Throws as `parseEventsOf` does.
 */
export function confirmedSecureBootEvents(log: Uint8Array, pcr7: Uint8Array): PcrEvents | undefined {
  const events = parseEventsOf(log, secureBootPcr);
  return equalConstantTime(replayOf(events, "sha256"), pcr7) ? events : undefined;
}

/** What firmware will measure into PCR 7. */
export interface SecureBootState {
  /** SecureBoot, PK, KEK, db and dbx, then those firmware measures besides, each content as the variable holds it. */
  readonly variables: readonly Variable[];
  /** The entry of `db` (owner and certificate) that vouches for the programs, in the order of their first use. */
  readonly authorities: readonly Uint8Array[];
}

/** PCR 7 of a boot with these variables. Each authority is measured once, however many programs it vouches for. */
export function predictPcr7({ variables, authorities }: SecureBootState): Uint8Array {
  const sha256 = (bytes: Uint8Array): Uint8Array => hash("sha256", bytes, "buffer");
  const used = new Map(authorities.map((entry) => [toHex(entry), entry]));
  return [
    ...variables.map((variable) => sha256(encodeVariable(variable))),
    sha256(new Uint8Array(4)),
    ...[...used.values()].map((content) => sha256(encodeVariable({ owner: imageSecurity, name: "db", content }))),
  ].reduce((value: Uint8Array, digest) => extend("sha256", value, digest), new Uint8Array(32));
}

/**
 * What firmware measured into PCR 7 in this boot, in the form of a prediction: `predictPcr7` of it is what the chip holds, unless the firmware
 * measured something that nobody can predict. Throws as `readSecureBoot` does.
 */
export function secureBootStateOf(log: Pick<EventLog, "events">): SecureBootState {
  readSecureBoot(log);
  const events = log.events.filter(({ pcr }) => pcr === secureBootPcr);
  const authorities = events.filter(({ type }) => type !== "variableDriverConfig" && type !== "separator");
  return {
    variables: events.filter(({ type }) => type === "variableDriverConfig").map(({ data }) => decodeVariable(data)),
    authorities: authorities.filter(({ type }) => type !== "efiAction").map(({ data }) => decodeVariable(data).content),
  };
}

/** The same machine with another `db`, whose entries vouch for the programs in their order; undefined where one has no entry. */
export function withKeys(
  { variables }: SecureBootState,
  db: Uint8Array,
  programs: readonly (readonly Uint8Array[])[],
): SecureBootState | undefined {
  const entries = decodeSignatureLists(db);
  const authorities = programs.map((signatures) => authorityFor(signatures, entries));
  if (authorities.some((entry) => entry === undefined)) return undefined;
  return {
    variables: variables.map((variable) =>
      variable.name === "db" && variable.owner === imageSecurity ? { ...variable, content: db } : variable,
    ),
    authorities: authorities.filter((entry) => entry !== undefined),
  };
}

/** Firmware tries the signatures in their order, and for each the entries in theirs; a signature carries its signer's certificate. */
function authorityFor(signatures: readonly Uint8Array[], entries: readonly SignatureEntry[]): Uint8Array | undefined {
  for (const signature of signatures) {
    for (const entry of entries) {
      if (entry.kind === "certificate" && Buffer.from(signature).includes(entry.certificate))
        return concat(guidBytes(entry.owner), entry.certificate);
    }
  }
  return undefined;
}

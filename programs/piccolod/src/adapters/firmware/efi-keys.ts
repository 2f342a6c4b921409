import { execFile } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import {
  confirmedSecureBootEvents,
  decodeSignatureLists,
  fingerprintOf,
  predictPcr7,
  secureBootPcr,
  secureBootStateOf,
  signaturesOf,
  type SignatureEntry,
  withKeys,
} from "@piccolo/attest";
import { concat, equalConstantTime, fromUtf8, malformed, toHex } from "@piccolo/bytes";
import { isFault } from "@piccolo/fault";
import { z } from "zod";
import type { SecurityChip } from "../../security/security-chip.ts";
import type { BootState } from "../../system/boot-state.ts";
import { type FirmwareKeyChange, type FirmwareKeys, firmwareKeyFaults } from "../../system/firmware-keys.ts";

const execute = promisify(execFile);
const dbVariable = "db-d719b2cb-3d3a-4596-a3bc-dad00e67656f";
const variableBytesMax = 1 << 16;
/** Non-volatile, for boot services and for the running system, written with a time and a signature (UEFI 2.10, 8.2.6). */
const authenticated = Uint8Array.of(0x27, 0, 0, 0);
const timeBytes = 16;

export interface EfiKeysOptions {
  /** Folder of the release's lists of keys, signed for the firmware (docs/spec/release-keys.md, rule 11), on the authenticated file system. */
  readonly signedLists: string;
  /** `/sys/firmware/efi/efivars`. */
  readonly variables: string;
  readonly bootState: BootState;
  readonly chip: Pick<SecurityChip, "pcrs">;
  /** The boot loader and the running system's image, as they lie on the boot partition. */
  readonly programs: () => Promise<readonly Uint8Array[]>;
  /** Firmware takes or refuses a variable as a whole, in one write; tests bring firmware of their own. */
  readonly write?: (path: string, content: Uint8Array) => void;
  readonly report: (event: string, facts: Readonly<Record<string, unknown>>) => void;
}

/** `db` of UEFI firmware, to which a release may add a certificate. What it cannot foresee it leaves as it is. */
export class EfiKeys implements FirmwareKeys {
  readonly #options: EfiKeysOptions;

  constructor(options: EfiKeysOptions) {
    this.#options = options;
  }

  async pending(): Promise<FirmwareKeyChange | undefined> {
    try {
      return await this.#changeTo(signedListsIn(this.#options.signedLists));
    } catch (error) {
      if (!isFault(error)) throw error;
      this.#options.report("firmware-keys-not-foreseen", { code: error.code, detail: error.message });
      return undefined;
    }
  }

  async #changeTo(lists: readonly Uint8Array[]): Promise<FirmwareKeyChange | undefined> {
    const { bootState, chip, programs, report } = this.#options;
    const present = this.#db();
    const [shortest] = lists;
    if (present === undefined || shortest === undefined) return undefined;
    const there = namesIn(present);
    // The release's own key, which comes behind those it replaces.
    if (there.includes(namesIn(listIn(shortest)).at(-1) ?? "")) return undefined;
    const signed = lists.find((list) => {
      const names = new Set(namesIn(listIn(list)));
      return there.every((name) => names.has(name));
    });
    if (signed === undefined) {
      // Somebody has keys of their own there; taking them away could keep a card or another system from starting.
      report("firmware-keys-of-others", {});
      return undefined;
    }
    const wanted = listIn(signed);
    const { log, secureBoot } = await bootState.read();
    const measured = (await chip.pcrs()).get(secureBootPcr);
    if (log === undefined || measured === undefined || secureBoot !== true) return undefined;
    const events = confirmedSecureBootEvents(log, measured);
    const state = events === undefined ? undefined : secureBootStateOf(events);
    const isForeseen = state !== undefined && equalConstantTime(predictPcr7(state), measured);
    if (!isForeseen) throw malformed("this firmware measures its keys in a way that is not understood");
    const signatures = (await programs()).map((file) => signaturesOf(file));
    // As it is started now, and with a boot loader that is signed like the system's image.
    const coming = [signatures, signatures.slice(-1)].map((each) => withKeys(state, wanted, each));
    const expected = coming.flatMap((each) => (each === undefined ? [] : [predictPcr7(each)]));
    if (coming[0] === undefined) throw malformed("a program of this boot would not start with the new keys");
    const distinct = new Map(expected.map((value) => [toHex(value), value]));
    return { expected: [...distinct.values()], apply: () => this.#write(signed) };
  }

  /** The variable's content, behind four bytes of attributes. */
  #db(): Uint8Array | undefined {
    return readWhole(join(this.#options.variables, dbVariable))?.subarray(authenticated.length);
  }

  async #write(signed: Uint8Array): Promise<void> {
    const path = join(this.#options.variables, dbVariable);
    try {
      // The kernel protects variables from an unconsidered change by a flag.
      await execute("/usr/bin/chattr", ["-i", path]).catch(() => undefined);
      (this.#options.write ?? writeFileSync)(path, concat(authenticated, signed));
    } catch (cause) {
      const message = "the firmware does not take the release's change of its keys";
      throw firmwareKeyFaults.fault("firmware-keys-refused", message, { cause });
    }
    const [now, wanted] = [this.#db(), listIn(signed)];
    if (now !== undefined && equalConstantTime(now, wanted)) return;
    throw firmwareKeyFaults.fault(
      "firmware-keys-refused",
      "the firmware took the change of its keys and did not make it",
    );
  }
}

/** Fingerprints of the certificates in the release's signed list, the former keys' too; none where it has no such list. */
export function keysInSignedList(path: string): readonly string[] {
  const signed = readWhole(path);
  if (signed === undefined) return [];
  return decodeSignatureLists(listIn(signed)).flatMap((entry) =>
    entry.kind === "certificate" ? [fingerprintOf(new X509Certificate(entry.certificate).publicKey)] : [],
  );
}

const Replaced = z.array(z.string().regex(/^[0-9a-f]{64}$/)).max(64);

/** Fingerprints of the `db` keys that were replaced, as the image has them; none where it has no such file. */
export function readReplacedKeys(path: string): readonly string[] {
  const bytes = readWhole(path);
  return bytes === undefined ? [] : Replaced.parse(JSON.parse(fromUtf8(bytes)));
}

/** The shortest first: what is in the firmware already is in it, and no certificate comes back that the device never had. */
function signedListsIn(folder: string): readonly Uint8Array[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => /^db(?:-\d+)?\.auth$/.test(name))
    .flatMap((name) => readWhole(join(folder, name)) ?? [])
    .toSorted((a, b) => a.length - b.length);
}

const namesIn = (lists: Uint8Array): readonly string[] => decodeSignatureLists(lists).map(nameOf);

function nameOf(entry: SignatureEntry): string {
  if (entry.kind === "certificate") return `certificate ${toHex(entry.certificate)}`;
  return entry.kind === "digest" ? `digest ${toHex(entry.digest)}` : `other ${entry.type}`;
}

/** The lists behind time and signature (EFI_VARIABLE_AUTHENTICATION_2). The firmware checks the signature. */
function listIn(signed: Uint8Array): Uint8Array {
  const view = new DataView(signed.buffer, signed.byteOffset, signed.length);
  if (signed.length < timeBytes + 4) throw malformed("the release's list of keys has no head");
  const end = timeBytes + view.getUint32(timeBytes, true);
  if (end >= signed.length) throw malformed("the release's list of keys is empty");
  return signed.subarray(end);
}

/** Undefined where there is no such file. Throws `firmware-keys-unreadable`. */
function readWhole(path: string): Uint8Array | undefined {
  try {
    if (statSync(path).size > variableBytesMax) throw malformed(`${path} is over its bound`);
    return new Uint8Array(readFileSync(path));
  } catch (cause) {
    if (isFault(cause)) throw cause;
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return undefined;
    throw firmwareKeyFaults.fault("firmware-keys-unreadable", `${path} cannot be read`, { cause });
  }
}

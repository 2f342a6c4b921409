/** PCR 7 of firmware that has the lists of keys a release's installer gives it. `docs/spec/measured-boot.md`, M17. */
import { concat, equalConstantTime, toHex } from "@piccolo/bytes";
import type { EventLog } from "./event-log.ts";
import type { BootPrediction } from "./prediction.ts";
import {
  certificateFingerprint,
  certificateType,
  decodeSignatureLists,
  globalVariable,
  guidBytes,
  imageSecurity,
  predictPcr7,
  type SecureBootState,
  secureBootStateOf,
  withKeys,
} from "./secure-boot.ts";

/** Names the owner of the certificates in lists that a release gives to firmware. */
export const releaseKeyOwner = "a1c0b7d2-5d0e-4a53-9c0c-70696363006c";
const ownerBytes = 16;
const listHeadBytes = 28;

/** An EFI_SIGNATURE_LIST of one certificate for each of `certificates` (DER), one behind the other. */
export function encodeSignatureLists(owner: string, certificates: readonly Uint8Array[]): Uint8Array {
  const lists = certificates.map((certificate) => {
    const entryBytes = ownerBytes + certificate.length;
    const sizes = new DataView(new ArrayBuffer(12));
    for (const [at, size] of [listHeadBytes + entryBytes, 0, entryBytes].entries()) sizes.setUint32(at * 4, size, true);
    return concat(guidBytes(certificateType), new Uint8Array(sizes.buffer), guidBytes(owner), certificate);
  });
  return concat(...lists);
}

/** The certificates (DER) of a firmware's lists, in their order. */
export type EnrolledKeys = Readonly<Record<"PK" | "KEK" | "db", readonly Uint8Array[]>>;

function stateWith(keys: EnrolledKeys, secureBoot: Uint8Array, authorities: readonly Uint8Array[]): SecureBootState {
  const listOf = (name: keyof EnrolledKeys): Uint8Array => encodeSignatureLists(releaseKeyOwner, keys[name]);
  return {
    variables: [
      { owner: globalVariable, name: "SecureBoot", content: secureBoot },
      { owner: globalVariable, name: "PK", content: listOf("PK") },
      { owner: globalVariable, name: "KEK", content: listOf("KEK") },
      { owner: imageSecurity, name: "db", content: listOf("db") },
      { owner: imageSecurity, name: "dbx", content: new Uint8Array(0) },
    ],
    authorities,
  };
}

/**
 * What firmware with these lists and nothing else measures of a start of the programs, each given by its signatures in their order;
 * undefined where it would not start one of them.
 */
export function enrolledState(
  keys: EnrolledKeys,
  programs: readonly (readonly Uint8Array[])[],
): SecureBootState | undefined {
  const state = stateWith(keys, Uint8Array.of(1), []);
  return withKeys(state, encodeSignatureLists(releaseKeyOwner, keys.db), programs);
}

/** The certificates of a list; undefined where it has entries of another kind. */
function certificatesOf(state: SecureBootState, name: string): readonly Uint8Array[] | undefined {
  const found = state.variables.find((variable) => variable.name === name);
  const entries = decodeSignatureLists(found?.content ?? new Uint8Array(0));
  const certificates = entries.flatMap((entry) => (entry.kind === "certificate" ? [entry.certificate] : []));
  return certificates.length === entries.length ? certificates : undefined;
}

/**
 * How the firmware's keys are beside a prediction that has values of PCR 7. `as-enrolled`: PCR 7 is one of them. `own-events`: the
 * keys are the same, and the firmware measured something of its own, which nobody predicts: a list of what is barred, further variables, who
 * vouched for a card's firmware, or another owner's name in the lists. `others`: the keys are not those the release's installer enrols.
 */
export function judgeEnrolledKeys(
  log: EventLog,
  measured: Uint8Array | undefined,
  prediction: BootPrediction,
): "as-enrolled" | "own-events" | "others" {
  const isPredicted = (value: Uint8Array): boolean =>
    prediction.pcr7.some((predicted) => equalConstantTime(predicted, value));
  if (measured !== undefined && isPredicted(measured)) return "as-enrolled";
  const state = secureBootStateOf(log);
  const [PK, KEK, db] = ["PK", "KEK", "db"].map((name) => certificatesOf(state, name));
  const secureBoot = state.variables.find(({ name }) => name === "SecureBoot")?.content;
  if (PK === undefined || KEK === undefined || db === undefined || secureBoot === undefined) return "others";
  const named = new Map(db.map((certificate) => [toHex(certificate), certificateFingerprint(certificate)]));
  const vouched = state.authorities
    .map((content) => content.subarray(ownerBytes))
    .filter((certificate) => prediction.signers.includes(named.get(toHex(certificate)) ?? ""))
    .map((certificate) => concat(guidBytes(releaseKeyOwner), certificate));
  return isPredicted(predictPcr7(stateWith({ PK, KEK, db }, secureBoot, vouched))) ? "own-events" : "others";
}

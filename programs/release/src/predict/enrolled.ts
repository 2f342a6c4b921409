/** The values PCR 7 has with the lists of keys a release's installer enrols, and with those of its devices while keys are replaced. */
import { enrolledState, predictPcr7, signaturesOf } from "@piccolo/attest";
import { toHex } from "@piccolo/bytes";
import { readCertificate } from "../keys/read-key.ts";
import { endsOf } from "../keys/successions.ts";
import { placesOf, type SecureBootRole } from "../keys/roles.ts";

export interface ReleaseKeys {
  /** Folders of the sets that sign the release, the one that stays first. */
  readonly keySets: readonly string[];
  /** Folders of the sets that were replaced earlier, the oldest first: older devices have their certificates still. Public halves are enough. */
  readonly enrolled?: readonly string[] | undefined;
}

/** None where no firmware with these keys would start the programs, since they are not signed. `docs/spec/measured-boot.md`, M17. */
export function predictedPcr7(
  programs: { readonly loader: Uint8Array; readonly image: Uint8Array },
  { keySets: [keys, ...former], enrolled = [] }: ReleaseKeys,
): readonly Uint8Array[] {
  if (keys === undefined) return [];
  const certificate = (set: string, role: SecureBootRole): Uint8Array =>
    new Uint8Array(readCertificate(placesOf(set, role).publicHalf).raw);
  const listsOf = ([first = keys, ...others]: readonly string[]) => ({
    PK: [certificate(first, "PK")],
    KEK: [certificate(first, "KEK")],
    db: [first, ...others].map((each) => certificate(each, "db")),
  });
  const [loader, image] = [signaturesOf(programs.loader), signaturesOf(programs.image)];
  const replaced = [...enrolled, ...former];
  // What a device has by the set it was installed with: before the release adds its key to the firmware's list, and after it.
  const before = former.length === 0 ? [] : endsOf(replaced);
  const after = endsOf(replaced).map((sets) => [...sets, keys]);
  const states = [
    ...[[keys], ...before, ...after].map((sets) => enrolledState(listsOf(sets), [loader, image])),
    // No update replaces the boot loader: a device has the one it was installed with.
    ...[...before, ...after].map((sets) => enrolledState(listsOf(sets), [[certificate(sets[0] ?? keys, "db")], image])),
  ];
  const values = states.flatMap((state) => (state === undefined ? [] : [predictPcr7(state)]));
  return [...new Map(values.map((value) => [toHex(value), value])).values()];
}

/** The values PCR 7 has with the lists of keys a release's installer enrols, and with those of its devices while keys are replaced. */
import { enrolledState, predictPcr7, signaturesOf } from "@piccolo/attest";
import { toHex } from "@piccolo/bytes";
import { readCertificate } from "../keys/read-key.ts";
import { placesOf, type SecureBootRole } from "../keys/roles.ts";

export interface ReleaseKeys {
  /** Folders of the sets that sign the release, the one that stays first. */
  readonly keySets: readonly string[];
  /** Folders of earlier sets, whose lists with this release's certificate added devices still have; public halves are enough. */
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
  const listsOf = (set: string, ...db: readonly string[]) => ({
    PK: [certificate(set, "PK")],
    KEK: [certificate(set, "KEK")],
    db: db.map((each) => certificate(each, "db")),
  });
  const [loader, image] = [signaturesOf(programs.loader), signaturesOf(programs.image)];
  const states = [
    // The installer's; a device's before the release adds its key to the firmware's list; and after it, with either boot loader.
    ...[keys, ...former].map((set) => enrolledState(listsOf(set, set), [loader, image])),
    ...[...former, ...enrolled].map((set) => enrolledState(listsOf(set, set, keys), [loader, image])),
    ...former.map((set) => enrolledState(listsOf(set, set, keys), [[certificate(set, "db")], image])),
  ];
  const values = states.flatMap((state) => (state === undefined ? [] : [predictPcr7(state)]));
  return [...new Map(values.map((value) => [toHex(value), value])).values()];
}

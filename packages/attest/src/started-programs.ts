/** The programs firmware started, as it measured them into PCR 4: boot loader, then system image. */
import { hash } from "node:crypto";
import { type EventLog, textOf, unexpected } from "./event-log.ts";
import { attestFaults } from "./faults.ts";
import { extend } from "./replay.ts";

export const startedProgramsPcr = 4;

const calling = "Calling EFI Application from Boot Option";
const returning = "Returning from EFI Application from Boot Option";

/** SHA-256 Authenticode digests in the order of their start. Throws `log-unexpected` or `boot-not-measured`. */
export function startedPrograms(log: EventLog): readonly Uint8Array[] {
  const programs: Uint8Array[] = [];
  let separated = false;
  for (const event of log.events.filter(({ pcr }) => pcr === startedProgramsPcr)) {
    if (event.type === "separator") {
      if (separated) throw unexpected(event, "ends the firmware's part a second time");
      separated = true;
    } else if (event.type === "efiAction") {
      const text = textOf(event.data);
      if (text !== calling && text !== returning) throw unexpected(event, "tells of an unknown action");
    } else if (event.type === "bootServicesApplication") {
      const digest = event.digests.get("sha256");
      if (digest === undefined) throw attestFaults.fault("boot-not-measured", "the log has no SHA-256 digests");
      // A program before the separator is the firmware's own, and still a program no release knows.
      programs.push(digest);
    } else if (event.type !== "omitBootDeviceEvents") throw unexpected(event, "starts no program of a release");
  }
  if (!separated || programs.length === 0) {
    throw attestFaults.fault("boot-not-measured", "no program was measured in this boot");
  }
  return programs;
}

/** PCR 4 of a boot that starts these programs and no other. */
export function predictPcr4(programs: readonly Uint8Array[]): Uint8Array {
  return [hash("sha256", calling, "buffer"), hash("sha256", new Uint8Array(4), "buffer"), ...programs].reduce(
    (value: Uint8Array, digest) => extend("sha256", value, digest),
    new Uint8Array(32),
  );
}

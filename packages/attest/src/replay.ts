/** What the PCRs hold after the events of a log: each event extends its PCR by its digest (TPM 2.0 Part 1, 17.2). */
import { hash } from "node:crypto";
import { concat } from "@piccolo/bytes";
import { attestFaults } from "./faults.ts";
import { type Bank, bankBytes, type EventLog, type PcrEvents, type ReplayableBank } from "./event-log.ts";

export function extend(bank: ReplayableBank, value: Uint8Array, digest: Uint8Array): Uint8Array {
  return hash(bank, concat(value, digest), "buffer");
}

/** The values of all PCRs a log may extend, 0 to 14 without 10, the kernel's own; those without events hold zeros. */
export function replay(log: EventLog, bank: ReplayableBank): ReadonlyMap<number, Uint8Array> {
  refuseAbsent(log.banks, bank);
  const values = new Map<number, Uint8Array>();
  for (let pcr = 0; pcr < 15; pcr += 1) if (pcr !== 10) values.set(pcr, new Uint8Array(bankBytes(bank)));
  values.get(0)?.set([log.startupLocality], bankBytes(bank) - 1);
  for (const { pcr, digests } of log.events) {
    const [value, digest] = [values.get(pcr), digests.get(bank)];
    if (value !== undefined && digest !== undefined) values.set(pcr, extend(bank, value, digest));
  }
  return values;
}

/** The value of the one PCR whose events these are, and not PCR 0. */
export function replayOf({ banks, events }: PcrEvents, bank: ReplayableBank): Uint8Array {
  refuseAbsent(banks, bank);
  return events.reduce(
    (value: Uint8Array, { digests }) => {
      const digest = digests.get(bank);
      return digest === undefined ? value : extend(bank, value, digest);
    },
    new Uint8Array(bankBytes(bank)),
  );
}

function refuseAbsent(banks: readonly Bank[], bank: ReplayableBank): void {
  if (banks.includes(bank)) return;
  throw attestFaults.fault("boot-not-measured", `the log has no digests of the bank ${bank}`);
}

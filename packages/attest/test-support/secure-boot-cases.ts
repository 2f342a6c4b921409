/** What is decided from PCR 7 alone, whatever a maker's firmware writes down of other PCRs (rule M18). */
import { createHash } from "node:crypto";
import { concat, toUtf8 } from "@piccolo/bytes";
import { eventTypes } from "../src/index.ts";
import { recordedBoot } from "./boot-logs.ts";
import { type Add, type Change, changedLog, event, find, measured } from "./changed-log.ts";
import { digestsOf, type RawEvent } from "./log-writer.ts";

export function addSecureBoots(add: Add): void {
  const told = (name: string, about: string, change: Change, { fault, pcr7 }: { fault?: string; pcr7?: string } = {}) =>
    add(
      `secure-boot-${name}`,
      "M18",
      about,
      { operation: "secure-boot", input: { ...changedLog("secure-boot", change), ...(pcr7 && { pcr7 }) } },
      fault,
    );
  const unknown = (pcr: number): RawEvent => measured(pcr, 0x8000_00ff, toUtf8("a maker's own"));
  const recorded = recordedBoot("secure-boot").pcrs.get(7) ?? new Uint8Array(32);
  const extendedBy = ({ digests }: RawEvent): string =>
    createHash("sha256")
      .update(concat(recorded, digests[1]?.digest ?? new Uint8Array(0)))
      .digest("hex");
  const lying = (entry: RawEvent): RawEvent => ({ ...entry, digests: digestsOf(new Uint8Array(1)) });
  const weakening = measured(7, eventTypes.efiAction, toUtf8("DMA Protection Disabled"));

  told("recorded", "A recorded log.", () => undefined);
  told("kind", "An event of an unknown kind in PCR 0.", (log) => log.events.unshift(unknown(0)));
  told("data", "A version in PCR 0 whose data was not measured.", (log) => {
    log.events.push(lying(measured(0, eventTypes.crtmVersion, toUtf8("1.0"))));
  });
  told("no-pcr", "An event of a number that no PCR has.", (log) => log.events.push(unknown(0xffff_ffff)));
  told("few-digests", "An event of PCR 1 with two of four digests.", (log) => {
    log.events.push({ ...unknown(1), digests: unknown(1).digests.slice(2) });
  });
  told("weakened", "An action that weakens the start, which the chip confirms.", (log) => log.events.push(weakening), {
    pcr7: extendedBy(weakening),
  });
  told("elsewhere", "An event of PCR 7 is told to be PCR 6's.", (log) => {
    event(log, find(log, 7, "variableAuthority")).pcr = 6;
  });
  told("more", "An event that the chip does not confirm.", (log) => log.events.push(weakening));
  told("refuse-kind", "An event of an unknown kind in PCR 7.", (log) => log.events.push(unknown(7)), {
    fault: "log-unknown-event",
    pcr7: extendedBy(unknown(7)),
  });
  const lie = lying(weakening);
  told("refuse-data", "An action in PCR 7 whose data was not measured.", (log) => log.events.push(lie), {
    fault: "log-unexpected",
    pcr7: extendedBy(lie),
  });
  told(
    "refuse-unmeasured",
    "An event in PCR 7 that is told not to be measured.",
    (log) => {
      log.events.push(measured(7, eventTypes.noAction, toUtf8("SP800-155 Event\0")));
    },
    { fault: "log-unknown-event" },
  );
  told(
    "refuse-more-digests",
    "More digests than the header has banks.",
    (log) => {
      log.events.push({ ...unknown(1), digests: [...unknown(1).digests, ...unknown(1).digests] });
    },
    { fault: "malformed" },
  );
}

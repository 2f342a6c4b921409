/** What the boot stub in a unified kernel image measures into PCR 11, and what the running system adds to it. */
import { createPublicKey, hash } from "node:crypto";
import { concat, equalConstantTime, malformed, toHex, toUtf8 } from "@piccolo/bytes";
import { type EventLog, unexpected } from "./event-log.ts";
import { attestFaults } from "./faults.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { fromUtf16 } from "./little-endian.ts";
import { readSections } from "./pe.ts";
import { extend } from "./replay.ts";

export const systemImagePcr = 11;

/** In the order in which each stub measures them (systemd src/fundamental/uki.c); `.pcrsig` speaks of the result and is left out. */
const measuredBy: Readonly<Record<number, readonly string[]>> = {
  252: [".linux", ".osrel", ".cmdline", ".initrd", ".splash", ".dtb", ".pcrpkey"],
  257: [".linux", ".osrel", ".cmdline", ".initrd", ".ucode", ".splash", ".dtb", ".uname", ".sbat", ".pcrpkey"],
};
const sectionOrder = measuredBy[257] ?? [];

/** Sections that would have this stub choose or measure what no release of ours has. */
const unsupported = [".profile", ".dtbauto", ".hwids", ".efifw"];

export interface MeasuredSection {
  readonly name: string;
  /** SHA-256 of its content. */
  readonly digest: Uint8Array;
}

/** The steps of a boot that the running system measures (systemd-pcrphase), in their order. */
export const bootPhases = ["enter-initrd", "leave-initrd", "sysinit", "ready"] as const;
export type BootPhase = (typeof bootPhases)[number];

function stubVersion(magic: Uint8Array | undefined): number {
  const text = Buffer.from(magic ?? []).toString("latin1");
  const version = Number(/^#### LoaderInfo: systemd-stub (\d{3})[^\d]/.exec(text)?.[1]);
  if (measuredBy[version] === undefined) {
    throw malformed("the image begins with no boot stub whose measurements are known (systemd-stub 252 or 257)");
  }
  return version;
}

/** What the stub of a unified kernel image measures of it. `malformed` for another kind of file and for unknown stubs. */
export function sectionsOfImage(image: Uint8Array): readonly MeasuredSection[] {
  const sections = readSections(image);
  const order = measuredBy[stubVersion(sections.get(".sdmagic")?.content)] ?? [];
  for (const name of unsupported) if (sections.has(name)) throw malformed(`the image has the unknown section ${name}`);
  if (!sections.has(".linux")) throw malformed("the image has no kernel");
  return order.flatMap((name) => {
    const section = sections.get(name);
    return section === undefined ? [] : [{ name, digest: hash("sha256", section.content, "buffer") }];
  });
}

const nameDigest = (name: string): Uint8Array => hash("sha256", concat(toUtf8(name), new Uint8Array(1)), "buffer");

/** PCR 11 once the stub has handed over. */
export function pcr11Of(sections: readonly MeasuredSection[]): Uint8Array {
  let value: Uint8Array = new Uint8Array(32);
  for (const { name, digest } of sections) {
    value = extend("sha256", value, nameDigest(name));
    value = extend("sha256", value, digest);
  }
  return value;
}

/** PCR 11 after more phases. */
export function afterPhases(value: Uint8Array, phases: readonly string[]): Uint8Array {
  return phases.reduce((before, phase) => extend("sha256", before, hash("sha256", phase, "buffer")), value);
}

/**
 * Which phases turn the stub's value into the chip's, as a list that may be empty; undefined where none do. They are not in the
 * firmware's log, which ends when the kernel starts.
 */
export function phasesBetween(stubValue: Uint8Array, chipValue: Uint8Array): readonly BootPhase[] | undefined {
  for (let count = 0; count <= bootPhases.length; count += 1) {
    const phases = bootPhases.slice(0, count);
    if (equalConstantTime(afterPhases(stubValue, phases), chipValue)) return phases;
  }
  return undefined;
}

/**
 * The sections a log says were measured: pairs of a name and a content, in a stub's order. Throws `boot-not-measured` where there is
 * none, `log-unexpected` for anything else in PCR 11.
 */
export function sectionsOfLog(log: EventLog): readonly MeasuredSection[] {
  const events = log.events.filter(({ pcr }) => pcr === systemImagePcr);
  if (events.length === 0) throw attestFaults.fault("boot-not-measured", "no system image was measured in this boot");
  const sections: MeasuredSection[] = [];
  let last = -1;
  for (let at = 0; at < events.length; at += 2) {
    const [first, second] = [events[at], events[at + 1]];
    if (first === undefined) break;
    const digests = [first, second].map((event) => event?.digests.get("sha256"));
    if (second === undefined || digests[0] === undefined || digests[1] === undefined) {
      throw unexpected(first, "names a part of the system image and not its content");
    }
    const name = fromUtf16(
      first.data.at(-1) === 0 && first.data.at(-2) === 0 ? first.data.subarray(0, -2) : first.data,
    );
    const place = sectionOrder.indexOf(name);
    if (first.type !== "ipl" || second.type !== "ipl" || toHex(first.data) !== toHex(second.data)) {
      throw unexpected(second, "is no part of a system image");
    }
    if (place <= last) throw unexpected(first, "is a part of a system image out of its order, or of none");
    if (!equalConstantTime(nameDigest(name), digests[0])) throw unexpected(first, "has a name that was not measured");
    last = place;
    sections.push({ name, digest: digests[1] });
  }
  return sections;
}

/**
 * The fingerprint of the key for PCR policies (PEM), where it is the one the image was measured with; undefined for another one, whoever
 * handed it over, and for what is no key.
 */
export function measuredPolicyKey(sections: readonly MeasuredSection[], pem: Uint8Array): string | undefined {
  const measured = sections.find(({ name }) => name === ".pcrpkey");
  if (measured === undefined || !equalConstantTime(hash("sha256", pem, "buffer"), measured.digest)) return undefined;
  try {
    return fingerprintOf(createPublicKey(Buffer.from(pem)));
  } catch {
    return undefined;
  }
}

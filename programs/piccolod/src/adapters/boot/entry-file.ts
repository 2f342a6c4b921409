/** Names of boot images with what systemd-boot counts in them (Boot Loader Specification, "Boot counting"). */
import type { BootEntry } from "../../system/boot-control.ts";

const pattern = /^(piccolo-[1-9]\d{0,9})(?:\+(\d{1,9})(?:-(\d{1,9}))?)?\.efi$/;

export interface EntryFile extends BootEntry {
  readonly file: string;
}

/** Undefined for whatever is not one of our images. */
export function parseEntryFile(file: string): EntryFile | undefined {
  const match = pattern.exec(file);
  if (match === null) return undefined;
  const id = `${match[1]}.efi`;
  if (match[2] === undefined) return { file, id, state: "good", tries: undefined };
  const tries = { left: Number(match[2]), done: Number(match[3] ?? 0) };
  return { file, id, state: tries.left === 0 ? "bad" : "trying", tries };
}

/** An entry's id, whether the boot loader named it with what it counts or without. */
export function entryIdOf(named: string | undefined): string | undefined {
  return named === undefined ? undefined : (parseEntryFile(named)?.id ?? named);
}

export function entryFileOf(id: string, tries: BootEntry["tries"]): string {
  if (tries === undefined) return id;
  const count = tries.done === 0 ? `+${tries.left}` : `+${tries.left}-${tries.done}`;
  return id.replace(/\.efi$/, `${count}.efi`);
}

const releaseOf = (id: string): number => Number(/\d+/.exec(id)?.[0] ?? 0);

/** Newest release first, as the boot loader has them. */
export function byRelease(a: BootEntry, b: BootEntry): number {
  return releaseOf(b.id) - releaseOf(a.id);
}

/** Decisions about the tree, apart from how it is kept. */
import { freeName } from "./names.ts";
import { filesFaults } from "./types.ts";

export type OnConflict = "refuse" | "version" | "rename";

/** What an arriving file becomes. */
export type Landing =
  | { readonly kind: "create"; readonly name: string }
  | { readonly kind: "version"; readonly nodeId: number };

/** `existing` is what has the name already. Throws `name-taken`. */
export function decideLanding(arrival: {
  readonly name: string;
  readonly onConflict: OnConflict;
  readonly existing: { readonly nodeId: number; readonly kind: "folder" | "file" } | undefined;
  readonly isTaken: (name: string) => boolean;
}): Landing {
  const { name, onConflict, existing, isTaken } = arrival;
  if (existing === undefined) return { kind: "create", name };
  if (onConflict === "version" && existing.kind === "file") return { kind: "version", nodeId: existing.nodeId };
  if (onConflict === "rename") return { kind: "create", name: freeName(name, isTaken) };
  throw filesFaults.fault("name-taken", `the folder has an entry named "${name}" already; choose another name`);
}

/** One request's range of a file's bytes: `end` is exclusive. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * What a Range header asks of a file (RFC 9110): undefined = all of it, also for several ranges and for units or forms
 * that are not known. Throws `range-not-satisfiable`.
 */
export function decideRange(header: string | undefined, sizeBytes: number): ByteRange | undefined {
  const [, first, last] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? "") ?? [];
  if (first === undefined || last === undefined || (first === "" && last === "")) return undefined;
  if (first !== "" && last !== "" && Number(last) < Number(first)) return undefined;
  const start = first === "" ? Math.max(0, sizeBytes - Number(last)) : Number(first);
  const end = first === "" || last === "" ? sizeBytes : Math.min(sizeBytes, Number(last) + 1);
  if (start >= end) {
    throw filesFaults.fault("range-not-satisfiable", `the file ends after ${sizeBytes} bytes`, {
      details: { sizeBytes },
    });
  }
  return { start, end };
}

/** Types that a browser shows without running anything of theirs. */
export function isShownInline(mediaType: string): boolean {
  return /^(?:image\/(?:png|jpeg|gif|webp|avif|bmp)|video\/(?:mp4|webm|ogg|quicktime)|audio\/[\w.+-]+|application\/pdf|text\/plain)$/.test(
    mediaType,
  );
}

/** A media type as it may be sent back; anything odd is a run of bytes. */
export function cleanMediaType(given: string | undefined): string {
  const type = given?.trim().toLowerCase() ?? "";
  return /^[a-z0-9][a-z0-9!#$&^_.+-]{0,63}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}$/.test(type)
    ? type
    : "application/octet-stream";
}

/** RFC 6266 with an ASCII form for old clients and the true name by RFC 5987. */
export function dispositionOf(kind: "inline" | "attachment", name: string): string {
  const plain = name.replaceAll(/[^\x20-\x7e]|["\\%]/g, "_");
  const encoded = encodeURIComponent(name).replaceAll(
    /['()*!]/g,
    (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `${kind}; filename="${plain}"; filename*=UTF-8''${encoded}`;
}

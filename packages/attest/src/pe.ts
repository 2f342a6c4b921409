/** Programs as firmware starts them: PE32+ files, their sections, and the digest by which they are signed and measured. */
import { createHash } from "node:crypto";
import { malformed } from "@piccolo/bytes";

const sectionsMax = 96;
const sectionHeaderBytes = 40;
const certificateTable = 4;
const pe32Plus = 0x20b;

export interface PeSection {
  readonly name: string;
  /** As it lies in memory: zeros follow where the file has less than its size in memory. */
  readonly content: Uint8Array;
}

interface Section {
  readonly name: string;
  readonly memoryBytes: number;
  readonly fileBytes: number;
  readonly fileAt: number;
}

interface Layout {
  readonly headersBytes: number;
  readonly checksumAt: number;
  readonly certificateEntryAt: number;
  readonly certificatesAt: number;
  readonly certificatesBytes: number;
  readonly sections: readonly Section[];
}

function nameOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  const name = Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString("latin1");
  if (!/^[!-~]+$/.test(name) || (end >= 0 && bytes.subarray(end).some((byte) => byte !== 0))) {
    throw malformed("a section of the program has no readable name");
  }
  return name;
}

function layoutOf(file: Uint8Array): Layout {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const within = (at: number, length: number, what: string): number => {
    if (at < 0 || at + length > file.length) throw malformed(`${what} lies outside the program's file`);
    return at;
  };
  const u16 = (at: number): number => view.getUint16(within(at, 2, "a field"), true);
  const u32 = (at: number): number => view.getUint32(within(at, 4, "a field"), true);

  if (u16(0) !== 0x5a4d) throw malformed("this is no program: it does not begin with MZ");
  const peAt = u32(0x3c);
  if (u32(peAt) !== 0x4550) throw malformed("this is no program of the PE form");
  const sectionCount = u16(peAt + 6);
  const optionalBytes = u16(peAt + 20);
  const optionalAt = peAt + 24;
  if (u16(optionalAt) !== pe32Plus) throw malformed("the program is not of the 64-bit PE form");
  if (u32(optionalAt + 108) <= certificateTable || optionalBytes < 112 + (certificateTable + 1) * 8) {
    throw malformed("the program has no room for a signature");
  }
  const headersBytes = u32(optionalAt + 60);
  const certificateEntryAt = optionalAt + 112 + certificateTable * 8;
  const tableAt = optionalAt + optionalBytes;
  if (sectionCount < 1 || sectionCount > sectionsMax) throw malformed(`the program has ${sectionCount} sections`);
  within(0, headersBytes, "the header");
  if (tableAt + sectionCount * sectionHeaderBytes > headersBytes) throw malformed("the program's header is cut off");

  const sections = Array.from({ length: sectionCount }, (_, index) => {
    const at = tableAt + index * sectionHeaderBytes;
    const section: Section = {
      name: nameOf(file.subarray(at, at + 8)),
      memoryBytes: u32(at + 8),
      fileBytes: u32(at + 16),
      fileAt: u32(at + 20),
    };
    if (section.fileBytes > 0) within(section.fileAt, section.fileBytes, `section ${section.name}`);
    return section;
  });
  let end = headersBytes;
  for (const section of sections.filter(({ fileBytes }) => fileBytes > 0).sort((a, b) => a.fileAt - b.fileAt)) {
    // Bytes that lie in two sections would be hashed twice, and what runs would not be what was looked at.
    if (section.fileAt < end) throw malformed(`section ${section.name} overlaps what lies before it`);
    end = section.fileAt + section.fileBytes;
  }
  const [certificatesAt, certificatesBytes] = [u32(certificateEntryAt), u32(certificateEntryAt + 4)];
  if (certificatesBytes > 0 && (certificatesAt < end || certificatesAt + certificatesBytes !== file.length)) {
    throw malformed("the program's signatures are not its end");
  }
  return { headersBytes, checksumAt: optionalAt + 64, certificateEntryAt, certificatesAt, certificatesBytes, sections };
}

/** The sections by name. `malformed` for what is no 64-bit PE file and where a name comes twice. */
export function readSections(file: Uint8Array): ReadonlyMap<string, PeSection> {
  const found = new Map<string, PeSection>();
  for (const { name, memoryBytes, fileBytes, fileAt } of layoutOf(file).sections) {
    if (found.has(name)) throw malformed(`the program has the section ${name} twice`);
    if (memoryBytes > file.length * 2 + (1 << 24)) throw malformed(`section ${name} is larger than its program`);
    const stored = file.subarray(fileAt, fileAt + Math.min(fileBytes, memoryBytes));
    if (stored.length === memoryBytes) {
      found.set(name, { name, content: stored });
      continue;
    }
    const content = new Uint8Array(memoryBytes);
    content.set(stored);
    found.set(name, { name, content });
  }
  return found;
}

/**
 * The Authenticode digest (Windows Authenticode Portable Executable Signature Format 1.0), by which firmware checks and measures a
 * program: all of it but its checksum, its signatures and where they lie.
 */
export function authenticodeDigest(
  file: Uint8Array,
  algorithm: "sha1" | "sha256" | "sha384" | "sha512" = "sha256",
): Uint8Array {
  const layout = layoutOf(file);
  const digest = createHash(algorithm);
  digest.update(file.subarray(0, layout.checksumAt));
  digest.update(file.subarray(layout.checksumAt + 4, layout.certificateEntryAt));
  digest.update(file.subarray(layout.certificateEntryAt + 8, layout.headersBytes));
  let hashed = layout.headersBytes;
  for (const { fileAt, fileBytes } of [...layout.sections].sort((a, b) => a.fileAt - b.fileAt)) {
    if (fileBytes === 0) continue;
    digest.update(file.subarray(fileAt, fileAt + fileBytes));
    hashed += fileBytes;
  }
  // Firmware counts what it hashed and takes the rest from there, as if no gap lay between the sections.
  const rest = file.length - layout.certificatesBytes;
  if (rest > hashed) digest.update(file.subarray(hashed, rest));
  return digest.digest();
}

/** A WIN_CERTIFICATE (PE Format, "Attribute Certificate Table") of PKCS #7; each begins at a multiple of eight. */
const certificateHeadBytes = 8;
const pkcsCertificate = 0x0002;
const signaturesMax = 8;

/** The signatures of a program (PKCS #7 SignedData, DER), in the order in which firmware tries them; empty for an unsigned one. */
export function signaturesOf(file: Uint8Array): readonly Uint8Array[] {
  const { certificatesAt, certificatesBytes } = layoutOf(file);
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const found: Uint8Array[] = [];
  const end = certificatesAt + certificatesBytes;
  for (let at = certificatesAt; at + certificateHeadBytes <= end;) {
    const bytes = view.getUint32(at, true);
    if (bytes < certificateHeadBytes || at + bytes > end) throw malformed("a signature of the program is cut off");
    if (view.getUint16(at + 6, true) === pkcsCertificate)
      found.push(file.subarray(at + certificateHeadBytes, at + bytes));
    if (found.length > signaturesMax) throw malformed(`the program has more than ${signaturesMax} signatures`);
    at += Math.ceil(bytes / 8) * 8;
  }
  return found;
}

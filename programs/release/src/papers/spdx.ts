/** The part of SPDX 2.3 that our bills of materials use, and whether a bill is one and names what it has to. */
import { z } from "zod";
import { malformed } from "@piccolo/bytes";
import type { InstalledPackage } from "../tree/packages.ts";

const billBytesMax = 16 << 20;
const problemsMax = 20;

const identifier = z.string().regex(/^SPDXRef-[A-Za-z0-9.-]+$/);
/** SPDX writes times in UTC, to the second. */
const time = z.string().regex(/^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\dZ$/);
/** A licence expression of identifiers, or what stands for the lack of one. */
const licence = z
  .string()
  .regex(/^(?:NOASSERTION|NONE|\(*[A-Za-z0-9.+-]+\)*(?: (?:AND|OR|WITH) \(*[A-Za-z0-9.+-]+\)*)*)$/);

const digestCharacters: Readonly<Record<string, number>> = { SHA1: 40, SHA256: 64, SHA384: 96, SHA512: 128 };

const checksum = z
  .strictObject({
    algorithm: z.enum(["SHA1", "SHA256", "SHA384", "SHA512"]),
    checksumValue: z.string().regex(/^[0-9a-f]+$/),
  })
  .refine((value) => value.checksumValue.length === digestCharacters[value.algorithm], "the digest has another length");

const externalReference = z.strictObject({
  referenceCategory: z.literal("PACKAGE-MANAGER"),
  referenceType: z.literal("purl"),
  referenceLocator: z.string().regex(/^pkg:[a-z]+\/\S+@\S+$/),
});

const describedPackage = z.strictObject({
  SPDXID: identifier,
  name: z.string().min(1),
  versionInfo: z.string().min(1),
  downloadLocation: z.union([z.literal(["NOASSERTION", "NONE"]), z.url()]),
  // With true, a digest over all files would be due.
  filesAnalyzed: z.literal(false),
  comment: z.string().optional(),
  sourceInfo: z.string().optional(),
  licenseDeclared: licence.optional(),
  checksums: z.array(checksum).optional(),
  externalRefs: z.array(externalReference).optional(),
});

const relationship = z.strictObject({
  spdxElementId: identifier,
  relationshipType: z.enum(["DESCRIBES", "CONTAINS"]),
  relatedSpdxElement: identifier,
});

const document = z.strictObject({
  spdxVersion: z.literal("SPDX-2.3"),
  dataLicense: z.literal("CC0-1.0"),
  SPDXID: z.literal("SPDXRef-DOCUMENT"),
  name: z.string().min(1),
  // A URI without a fragment: identifiers are put behind it with one.
  documentNamespace: z.url().refine((uri) => !uri.includes("#"), "the namespace has a fragment"),
  creationInfo: z.strictObject({
    created: time,
    creators: z.array(z.string().regex(/^(?:Tool|Person|Organization): \S/)).min(1),
  }),
  packages: z.array(describedPackage).min(1),
  relationships: z.array(relationship).min(1),
});

export type SpdxDocument = z.infer<typeof document>;
export type SpdxPackage = z.infer<typeof describedPackage>;

/** Reads a bill; `malformed` names the first things that are not as SPDX or `docs/spec/release-papers.md` want them. */
export function parseBill(text: string): SpdxDocument {
  if (text.length > billBytesMax) throw malformed("the bill of materials is over its bound");
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw malformed("the bill of materials is no JSON", cause);
  }
  const { success, data, error } = document.safeParse(json);
  if (!success) {
    const problems = error.issues.slice(0, problemsMax).map(({ path, message }) => `${path.join(".")}: ${message}`);
    throw malformed(`the bill of materials is not SPDX 2.3 as it has to be: ${problems.join("; ")}`);
  }
  checkReferences(data);
  return data;
}

function checkReferences({ SPDXID, packages, relationships }: SpdxDocument): void {
  const ids = [SPDXID, ...packages.map((each) => each.SPDXID)];
  const known = new Set<string>(ids);
  if (known.size !== ids.length) throw malformed("two things in the bill of materials have the same identifier");
  for (const { spdxElementId, relatedSpdxElement } of relationships) {
    for (const id of [spdxElementId, relatedSpdxElement])
      if (!known.has(id)) throw malformed(`the bill of materials relates ${id}, which is not in it`);
  }
  const described = relationships.filter(({ relationshipType }) => relationshipType === "DESCRIBES");
  const [main] = described;
  if (main === undefined || described.length !== 1 || main.spdxElementId !== SPDXID) {
    throw malformed("the bill of materials has to describe one thing");
  }
  const contained = new Set(
    relationships
      .filter((each) => each.relationshipType === "CONTAINS" && each.spdxElementId === main.relatedSpdxElement)
      .map((each) => each.relatedSpdxElement),
  );
  const loose = packages.find((each) => each.SPDXID !== main.relatedSpdxElement && !contained.has(each.SPDXID));
  if (loose !== undefined) throw malformed(`the bill of materials does not say where ${loose.name} belongs`);
}

/** The one thing the bill is about. */
export function describedBy(bill: SpdxDocument): SpdxPackage {
  const id = bill.relationships.find(({ relationshipType }) => relationshipType === "DESCRIBES")?.relatedSpdxElement;
  const found = bill.packages.find(({ SPDXID }) => SPDXID === id);
  if (found === undefined) throw malformed("the bill of materials does not have what it describes");
  return found;
}

/** The package URL. What counts before a version (epoch) stands in it for Debian, and behind it for Fedora. */
export function urlOf({ kind, name, version, architecture }: InstalledPackage): string {
  const [, epoch = "0", plain = version] = kind === "rpm/fedora" ? (/^(\d+):(.*)$/.exec(version) ?? []) : [];
  const more = epoch === "0" ? "" : `&epoch=${epoch}`;
  return `pkg:${kind}/${encodeURIComponent(name)}@${encodeURIComponent(plain)}?arch=${architecture}${more}`;
}

/** What is installed and not in the bill, in the same version. */
export function missingFrom(bill: SpdxDocument, installed: readonly InstalledPackage[]): readonly string[] {
  const listed = new Set(
    bill.packages.flatMap(({ externalRefs = [] }) => externalRefs.map(({ referenceLocator }) => referenceLocator)),
  );
  return installed.filter((each) => !listed.has(urlOf(each))).map(({ name, version }) => `${name} ${version}`);
}

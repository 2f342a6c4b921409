/** What a release is made of, as an SPDX 2.3 document. `docs/spec/release-papers.md`. */
import type { InstalledPackage } from "../tree/packages.ts";
import { urlOf, type SpdxDocument, type SpdxPackage } from "./spdx.ts";

export interface LockedPackage {
  readonly version?: string;
  readonly integrity?: string;
  readonly license?: string;
  readonly dev?: boolean;
  readonly link?: boolean;
}

export interface BillFacts {
  readonly version: string;
  readonly commit: string;
  readonly epochS: number;
  /** What the root has, and what of the tools lies in boot loader and boot image. */
  readonly system: readonly InstalledPackage[];
  /** `packages` of package-lock.json. */
  readonly locked: Readonly<Record<string, LockedPackage>>;
}

const spdxId = (name: string): string => `SPDXRef-${name.replaceAll(/[^A-Za-z0-9.-]/g, "-")}`;

const purl = (referenceLocator: string): NonNullable<SpdxPackage["externalRefs"]>[number] => ({
  referenceCategory: "PACKAGE-MANAGER",
  referenceType: "purl",
  referenceLocator,
});

const systemPackage = (installed: InstalledPackage): SpdxPackage => ({
  SPDXID: spdxId(`${installed.kind.slice(0, 3)}-${installed.name.replaceAll("+", ".plus.")}`),
  name: installed.name,
  versionInfo: installed.version,
  downloadLocation: "NOASSERTION",
  filesAnalyzed: false,
  sourceInfo: `built from the source package ${installed.source}`,
  externalRefs: [purl(urlOf(installed))],
});

function npmPackage(path: string, { version = "", integrity, license }: LockedPackage): SpdxPackage {
  const name = path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length);
  const digest = Buffer.from((integrity ?? "").replace(/^sha512-/, ""), "base64").toString("hex");
  return {
    SPDXID: spdxId(`npm-${path.replaceAll("@", ".at.").replaceAll("/", ".")}-${version}`),
    name,
    versionInfo: version,
    downloadLocation: "NOASSERTION",
    filesAnalyzed: false,
    licenseDeclared: license ?? "NOASSERTION",
    ...(digest.length === 128 ? { checksums: [{ algorithm: "SHA512" as const, checksumValue: digest }] } : {}),
    externalRefs: [purl(`pkg:npm/${name.replace("@", "%40")}@${version}`)],
  };
}

/** Every package of the root, and every npm package that what runs on a device could have been bundled from. */
export function billOfMaterials({ version, commit, epochS, system, locked }: BillFacts): string {
  const npm = Object.entries(locked)
    .filter(([path, { dev, link }]) => path.includes("node_modules/") && dev !== true && link !== true)
    .map(([path, each]) => npmPackage(path, each));
  const packages = [...system.map(systemPackage), ...npm];
  const release: SpdxPackage = {
    SPDXID: "SPDXRef-release",
    name: "Piccolo-OS",
    versionInfo: version,
    downloadLocation: "NOASSERTION",
    filesAnalyzed: false,
    comment: `OSTree commit ${commit}`,
  };
  const document: SpdxDocument = {
    spdxVersion: "SPDX-2.3",
    dataLicense: "CC0-1.0",
    SPDXID: "SPDXRef-DOCUMENT",
    name: `piccolo-os-${version}`,
    documentNamespace: `https://piccolo.invalid/spdx/${commit}`,
    creationInfo: {
      created: new Date(epochS * 1000).toISOString().replace(".000", ""),
      creators: ["Tool: piccolo-release"],
    },
    packages: [release, ...packages],
    relationships: [
      { spdxElementId: "SPDXRef-DOCUMENT", relationshipType: "DESCRIBES", relatedSpdxElement: release.SPDXID },
      ...packages.map(({ SPDXID }) => ({
        spdxElementId: release.SPDXID,
        relationshipType: "CONTAINS" as const,
        relatedSpdxElement: SPDXID,
      })),
    ],
  };
  return `${JSON.stringify(document, null, 1)}\n`;
}

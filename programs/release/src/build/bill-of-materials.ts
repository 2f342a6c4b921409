/** What a release is made of (SPDX 2.3) and how it came about (in-toto statement with SLSA provenance, in a DSSE envelope). */
import { hash } from "node:crypto";
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { readPackageList } from "../chroot/root-cache.ts";
import { repositoryRoot } from "../config.ts";
import { executeText } from "../process.ts";
import { fingerprintOf, publicKeyOf } from "../keys/read-key.ts";
import { signBytes, signingKeyOf } from "../keys/signing-key.ts";
import { installedPackages } from "../tree/packages.ts";
import type { ReleaseFacts } from "../tree/assemble.ts";
import type { ReleaseImage } from "./image.ts";
import type { Workshop } from "./workshop.ts";

interface LockedPackage {
  readonly version?: string;
  readonly integrity?: string;
  readonly license?: string;
  readonly dev?: boolean;
  readonly link?: boolean;
}

const sha256 = (bytes: Uint8Array | string): string => hash("sha256", bytes);
const spdxId = (name: string): string => `SPDXRef-${name.replaceAll(/[^A-Za-z0-9.-]/g, "-")}`;

function readLock(): Record<string, LockedPackage> {
  const text = readFileSync(join(repositoryRoot, "package-lock.json"), "utf8");
  return (JSON.parse(text) as { packages: Record<string, LockedPackage> }).packages;
}

/** Every Debian package of the root, and every npm package that what runs on a device could have been bundled from. */
export function billOfMaterials(shop: Workshop, release: ReleaseFacts, commit: string): string {
  const removed = new Set(readPackageList(join(shop.os, "debian/removed-packages.txt")));
  const left = installedPackages(shop.packagesRoot).filter(({ name }) => !removed.has(name));
  const debian = left.map(({ name, version, architecture, source }) => ({
    SPDXID: spdxId(`deb-${name}`),
    name,
    versionInfo: version,
    downloadLocation: "NOASSERTION",
    filesAnalyzed: false,
    sourceInfo: `built from the source package ${source}`,
    externalRefs: [purl(`pkg:deb/debian/${encodeURIComponent(name)}@${encodeURIComponent(version)}?arch=${architecture}`)],
  }));
  const npm = Object.entries(readLock())
    .filter(([path, { dev, link }]) => path.includes("node_modules/") && dev !== true && link !== true)
    .map(([path, { version = "", integrity, license }]) => {
      const name = path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length);
      const digest = Buffer.from((integrity ?? "").replace(/^sha512-/, ""), "base64").toString("hex");
      return {
        SPDXID: spdxId(`npm-${path}-${version}`),
        name,
        versionInfo: version,
        downloadLocation: "NOASSERTION",
        filesAnalyzed: false,
        licenseDeclared: license ?? "NOASSERTION",
        ...(digest.length === 128 ? { checksums: [{ algorithm: "SHA512", checksumValue: digest }] } : {}),
        externalRefs: [purl(`pkg:npm/${name.replace("@", "%40")}@${version}`)],
      };
    });
  const packages = [...debian, ...npm];
  const root = {
    SPDXID: "SPDXRef-release",
    name: "Piccolo-OS",
    versionInfo: release.version,
    downloadLocation: "NOASSERTION",
    filesAnalyzed: false,
    comment: `OSTree commit ${commit}`,
  };
  const document = {
    spdxVersion: "SPDX-2.3",
    dataLicense: "CC0-1.0",
    SPDXID: "SPDXRef-DOCUMENT",
    name: `piccolo-os-${release.version}`,
    documentNamespace: `https://piccolo.invalid/spdx/${commit}`,
    creationInfo: { created: timeOf(shop.epochS), creators: ["Tool: piccolo-release"] },
    packages: [root, ...packages],
    relationships: [
      { spdxElementId: "SPDXRef-DOCUMENT", relationshipType: "DESCRIBES", relatedSpdxElement: root.SPDXID },
      ...packages.map(({ SPDXID }) => ({
        spdxElementId: root.SPDXID,
        relationshipType: "CONTAINS",
        relatedSpdxElement: SPDXID,
      })),
    ],
  };
  return `${JSON.stringify(document, null, 1)}\n`;
}

const purl = (referenceLocator: string) => ({
  referenceCategory: "PACKAGE-MANAGER",
  referenceType: "purl",
  referenceLocator,
});

const timeOf = (epochS: number): string => new Date(epochS * 1000).toISOString().replace(".000", "");

/** The statement, signed with the key of the release's metadata. */
export async function provenance(
  shop: Workshop,
  release: ReleaseFacts,
  keys: string,
  image: ReleaseImage,
  bill: string,
): Promise<string> {
  const file = (path: string) => ({ name: basename(path), digest: { sha256: sha256(readFileSync(path)) } });
  const statement = {
    _type: "https://in-toto.io/Statement/v1",
    subject: [
      { name: "ostree-commit", digest: { sha256: image.commit.checksum } },
      file(image.uki),
      file(image.loader),
      { name: "sbom.spdx.json", digest: { sha256: sha256(bill) } },
    ],
    predicateType: "https://slsa.dev/provenance/v1",
    predicate: {
      buildDefinition: {
        buildType: "https://piccolo.invalid/build/image/v1",
        externalParameters: { version: release.version, number: release.number },
        internalParameters: { epoch: shop.epochS },
        resolvedDependencies: [
          { uri: "git+https://piccolo.invalid/piccolo-os", digest: { gitCommit: await sourceCommit() } },
          { name: "package-lock.json", digest: { sha256: sha256(readFileSync(join(repositoryRoot, "package-lock.json"))) } },
          ...installedPackages(shop.packagesRoot).map(({ name, version, architecture }) => ({
            uri: `pkg:deb/debian/${name}@${version}?arch=${architecture}`,
          })),
        ],
      },
      runDetails: { builder: { id: "https://piccolo.invalid/builder/local" } },
    },
  };
  const payloadType = "application/vnd.in-toto+json";
  const payload = Buffer.from(JSON.stringify(statement), "utf8");
  // DSSE signs type and payload with their lengths, so that neither passes for the other.
  const message = Buffer.concat([
    Buffer.from(`DSSEv1 ${payloadType.length} ${payloadType} ${payload.length} `, "utf8"),
    payload,
  ]);
  const signature = Buffer.from(await signBytes(signingKeyOf(keys, "metadata"), message)).toString("base64");
  const keyid = fingerprintOf(publicKeyOf(keys, "metadata"));
  const envelope = { payloadType, payload: payload.toString("base64"), signatures: [{ keyid, sig: signature }] };
  return `${JSON.stringify(envelope)}\n`;
}

async function sourceCommit(): Promise<string> {
  return (await executeText("git", ["rev-parse", "HEAD"], { cwd: repositoryRoot })).trim();
}

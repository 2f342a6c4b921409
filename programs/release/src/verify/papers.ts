/** A release's papers against its files: what needs neither a chroot nor a device. */
import { type KeyObject } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isFault } from "@piccolo/fault";
import { billName, digestOfFile, provenanceName, repositoryName } from "../build/publish.ts";
import { releaseFaults } from "../faults.ts";
import { commitSubject, openProvenance } from "../papers/provenance.ts";
import { describedBy, parseBill, type SpdxDocument } from "../papers/spdx.ts";

export interface CheckedPapers {
  readonly version: string;
  readonly number: number;
  readonly commit: string;
  /** Names of the release's files. */
  readonly files: readonly string[];
  readonly bill: SpdxDocument;
}

export const unfit = (message: string, cause?: unknown): Error =>
  releaseFaults.fault("release-unfit", message, cause === undefined ? {} : { cause });

function read(folder: string, name: string): string {
  try {
    return readFileSync(join(folder, name), "utf8");
  } catch (cause) {
    throw releaseFaults.fault("input-missing", `${join(folder, name)} cannot be read: is this a release's folder?`, {
      cause,
    });
  }
}

/** What is malformed here is a release that is unfit. */
async function asUnfit<T>(run: () => Promise<T> | T): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (isFault(error, "malformed")) throw unfit(error.message, error);
    throw error;
  }
}

/** Throws `release-unfit` where a file is not the one the provenance names, is missing, or is one too many. */
export function checkPapers(folder: string, metadataKey: KeyObject): Promise<CheckedPapers> {
  return asUnfit(async () => {
    const { subject, predicate } = openProvenance(read(folder, provenanceName), metadataKey);
    const subjects = new Map(subject.map(({ name, digest }) => [name, digest.sha256]));
    const commit = subjects.get(commitSubject);
    if (commit === undefined) throw unfit("the provenance names no commit");
    subjects.delete(commitSubject);
    for (const { name } of readdirSync(folder, { withFileTypes: true })) {
      if (name !== provenanceName && name !== repositoryName && !subjects.has(name))
        throw unfit(`${name} is not in the provenance`);
    }
    if (!subjects.has(billName)) throw unfit("the provenance names no bill of materials");
    for (const [name, expected] of subjects) {
      const found = await digestOfFile(join(folder, name)).catch((cause: unknown) => {
        throw unfit(`${name} is in the provenance and cannot be read`, cause);
      });
      if (found !== expected) throw unfit(`${name} is not the file that the provenance names`);
    }
    const bill = parseBill(read(folder, billName));
    const described = describedBy(bill);
    const { version, number } = predicate.buildDefinition.externalParameters;
    if (described.versionInfo !== version) throw unfit("the bill of materials is that of another version");
    if (described.comment !== `OSTree commit ${commit}`) throw unfit("the bill of materials is that of another commit");
    return { version, number, commit, files: [...subjects.keys()], bill };
  });
}

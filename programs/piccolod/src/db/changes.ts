/** What a delta carries (docs/spec/metadata-content.md, 4): the changesets of whole commits, compressed together. */
import { deflateRawSync, inflateRawSync } from "node:zlib";
import { ByteReader, ByteWriter, malformed } from "@piccolo/bytes";

const forms = { plain: 0, deflated: 1 } as const;
/** A delta is made of at most as much, but for a single commit larger than that. */
const largestChanges = 256 * 1024 * 1024;
/** Not even the smallest changes of as many commits fit into an entry; more would be there to fill a reader's memory. */
const mostCommits = 262_144;

/** Of no commit at all; each adds its `framedBytes`, and compressing them adds nothing. */
export const emptyBytes = 1;
export const framedBytes = (commit: Uint8Array): number => 4 + commit.length;

export function encodeChanges(commits: readonly Uint8Array[]): Uint8Array {
  const writer = new ByteWriter();
  for (const commit of commits) writer.sized(commit);
  const plain = writer.finish();
  const deflated = deflateRawSync(plain, { level: 6 });
  return deflated.length < plain.length
    ? new ByteWriter().u8(forms.deflated).fixed(deflated, deflated.length).finish()
    : new ByteWriter().u8(forms.plain).fixed(plain, plain.length).finish();
}

/** The changesets in the order of their commits. Throws `malformed`. */
export function decodeChanges(payload: Uint8Array): readonly Uint8Array[] {
  const reader = new ByteReader(payload);
  const form = reader.u8();
  const rest = reader.rest();
  const plain = new ByteReader(form === forms.deflated ? inflate(rest) : rest);
  if (form !== forms.plain && form !== forms.deflated) throw malformed("the changes have an unknown form");
  const commits: Uint8Array[] = [];
  while (plain.remaining > 0) {
    const commit = plain.sized(largestChanges);
    if (commit.length === 0) throw malformed("a commit changes nothing");
    if (commits.length === mostCommits) throw malformed("the changes are of too many commits");
    commits.push(commit);
  }
  return commits;
}

function inflate(bytes: Uint8Array): Uint8Array {
  try {
    return inflateRawSync(bytes, { maxOutputLength: largestChanges });
  } catch (cause) {
    throw malformed("the changes cannot be decompressed", cause);
  }
}

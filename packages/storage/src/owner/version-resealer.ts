import { discard } from "@piccolo/bytes";
import { newFek, versionIdBytes } from "@piccolo/envelope";
import type { ExtentRecord, VersionRecord } from "../ports/index.ts";
import type { EngineContext } from "./engine-context.ts";
import type { Resealed } from "./engine-types.ts";
import { engineFaults } from "./faults.ts";
import { assertPlaceable } from "./segment-placer.ts";
import { readVersion } from "./version-reader.ts";
import { extentPlainBytes, StreamingVersionWriter, type WrittenVersion } from "./version-writer.ts";

type Complete = VersionRecord & { readonly plainBytes: number };

export interface Course {
  readonly signal: AbortSignal;
  /** Called before each part that is sealed; stops there by throwing. */
  readonly mayGoOn: () => void;
}

/**
 * Seals a complete version under a fresh FEK of the current epoch. What fits one extent changes over in the commit of
 * that extent. A larger version grows as a replacement beside it, which outlives a restart and takes its place in one
 * commit; it is sealed as the version it will be.
 */
export async function sealVersionAnew(
  context: EngineContext,
  versionId: Uint8Array,
  course: Course,
): Promise<Resealed> {
  const version = context.metadata.version(versionId);
  if (version?.plainBytes === undefined) return "gone";
  const { epoch } = context.keys();
  if (version.fekEpoch >= epoch) return "current";
  const complete = { ...version, plainBytes: version.plainBytes };
  try {
    if (complete.plainBytes === 0) changeKeyOnly(context, complete, epoch);
    else if (complete.plainBytes <= extentPlainBytes) await sealAtOnce(context, complete, epoch, course);
    else await sealBeside(context, complete, epoch, course);
  } catch (error) {
    course.signal.throwIfAborted();
    if (context.metadata.version(versionId) === undefined) return "gone";
    throw error;
  }
  // What it was sealed in before is to be freed.
  context.wake();
  return "sealed";
}

/** Another re-key may have come while the content was sealed: then its FEK is an old one, too. */
function assertEpoch({ keys }: EngineContext, epoch: number): void {
  if (keys().epoch !== epoch) {
    throw engineFaults.fault("version-busy", "the owner's keys were changed while the version was sealed anew");
  }
}

function replacing(context: EngineContext, epoch: number, change: () => void): void {
  assertEpoch(context, epoch);
  context.crashPoint("before-replacement");
  change();
  context.crashPoint("after-replacement");
}

/** An empty version has no content to seal. */
function changeKeyOnly(context: EngineContext, { versionId }: Complete, epoch: number): void {
  const fek = newFek(context.world);
  try {
    const wrappedFek = context.keys().wrapFek(fek, versionId);
    replacing(context, epoch, () =>
      context.metadata.replaceContent({ versionId, wrappedFek, fekEpoch: epoch }, undefined),
    );
  } finally {
    fek.fill(0);
  }
}

async function sealAtOnce(context: EngineContext, version: Complete, epoch: number, course: Course): Promise<void> {
  const { versionId, plainBytes } = version;
  const { keys, metadata, world } = context;
  const fek = newFek(world);
  const wrappedFek = keys().wrapFek(fek, versionId);
  await copy(context, version, course, {
    versionId,
    fek,
    nextOrdinal: 0,
    committedBytes: 0,
    expectedBytes: plainBytes,
    mayWait: false,
    commit: (extent, segment) =>
      replacing(context, epoch, () =>
        metadata.replaceContent({ versionId, wrappedFek, fekEpoch: epoch }, { extent, segment }),
      ),
  });
}

async function sealBeside(context: EngineContext, version: Complete, epoch: number, course: Course): Promise<void> {
  const { versionId, plainBytes } = version;
  const { keys, metadata } = context;
  const replacement = replacementOf(context, versionId, epoch);
  const extents = metadata.extents(replacement.versionId);
  const committedBytes = plainBytesOf(extents);
  const fek = keys().unwrapFek(replacement.wrappedFek, replacement.versionId);
  if (committedBytes < plainBytes) {
    await copy(context, version, course, {
      versionId: replacement.versionId,
      sealedAs: versionId,
      fek: new Uint8Array(fek),
      nextOrdinal: extents.length,
      committedBytes,
      mayWait: false,
    }).catch((error: unknown) => {
      fek.fill(0);
      throw error;
    });
  }
  try {
    const wrappedFek = keys().wrapFek(fek, versionId);
    replacing(context, epoch, () => metadata.takeReplacement(versionId, wrappedFek));
  } finally {
    fek.fill(0);
  }
}

/** The one under way, or a new one; one from before another re-key is given up. Its FEK is wrapped as its own until then. */
function replacementOf(context: EngineContext, versionId: Uint8Array, epoch: number): VersionRecord {
  const { keys, metadata, world } = context;
  const known = metadata.replacementOf(versionId);
  if (known !== undefined && known.fekEpoch === epoch) return known;
  if (known !== undefined) metadata.removeVersion(known.versionId);
  const id = world.randomBytes(versionIdBytes);
  const fek = newFek(world);
  try {
    const begun = { versionId: id, wrappedFek: keys().wrapFek(fek, id), fekEpoch: epoch };
    metadata.beginReplacement(versionId, begun);
    return { ...begun, plainBytes: undefined };
  } finally {
    fek.fill(0);
  }
}

/** Reads what is not written yet and writes it; the writer's key is erased in any case. */
async function copy(
  context: EngineContext,
  version: Complete,
  { signal, mayGoOn }: Course,
  written: WrittenVersion,
): Promise<void> {
  const { versionId, plainBytes, wrappedFek } = version;
  const writer = new StreamingVersionWriter(context, written, signal, () => undefined);
  try {
    // Before anything is fetched that could not be stored.
    assertPlaceable(context);
    mayGoOn();
    const fek = context.keys().unwrapFek(wrappedFek, versionId);
    const extents = context.metadata.extents(versionId);
    const range = { start: written.committedBytes, end: plainBytes };
    for await (const bytes of readVersion(context, { versionId, fek, extents }, range, signal)) {
      mayGoOn();
      await writer.write(bytes);
      // The writer has copied it (docs/adr/0005-spent-buffers.md).
      discard(bytes);
    }
    await writer.finish();
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

const plainBytesOf = (extents: readonly ExtentRecord[]): number =>
  extents.reduce((sum, { plainBytes }) => sum + plainBytes, 0);

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { concat, malformed, toHex } from "@piccolo/bytes";
import { openExtent, sealExtent, sealedLength } from "@piccolo/envelope";
import { isFault } from "@piccolo/fault";
import { stripeCount } from "../../fragment/index.ts";
import type { CheckpointRun, CheckpointSegment } from "../../log/index.ts";
import { acknowledgedFragments, type Code } from "../../policy/index.ts";
import { type SegmentRecord, transportFaults, type VaultReader } from "../../ports/index.ts";
import { linkAbort, withLimit } from "../abort-link.ts";
import { gatherColumns, type GatheringContext } from "../column-gatherer.ts";
import { type EngineContext, reachableHolders } from "../engine-context.ts";
import { engineFaults } from "../faults.ts";
import { storeFragments } from "../fragment-store.ts";
import { chooseHolders } from "../placement.ts";
import { type CodecContext, decodeStripes, encodeSegment, segmentBufferBytes } from "../segment-codec.ts";
import type { CheckpointStore } from "./log-context.ts";

/** Plaintext of one segment: bounded so that with its parity little memory is taken. */
const segmentPlainBytes = 64 * 65_520;
/** Who is slower than this once enough have stored a segment does not get it. */
const stragglerGraceMs = 10_000;
const removalBatch = 256;
const removalLimitMs = 30_000;
/** Of one segment from central, over whatever line a home has. */
const vaultLimitMs = 120_000;
const maskLabel = "piccolo/metadata-log/v1/checkpoint-mask\0";

/** What storing and reading checkpoints needs of the engine. */
export type CheckpointStoreContext = Omit<GatheringContext, "codec"> &
  Pick<EngineContext, "policy" | "ownDomain" | "nextTurn"> & {
    readonly codec: Omit<CodecContext, "maskKey">;
    /** Where segments are read that too few holders can serve. */
    readonly vault?: Pick<VaultReader, "blob"> | undefined;
  };

/** Stores the content of checkpoints like that of files, only that nothing is recorded but in the checkpoint itself. */
export class SegmentCheckpointStore implements CheckpointStore {
  readonly #context: CheckpointStoreContext;
  #leansOnVault = false;

  constructor(context: CheckpointStoreContext) {
    this.#context = context;
  }

  get leansOnVault(): boolean {
    return this.#leansOnVault;
  }

  /** Copies are masked by a key that whoever opens the checkpoint has, also when the owner database is gone. */
  #codec({ key }: Pick<CheckpointRun, "key">): CodecContext {
    const maskKey = new Uint8Array(createHash("sha256").update(maskLabel).update(key).digest());
    return { ...this.#context.codec, maskKey };
  }

  async store(pieces: Iterable<Uint8Array>, signal: AbortSignal): Promise<CheckpointRun> {
    const { world } = this.#context;
    const run = { key: world.randomBytes(32), id: world.randomBytes(16) };
    const segments: CheckpointSegment[] = [];
    try {
      for (const plain of inSegments(pieces)) {
        signal.throwIfAborted();
        segments.push(await this.#storeSegment(run, segments.length, plain, signal));
      }
    } catch (error) {
      await this.remove([{ ...run, segments }], new AbortController().signal);
      throw error;
    }
    return { ...run, segments };
  }

  async #storeSegment(
    run: Pick<CheckpointRun, "key" | "id">,
    ordinal: number,
    plain: Uint8Array,
    signal: AbortSignal,
  ): Promise<CheckpointSegment> {
    const { world, members, ownDomain, nextTurn } = this.#context;
    const code = this.#code();
    const now = { nowMs: world.nowMs(), turn: nextTurn() };
    const holders = chooseHolders(members.holders(), ownDomain, code, now);
    const reachable = reachableHolders(this.#context);
    const targets = (holders ?? []).flatMap((account, index) => (reachable.has(account) ? [{ account, index }] : []));
    const enough = acknowledgedFragments(code);
    if (holders === undefined || targets.length < enough) throw tooFewHolders();
    const { salt, sealed } = sealExtent({ fek: run.key, versionId: run.id, ordinal, world }, plain);
    assert.equal(sealed.length, sealedLength(plain.length));
    const segmentId = world.randomBytes(16);
    const buffer = new Uint8Array(segmentBufferBytes(sealed.length, code));
    buffer.set(sealed);
    const coded = encodeSegment(this.#codec(run), { segmentId, sealedBytes: sealed.length, code }, buffer);
    const segment: CheckpointSegment = {
      segmentId,
      segmentRoot: coded.segmentRoot,
      ...code,
      sealedBytes: sealed.length,
      plainBytes: plain.length,
      fragmentBytes: coded.fragmentBytes,
      salt,
      holders,
    };
    const storing = storeFragments(this.#context, coded, targets, enough);
    signal.addEventListener("abort", storing.cancel, { once: true });
    try {
      const stored = await storing.enough;
      if (stored.length < enough) {
        await storing.settled;
        await this.remove([{ ...run, segments: [segment] }], new AbortController().signal);
        signal.throwIfAborted();
        throw tooFewHolders();
      }
      const over = new AbortController();
      const unlink = linkAbort(over, signal);
      const late = world.sleep(stragglerGraceMs, over.signal).catch(() => undefined);
      await Promise.race([storing.settled, late]);
      unlink();
      over.abort();
      storing.cancel();
      return segment;
    } finally {
      signal.removeEventListener("abort", storing.cancel);
    }
  }

  #code(): Code {
    const { policy, members } = this.#context;
    const code = policy(members.holders().length + 1);
    if (code === undefined) throw tooFewHolders();
    return { k: code.k, n: code.n };
  }

  async *read(run: CheckpointRun, signal: AbortSignal): AsyncIterable<Uint8Array> {
    let fromVault = false;
    for (const ordinal of run.segments.keys()) {
      // Where central had to serve one segment, the same holders are not waited for with each of the others.
      const early = fromVault ? await this.#fromVault(run, ordinal, signal) : undefined;
      if (early !== undefined) {
        yield early;
        continue;
      }
      let piece: Uint8Array;
      try {
        piece = openSegment(run, ordinal, await this.sealedSegment(run, ordinal, signal));
      } catch (error) {
        signal.throwIfAborted();
        const kept = isFault(error, "not-enough-fragments") ? await this.#fromVault(run, ordinal, signal) : undefined;
        if (kept === undefined) throw error;
        fromVault = true;
        piece = kept;
      }
      yield piece;
    }
  }

  async sealedSegment(run: CheckpointRun, ordinal: number, signal: AbortSignal): Promise<Uint8Array> {
    const codec = this.#codec(run);
    const segment = segmentAt(run, ordinal);
    const { segmentId, k, n, fragmentBytes } = segment;
    const stripes = { first: 0, count: stripeCount(fragmentBytes) };
    const context = { ...this.#context, codec };
    const columns = await gatherColumns(context, recordOf(segment), stripes, { eager: true }, signal);
    return concat(...decodeStripes(codec, { segmentId, code: { k, n }, fragmentBytes }, stripes, columns).flat());
  }

  /**
   * A segment by central's copy, undefined where it has none that is right. The seal is under the run's key, which stands in
   * an entry that the device signed: other bytes, or those of another segment or account, do not open.
   */
  async #fromVault(run: CheckpointRun, ordinal: number, signal: AbortSignal): Promise<Uint8Array | undefined> {
    const { vault, report, world } = this.#context;
    if (vault === undefined) return undefined;
    const { segmentId } = segmentAt(run, ordinal);
    const late = transportFaults.fault("peer-timeout", "central did not hand out a segment in time");
    try {
      const bytes = await withLimit(world, { ms: vaultLimitMs, late }, signal, (limited) =>
        vault.blob(segmentId, limited),
      );
      const piece = openSegment(run, ordinal, bytes);
      this.#leansOnVault = true;
      return piece;
    } catch (error) {
      signal.throwIfAborted();
      if (!isFault(error)) throw error;
      report("vault-segment-of-no-use", { segment: toHex(segmentId), code: error.code });
      return undefined;
    }
  }

  async remove(runs: readonly CheckpointRun[], signal: AbortSignal): Promise<readonly string[]> {
    const { members } = this.#context;
    const byHolder = new Map<string, Uint8Array[]>();
    for (const { segmentId, holders } of runs.flatMap(({ segments }) => segments)) {
      for (const holder of holders) byHolder.set(holder, [...(byHolder.get(holder) ?? []), segmentId]);
    }
    const present = new Set(members.holders().map(({ account }) => account));
    const told = await Promise.all(
      Array.from(byHolder, async ([account, segmentIds]) => {
        // A former member cannot be asked any more; what it still has is ciphertext.
        if (!present.has(account)) return [];
        return (await this.#removeAt(account, segmentIds, signal)) ? [] : [account];
      }),
    );
    return told.flat();
  }

  async #removeAt(account: string, segmentIds: readonly Uint8Array[], signal: AbortSignal): Promise<boolean> {
    const { holderClient, world, report } = this.#context;
    const late = transportFaults.fault("peer-timeout", "the holder did not confirm a removal in time");
    try {
      for (let at = 0; at < segmentIds.length; at += removalBatch) {
        await withLimit(world, { ms: removalLimitMs, late }, signal, (limited) =>
          holderClient.remove(account, segmentIds.slice(at, at + removalBatch), limited),
        );
      }
      return true;
    } catch (error) {
      if (!isFault(error) && !signal.aborted) throw error;
      report("checkpoint-not-removed", { holder: account, code: isFault(error) ? error.code : "stopped" });
      return false;
    }
  }
}

function segmentAt(run: CheckpointRun, ordinal: number): CheckpointSegment {
  const segment = run.segments[ordinal];
  assert.ok(segment !== undefined, "a run is read segment by segment");
  return segment;
}

/** `bytes` are the segment's data columns; throws where they have another length, and what opening throws. */
function openSegment(run: CheckpointRun, ordinal: number, bytes: Uint8Array): Uint8Array {
  const { k, fragmentBytes, sealedBytes, salt, plainBytes } = segmentAt(run, ordinal);
  if (bytes.length !== k * fragmentBytes) throw malformed("a segment of a checkpoint has another length");
  const extent = { fek: run.key, versionId: run.id, ordinal, salt, plainBytes };
  return openExtent(extent, bytes.subarray(0, sealedBytes));
}

function recordOf(segment: CheckpointSegment): SegmentRecord {
  const placed = segment.holders.map((_, index) => index);
  return { ...segment, placed, state: "placed", createdAtMs: 0 };
}

function tooFewHolders(): Error {
  return engineFaults.fault("too-few-holders", "too few members are online to store a checkpoint of the metadata");
}

/** The content in runs of one segment each. */
function* inSegments(pieces: Iterable<Uint8Array>): Generator<Uint8Array> {
  let segment = new Uint8Array(segmentPlainBytes);
  let length = 0;
  for (const piece of pieces) {
    for (let at = 0; at < piece.length;) {
      const part = piece.subarray(at, at + segmentPlainBytes - length);
      segment.set(part, length);
      length += part.length;
      at += part.length;
      if (length < segmentPlainBytes) continue;
      yield segment;
      segment = new Uint8Array(segmentPlainBytes);
      length = 0;
    }
  }
  if (length > 0) yield segment.subarray(0, length);
}

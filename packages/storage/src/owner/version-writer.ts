import assert from "node:assert/strict";
import {
  chunkPlainBytes,
  chunkSealedBytes,
  chunkTagBytes,
  createExtentSealer,
  type ExtentSealer,
  sealedLength,
} from "@piccolo/envelope";
import { cellBytes, maxSegmentBytes, segmentIdBytes } from "../fragment/index.ts";
import type { ExtentRecord, SegmentRecord } from "../ports/index.ts";
import { linkAbort } from "./abort-link.ts";
import type { VersionWriter } from "./engine-types.ts";
import type { EngineContext } from "./engine-context.ts";
import { engineFaults } from "./faults.ts";
import type { Lease } from "./memory-budget.ts";
import { segmentBufferBytes } from "./segment-codec.ts";
import { placeSegment, type SealedSegment } from "./segment-placer.ts";

const chunksPerSegment = maxSegmentBytes / cellBytes;
/** Plaintext bytes of every extent of a version but its last. */
export const extentPlainBytes = chunksPerSegment * chunkPlainBytes;

/** What the writer writes, and how. */
export interface WrittenVersion {
  readonly versionId: Uint8Array;
  /** Taken over: erased when the writer ends. */
  readonly fek: Uint8Array;
  readonly nextOrdinal: number;
  readonly committedBytes: number;
  /** The version whose content it is by its seal, where that is another one than the one it is committed to. */
  readonly sealedAs?: Uint8Array;
  /** Plaintext bytes that still come; memory for no more is taken. */
  readonly expectedBytes?: number;
  /** Whether segments may wait in the spool; they may where it is absent. */
  readonly mayWait?: boolean;
  /** Commits an extent; where it is absent it is added to the version. */
  readonly commit?: (extent: ExtentRecord, segment: SegmentRecord) => void;
}

interface OpenSegment {
  readonly sealer: ExtentSealer;
  readonly ordinal: number;
  readonly segmentId: Uint8Array;
  readonly code: SealedSegment["code"];
  readonly mayWait: boolean;
  readonly lease: Lease;
  chunks: number;
  plainBytes: number;
  sealedBytes: number;
}

/**
 * Cuts what it is given into chunks, seals them into a segment, and hands each full segment over while it goes on with
 * the next. Segments become safe in any order and are committed in theirs.
 */
export class StreamingVersionWriter implements VersionWriter {
  readonly #context: EngineContext;
  readonly #version: WrittenVersion;
  readonly #ended: () => void;
  readonly #unlink: () => void;
  readonly #abort = new AbortController();
  /** A chunk is sealed only when it is known whether it is the extent's last, so up to one waits here. */
  readonly #waiting = new Uint8Array(chunkPlainBytes);
  #waitingBytes = 0;
  #open: OpenSegment | undefined;
  #ordinal: number;
  #committedBytes: number;
  #commits: Promise<void> = Promise.resolve();
  #failure: unknown;
  #state: "open" | "finished" | "aborted" = "open";

  constructor(context: EngineContext, version: WrittenVersion, signal: AbortSignal, ended: () => void) {
    this.#context = context;
    this.#version = version;
    this.#ordinal = version.nextOrdinal;
    this.#committedBytes = version.committedBytes;
    this.#ended = ended;
    this.#unlink = linkAbort(this.#abort, signal, context.stopping);
  }

  get committedBytes(): number {
    return this.#committedBytes;
  }

  async write(bytes: Uint8Array): Promise<void> {
    assert.equal(this.#state, "open");
    let at = 0;
    while (at < bytes.length) {
      this.#check();
      const open = this.#open ?? (await this.#openSegment());
      if (this.#waitingBytes === chunkPlainBytes) {
        this.#sealWaiting(open, false);
        continue;
      }
      // Whole chunks that are not the stream's end so far go in without being copied first.
      if (this.#waitingBytes === 0 && bytes.length - at > chunkPlainBytes) {
        this.#seal(open, bytes.subarray(at, at + chunkPlainBytes), open.chunks === chunksPerSegment - 1);
        at += chunkPlainBytes;
        continue;
      }
      const taken = Math.min(bytes.length - at, chunkPlainBytes - this.#waitingBytes);
      this.#waiting.set(bytes.subarray(at, at + taken), this.#waitingBytes);
      this.#waitingBytes += taken;
      at += taken;
      if (this.#waitingBytes === chunkPlainBytes && open.chunks === chunksPerSegment - 1) this.#sealWaiting(open, true);
    }
  }

  async finish(): Promise<void> {
    assert.equal(this.#state, "open");
    this.#check();
    if (this.#open !== undefined) this.#sealWaiting(this.#open, true);
    await this.#commits;
    this.#check();
    this.#state = "finished";
    this.#end();
  }

  async abort(): Promise<void> {
    if (this.#state !== "open") return;
    this.#state = "aborted";
    this.#abort.abort(new Error("the writer was aborted"));
    this.#open?.lease.release();
    this.#open = undefined;
    await this.#commits;
    this.#end();
  }

  #end(): void {
    this.#unlink();
    this.#version.fek.fill(0);
    this.#waiting.fill(0);
    this.#ended();
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure;
    this.#abort.signal.throwIfAborted();
  }

  async #openSegment(): Promise<OpenSegment> {
    const { policy, members, budget, world } = this.#context;
    const chosen = policy(members.holders().length + 1);
    const code = chosen === undefined ? undefined : { k: chosen.k, n: chosen.n };
    const { fek, versionId, sealedAs = versionId, expectedBytes, mayWait = true } = this.#version;
    const mostBytes = Math.min(maxSegmentBytes, expectedBytes === undefined ? Infinity : sealedLength(expectedBytes));
    const sizeBytes = code === undefined ? mostBytes : segmentBufferBytes(mostBytes, code);
    const lease = await budget.take(sizeBytes, this.#abort.signal);
    // A failure or an abort while this waited must not leave the memory taken.
    try {
      this.#check();
    } catch (error) {
      lease.release();
      throw error;
    }
    const ordinal = this.#ordinal++;
    const sealer = createExtentSealer({ fek, versionId: sealedAs, ordinal, world });
    this.#open = {
      sealer,
      ordinal,
      segmentId: world.randomBytes(segmentIdBytes),
      code,
      mayWait,
      lease,
      chunks: 0,
      plainBytes: 0,
      sealedBytes: 0,
    };
    return this.#open;
  }

  #sealWaiting(open: OpenSegment, last: boolean): void {
    const plain = this.#waiting.subarray(0, this.#waitingBytes);
    this.#waitingBytes = 0;
    this.#seal(open, plain, last);
  }

  #seal(open: OpenSegment, plain: Uint8Array, last: boolean): void {
    const out = open.lease.buffer.subarray(open.sealedBytes, open.sealedBytes + plain.length + chunkTagBytes);
    assert.ok(open.sealedBytes === open.chunks * chunkSealedBytes);
    open.sealedBytes += open.sealer.sealChunk(open.chunks++, last, plain, out);
    open.plainBytes += plain.length;
    if (last) this.#handOver(open);
  }

  #handOver(open: OpenSegment): void {
    this.#open = undefined;
    this.#context.crashPoint("segment-sealed");
    const placing = placeSegment(this.#context, open, this.#abort.signal);
    const before = this.#commits;
    this.#commits = (async () => {
      try {
        const placed = await placing;
        await before;
        try {
          if (this.#failure !== undefined) throw this.#failure;
          this.#abort.signal.throwIfAborted();
          this.#commit(open, placed.record);
        } catch (error) {
          placed.settle(false);
          throw error;
        }
        placed.settle(true);
        this.#context.events.committed(this.#version.versionId, this.#committedBytes);
      } catch (error) {
        await before;
        this.#failure ??= error;
      }
    })();
    // Stopping waits for it, so that nothing is committed or spooled behind the back of whoever stopped the engine.
    this.#context.track(this.#commits);
  }

  #commit(open: OpenSegment, record: SegmentRecord): void {
    const { metadata } = this.#context;
    const { versionId, commit = metadata.commitExtent.bind(metadata) } = this.#version;
    if (metadata.version(versionId) === undefined) {
      throw engineFaults.fault("version-unknown", "the upload was cancelled while its bytes came");
    }
    this.#context.crashPoint("before-extent-commit");
    commit(
      {
        versionId,
        ordinal: open.ordinal,
        segmentId: open.segmentId,
        offsetBytes: 0,
        plainBytes: open.plainBytes,
        salt: open.sealer.salt,
      },
      record,
    );
    this.#committedBytes += open.plainBytes;
    this.#context.crashPoint("after-extent-commit");
  }
}

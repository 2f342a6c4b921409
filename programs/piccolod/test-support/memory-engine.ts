import assert from "node:assert/strict";
import { toHex } from "@piccolo/bytes";
import type { Fault } from "@piccolo/fault";
import {
  type EngineOptions,
  engineFaults,
  extentPlainBytes,
  type OwnerEngine,
  type Resealed,
  type UnattendedOptions,
  type UnattendedVersion,
  type VersionPlacement,
  type VersionWriter,
} from "@piccolo/storage/owner";
import { orAborted, type SegmentState } from "@piccolo/storage/ports";

/** What a test makes of the engine, and the bytes it keeps over a restart. */
export class EngineControl {
  readonly segments = new Map<string, Uint8Array>();
  /** Thrown by the next commit of a segment. */
  writeFault: Fault | undefined;
  /** Thrown by reads after they gave this many bytes. */
  readFault: { readonly afterBytes: number; readonly fault: Fault } | undefined;
  /** Writes wait for it: slow holders. */
  writeGate: Promise<void> = Promise.resolve();
  /** Awaited before a version is sealed anew; what it throws, that throws. */
  sealGate: (versionId: Uint8Array) => Promise<void> = () => Promise.resolve();
  /** What new segments are. */
  state: SegmentState = "placed";
  reads = 0;
}

/** The owner engine without sealing, coding and holders: records as the real one's, plaintext in a map. */
export class MemoryEngine implements OwnerEngine {
  readonly #options: EngineOptions;
  readonly #control: EngineControl;
  readonly #writing = new Set<string>();
  readonly #unattended = new Set<string>();

  constructor(options: EngineOptions, control: EngineControl) {
    this.#options = options;
    this.#control = control;
  }

  beginVersion(): { readonly versionId: Uint8Array } {
    const versionId = this.#options.world.randomBytes(16);
    const keys = this.#options.keys();
    const wrappedFek = keys.wrapFek(new Uint8Array(32), versionId);
    this.#options.metadata.beginVersion({ versionId, wrappedFek, fekEpoch: keys.epoch });
    return { versionId };
  }

  beginUnattended(signal: AbortSignal, { mayWait = true }: UnattendedOptions = {}): UnattendedVersion {
    if (!mayWait && this.#control.state === "pending") {
      throw engineFaults.fault("too-few-holders", "too few members are online to take it");
    }
    const { world, metadata, sealFek } = this.#options;
    const versionId = world.randomBytes(16);
    metadata.beginVersion({ versionId, ...sealFek(new Uint8Array(32), versionId) });
    this.#unattended.add(toHex(versionId));
    return { versionId, writer: this.writer(versionId, signal) };
  }

  isUnattended(versionId: Uint8Array): boolean {
    return this.#unattended.has(toHex(versionId));
  }

  committedBytes(versionId: Uint8Array): number {
    return this.extentBytes(versionId).reduce((sum, bytes) => sum + bytes, 0);
  }

  extentBytes(versionId: Uint8Array): readonly number[] {
    return this.#options.metadata.extents(versionId).map(({ plainBytes }) => plainBytes);
  }

  writer(versionId: Uint8Array, signal: AbortSignal): VersionWriter {
    const name = toHex(versionId);
    if (this.#writing.has(name)) throw engineFaults.fault("version-busy", "another writer is at it");
    this.#writing.add(name);
    const control = this.#control;
    const committedBytes = (): number => this.committedBytes(versionId);
    const ended = (): void => void this.#writing.delete(name);
    let waiting: Uint8Array[] = [];
    let waitingBytes = 0;
    const commit = async (bytes: Uint8Array): Promise<void> => {
      await control.writeGate;
      signal.throwIfAborted();
      const { writeFault } = control;
      control.writeFault = undefined;
      if (writeFault !== undefined) throw writeFault;
      this.#commit(versionId, bytes);
    };
    const flush = async (): Promise<void> => {
      const whole = new Uint8Array(Buffer.concat(waiting));
      waiting = [];
      waitingBytes = 0;
      await commit(whole);
    };
    return {
      write: async (bytes) => {
        for (let rest = bytes; rest.length > 0;) {
          // A slice of a Buffer would be a view of the caller's bytes.
          const piece = new Uint8Array(rest.subarray(0, extentPlainBytes - waitingBytes));
          waiting.push(piece);
          waitingBytes += piece.length;
          rest = rest.subarray(piece.length);
          if (waitingBytes === extentPlainBytes) await flush();
        }
      },
      finish: async () => {
        if (waitingBytes > 0) await flush();
        ended();
      },
      abort: async () => {
        ended();
      },
      get committedBytes() {
        return committedBytes();
      },
    };
  }

  #commit(versionId: Uint8Array, bytes: Uint8Array): void {
    const { metadata, world, events } = this.#options;
    const segmentId = world.randomBytes(16);
    this.#control.segments.set(toHex(segmentId), bytes);
    metadata.commitExtent(
      {
        versionId,
        ordinal: this.extentBytes(versionId).length,
        segmentId,
        offsetBytes: 0,
        plainBytes: bytes.length,
        salt: new Uint8Array(16),
      },
      {
        segmentId,
        segmentRoot: new Uint8Array(32),
        k: 1,
        n: 1,
        sealedBytes: bytes.length,
        fragmentBytes: bytes.length,
        holders: ["ab".repeat(32)],
        placed: this.#control.state === "placed" ? [0] : [],
        state: this.#control.state,
        createdAtMs: world.nowMs(),
      },
    );
    events.committed(versionId, this.committedBytes(versionId));
    events.placementChanged(segmentId);
  }

  completeVersion(versionId: Uint8Array, plainBytes: number): void {
    assert.equal(this.committedBytes(versionId), plainBytes);
    this.#options.metadata.completeVersion(versionId, plainBytes);
  }

  removeVersion(versionId: Uint8Array): void {
    this.#options.metadata.removeVersion(versionId);
  }

  async *read(
    versionId: Uint8Array,
    range: { readonly start: number; readonly end: number },
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    this.#control.reads++;
    const { readFault } = this.#control;
    const whole = Buffer.concat(
      this.#options.metadata
        .extents(versionId)
        .map(({ segmentId }) => this.#control.segments.get(toHex(segmentId)) ?? new Uint8Array(0)),
    );
    let given = 0;
    for (let at = range.start; at < range.end; at += 65_536) {
      await Promise.resolve();
      signal.throwIfAborted();
      if (readFault !== undefined && given >= readFault.afterBytes) throw readFault.fault;
      const piece = whole.subarray(at, Math.min(range.end, at + 65_536));
      given += piece.length;
      yield new Uint8Array(piece);
    }
  }

  async sealAnew(versionId: Uint8Array, signal: AbortSignal, mayGoOn?: () => void): Promise<Resealed> {
    const { metadata, keys, world } = this.#options;
    const version = metadata.version(versionId);
    if (version?.plainBytes === undefined) return "gone";
    const { epoch } = keys();
    if (version.fekEpoch >= epoch) return "current";
    await orAborted(this.#control.sealGate(versionId), signal);
    mayGoOn?.();
    if (metadata.version(versionId) === undefined) return "gone";
    const wrappedFek = keys().wrapFek(world.randomBytes(32), versionId);
    const [extent] = metadata.extents(versionId);
    const bytes = extent === undefined ? undefined : this.#control.segments.get(toHex(extent.segmentId));
    if (extent === undefined || bytes === undefined) {
      metadata.replaceContent({ versionId, wrappedFek, fekEpoch: epoch }, undefined);
      return "sealed";
    }
    const segment = metadata.segment(extent.segmentId);
    assert.ok(segment !== undefined);
    const segmentId = world.randomBytes(16);
    this.#control.segments.set(toHex(segmentId), bytes);
    metadata.replaceContent(
      { versionId, wrappedFek, fekEpoch: epoch },
      { extent: { ...extent, segmentId }, segment: { ...segment, segmentId } },
    );
    return "sealed";
  }

  replacements(limit: number): readonly Uint8Array[] {
    return this.#options.metadata.replacements(limit);
  }

  describe(versionId: Uint8Array): VersionPlacement {
    const { metadata } = this.#options;
    const extents = metadata.extents(versionId);
    const segments = extents.map(({ segmentId }) => {
      const segment = metadata.segment(segmentId);
      assert.ok(segment !== undefined);
      return segment;
    });
    const plainBytes = extents.reduce((sum, extent) => sum + extent.plainBytes, 0);
    const isPending = segments.some(({ state }) => state === "pending");
    return { plainBytes, pendingBytes: isPending ? plainBytes : 0, segments };
  }

  placementState(versionId: Uint8Array): "durable" | "pending" {
    return this.describe(versionId).pendingBytes > 0 ? "pending" : "durable";
  }

  spool(): { readonly usedBytes: number; readonly limitBytes: number } {
    return { usedBytes: 0, limitBytes: 1_000 };
  }

  currentCode(): { readonly k: number; readonly n: number } | undefined {
    return undefined;
  }

  start(): void {}

  async stop(): Promise<void> {}

  wake(): void {}
}

import assert from "node:assert/strict";
import { equalConstantTime, toHex } from "@piccolo/bytes";
import { newFek, versionIdBytes } from "@piccolo/envelope";
import { isFault } from "@piccolo/fault";
import type { ExtentRecord, VersionRecord } from "../ports/index.ts";
import { linkAbort } from "./abort-link.ts";
import type { EngineContext, EngineOptions } from "./engine-context.ts";
import type {
  OwnerEngine,
  Resealed,
  UnattendedOptions,
  UnattendedVersion,
  VersionPlacement,
  VersionWriter,
} from "./engine-types.ts";
import { engineFaults } from "./faults.ts";
import { HolderHealth } from "./holder-health.ts";
import { MemoryBudget } from "./memory-budget.ts";
import { Spool } from "./spool.ts";
import { upkeepRound } from "./upkeep.ts";
import { readVersion } from "./version-reader.ts";
import { sealVersionAnew } from "./version-resealer.ts";
import { StreamingVersionWriter, type WrittenVersion } from "./version-writer.ts";

/** Background work looks again after this time even when nobody wakes it. */
const upkeepIntervalMs = 30_000;
const upkeepPauseMs = 1_000;
const readAheadBytes = 48 * 1024 * 1024;

class StorageOwnerEngine implements OwnerEngine {
  readonly #context: EngineContext;
  readonly #writing = new Set<string>();
  readonly #unattended = new Set<string>();
  readonly #inFlight = new Set<Promise<unknown>>();
  readonly #stopping = new AbortController();
  #turn = 0;
  #wakeUp: () => void = () => undefined;
  #running: Promise<void> | undefined;
  #stopObserving: () => void = () => undefined;

  constructor(options: EngineOptions, spool: Spool) {
    this.#context = {
      ...options,
      spool,
      budget: new MemoryBudget(options.memoryLimitBytes),
      readAhead: new MemoryBudget(readAheadBytes),
      health: new HolderHealth(options.world),
      placing: new Set(),
      confirmedRemovals: new Map(),
      nextTurn: () => this.#turn++,
      stopping: this.#stopping.signal,
      track: (work) => this.#track(work),
      wake: () => this.wake(),
    };
  }

  #track(work: Promise<unknown>): void {
    this.#inFlight.add(work);
    const forget = (): void => void this.#inFlight.delete(work);
    work.then(forget, (error: unknown) => {
      forget();
      this.#context.report("background-failed", { message: error instanceof Error ? error.message : "unknown" });
    });
  }

  beginVersion(): { readonly versionId: Uint8Array } {
    const { world, keys, metadata } = this.#context;
    const versionId = world.randomBytes(versionIdBytes);
    const { epoch } = keys();
    const fek = newFek(world);
    let wrappedFek: Uint8Array;
    try {
      wrappedFek = keys().wrapFek(fek, versionId);
    } finally {
      fek.fill(0);
    }
    metadata.beginVersion({ versionId, wrappedFek, fekEpoch: epoch });
    return { versionId };
  }

  #version(versionId: Uint8Array): VersionRecord {
    const version = this.#context.metadata.version(versionId);
    if (version === undefined) throw engineFaults.fault("version-unknown", "there is no such version");
    return version;
  }

  extentBytes(versionId: Uint8Array): readonly number[] {
    this.#version(versionId);
    return this.#context.metadata.extents(versionId).map(({ plainBytes }) => plainBytes);
  }

  committedBytes(versionId: Uint8Array): number {
    return this.extentBytes(versionId).reduce((sum, bytes) => sum + bytes, 0);
  }

  writer(versionId: Uint8Array, signal: AbortSignal): VersionWriter {
    const { wrappedFek, plainBytes } = this.#version(versionId);
    if (plainBytes !== undefined) throw engineFaults.fault("version-incomplete", "the version is complete already");
    if (this.#writing.has(toHex(versionId))) {
      throw engineFaults.fault("version-busy", "another request is writing this upload; wait until it has ended");
    }
    const extents = this.extentBytes(versionId);
    const fek = this.#context.keys().unwrapFek(wrappedFek, versionId);
    const committedBytes = this.committedBytes(versionId);
    return this.#write({ versionId, fek, nextOrdinal: extents.length, committedBytes }, signal);
  }

  #write(version: WrittenVersion, signal: AbortSignal): VersionWriter {
    const name = toHex(version.versionId);
    this.#writing.add(name);
    return new StreamingVersionWriter(this.#context, version, signal, () => void this.#writing.delete(name));
  }

  beginUnattended(signal: AbortSignal, options: UnattendedOptions = {}): UnattendedVersion {
    const { world, metadata, sealFek } = this.#context;
    const versionId = world.randomBytes(versionIdBytes);
    const fek = newFek(world);
    try {
      metadata.beginVersion({ versionId, ...sealFek(fek, versionId) });
    } catch (error) {
      fek.fill(0);
      throw error;
    }
    this.#unattended.add(toHex(versionId));
    return {
      versionId,
      writer: this.#write({ versionId, fek, nextOrdinal: 0, committedBytes: 0, ...options }, signal),
    };
  }

  isUnattended(versionId: Uint8Array): boolean {
    return this.#unattended.has(toHex(versionId));
  }

  completeVersion(versionId: Uint8Array, plainBytes: number): void {
    const committed = this.committedBytes(versionId);
    if (committed !== plainBytes) {
      throw engineFaults.fault("version-incomplete", `${committed} of ${plainBytes} bytes have arrived`, {
        details: { committed, declared: plainBytes },
      });
    }
    this.#context.metadata.completeVersion(versionId, plainBytes);
    this.#unattended.delete(toHex(versionId));
  }

  removeVersion(versionId: Uint8Array): void {
    this.#context.metadata.removeVersion(versionId);
    this.#unattended.delete(toHex(versionId));
    this.wake();
  }

  async *read(
    versionId: Uint8Array,
    range: { readonly start: number; readonly end: number },
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    const { metadata, keys } = this.#context;
    let { start } = range;
    for (;;) {
      const { wrappedFek } = this.#version(versionId);
      const extents = metadata.extents(versionId);
      const fek = keys().unwrapFek(wrappedFek, versionId);
      try {
        for await (const bytes of readVersion(
          this.#context,
          { versionId, fek, extents },
          { start, end: range.end },
          signal,
        )) {
          start += bytes.length;
          yield bytes;
        }
        return;
      } catch (error) {
        // What it was sealed in before may be gone by now: the reading goes on in what took its place.
        if (signal.aborted || !isFault(error) || !this.#wasSealedAnew(versionId, extents)) throw error;
      }
    }
  }

  #wasSealedAnew(versionId: Uint8Array, [first]: readonly ExtentRecord[]): boolean {
    const [now] = this.#context.metadata.extents(versionId);
    return first !== undefined && now !== undefined && !equalConstantTime(first.segmentId, now.segmentId);
  }

  async sealAnew(versionId: Uint8Array, signal: AbortSignal, mayGoOn: () => void = () => undefined): Promise<Resealed> {
    const name = toHex(versionId);
    if (this.#writing.has(name)) {
      throw engineFaults.fault(
        "version-busy",
        "the version is being written or sealed anew; wait until that has ended",
      );
    }
    this.#writing.add(name);
    try {
      return await sealVersionAnew(this.#context, versionId, { signal, mayGoOn });
    } finally {
      this.#writing.delete(name);
    }
  }

  replacements(limit: number): readonly Uint8Array[] {
    return this.#context.metadata.replacements(limit);
  }

  describe(versionId: Uint8Array): VersionPlacement {
    const { metadata } = this.#context;
    let plainBytes = 0;
    let pendingBytes = 0;
    const segments = metadata.extents(versionId).map((extent) => {
      const segment = metadata.segment(extent.segmentId);
      assert.ok(segment !== undefined, "every extent lies in a segment");
      plainBytes += extent.plainBytes;
      if (segment.state === "pending") pendingBytes += extent.plainBytes;
      const { segmentId, state, k, n, fragmentBytes, holders, placed } = segment;
      return { segmentId, state, k, n, fragmentBytes, holders, placed };
    });
    return { plainBytes, pendingBytes, segments };
  }

  placementState(versionId: Uint8Array): "durable" | "pending" {
    return this.describe(versionId).pendingBytes > 0 ? "pending" : "durable";
  }

  spool(): { readonly usedBytes: number; readonly limitBytes: number } {
    const { usedBytes, limitBytes } = this.#context.spool;
    return { usedBytes, limitBytes };
  }

  currentCode(): { readonly k: number; readonly n: number } | undefined {
    const code = this.#context.policy(this.#context.members.holders().length + 1);
    return code === undefined ? undefined : { k: code.k, n: code.n };
  }

  start(): void {
    assert.ok(this.#running === undefined && !this.#stopping.signal.aborted);
    this.#stopObserving = this.#context.members.onChange(() => this.wake());
    this.#running = this.#upkeep();
  }

  wake(): void {
    this.#wakeUp();
  }

  async #upkeep(): Promise<void> {
    const { signal } = this.#stopping;
    const { world, budget, report, mayWork } = this.#context;
    while (!signal.aborted) {
      const woken = Promise.withResolvers<undefined>();
      this.#wakeUp = () => woken.resolve(undefined);
      try {
        const again = mayWork?.() !== false && (await upkeepRound(this.#context, signal));
        if (again) woken.resolve(undefined);
      } catch (error) {
        // A bug in background work must be seen, but not take the owner's reads and writes down with it.
        if (!signal.aborted) report("upkeep-failed", { message: error instanceof Error ? error.message : "unknown" });
      }
      if (!budget.contended) budget.drop();
      const pause = new AbortController();
      const unlink = linkAbort(pause, signal);
      const timeout = world.sleep(upkeepIntervalMs, pause.signal).catch(() => undefined);
      await Promise.race([woken.promise, timeout]);
      unlink();
      pause.abort();
      // Many members come online together; one round after a moment serves them all.
      await world.sleep(upkeepPauseMs, signal).catch(() => undefined);
    }
  }

  async stop(): Promise<void> {
    this.#stopObserving();
    this.#stopping.abort(new Error("the engine stops"));
    await this.#running;
    while (this.#inFlight.size > 0) await Promise.allSettled(this.#inFlight);
  }
}

/** Opens the spool and makes the engine; `start` begins its background work. */
export async function createOwnerEngine(options: EngineOptions): Promise<OwnerEngine> {
  const spool = new Spool(options.spoolDisk, options.spoolLimitBytes);
  await spool.open((segmentId) => options.metadata.segment(segmentId)?.state === "pending");
  return new StorageOwnerEngine(options, spool);
}

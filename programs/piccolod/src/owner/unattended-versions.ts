import type { DatabaseSync } from "node:sqlite";
import type { OwnerEngine, UnattendedOptions } from "@piccolo/storage/owner";
import type { Backup } from "../backup/backup.ts";
import { transact } from "../db/database.ts";

/** So long a write waits for the device to have asked its witnesses. */
const readyWaitMs = 600_000;

export interface UnattendedVersionsOptions {
  readonly db: DatabaseSync;
  readonly engine: () => OwnerEngine;
  readonly backup: Pick<Backup, "untilReady" | "flush">;
}

export interface UnattendedWrite extends UnattendedOptions {
  readonly content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  readonly signal: AbortSignal;
  /** Notes whose version it is, in the commit that makes it whole: a version that nobody notes is found by nobody. */
  readonly note?: (versionId: Uint8Array, plainBytes: number) => void;
}

export interface UnattendedResult {
  readonly versionId: Uint8Array;
  readonly placement: "durable" | "pending";
  /** Enough witnesses have it; otherwise it is with them as soon as they are there. */
  readonly witnessed: boolean;
}

/**
 * Versions that the device writes by itself, locked or not, as backups of apps are: the device can seal them and not open
 * them. They are in no folder. The next unlocking wraps their keys like all others.
 */
export class UnattendedVersions {
  readonly #options: UnattendedVersionsOptions;

  constructor(options: UnattendedVersionsOptions) {
    this.#options = options;
  }

  /**
   * All of it or nothing. Throws what the engine's writer throws, `not-claimed`, and `backup-checking`, `backup-forked`
   * or `device-replaced` where the device may change nothing.
   */
  async write(wanted: UnattendedWrite): Promise<UnattendedResult> {
    const { versionId } = await this.put(wanted);
    const witnessed = await this.witnessed();
    return { versionId, placement: this.#options.engine().placementState(versionId), witnessed };
  }

  /** The same without asking whether enough witnesses have it: for one of many, after the last of which that is asked. */
  async put({ content, signal, note, ...options }: UnattendedWrite): Promise<{ readonly versionId: Uint8Array }> {
    const { db, engine: current, backup } = this.#options;
    await backup.untilReady(readyWaitMs, signal);
    const engine = current();
    const { versionId, writer } = engine.beginUnattended(signal, options);
    try {
      for await (const bytes of content) await writer.write(bytes);
      await writer.finish();
      const plainBytes = engine.committedBytes(versionId);
      transact(db, () => {
        engine.completeVersion(versionId, plainBytes);
        note?.(versionId, plainBytes);
      });
    } catch (error) {
      await writer.abort();
      engine.removeVersion(versionId);
      throw error;
    }
    return { versionId };
  }

  /** Whether enough witnesses have what was committed until now, after a bounded wait. */
  async witnessed(): Promise<boolean> {
    return (await this.#options.backup.flush()).witnessed;
  }
}

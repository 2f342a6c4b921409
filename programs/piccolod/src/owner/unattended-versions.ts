import type { DatabaseSync } from "node:sqlite";
import type { OwnerEngine } from "@piccolo/storage/owner";
import type { Backup } from "../backup/backup.ts";
import { transact } from "../db/database.ts";

/** So long a write waits for the device to have asked its witnesses. */
const readyWaitMs = 600_000;

export interface UnattendedVersionsOptions {
  readonly db: DatabaseSync;
  readonly engine: () => OwnerEngine;
  readonly backup: Pick<Backup, "untilReady" | "flush">;
}

export interface UnattendedWrite {
  readonly content: AsyncIterable<Uint8Array>;
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
  async write({ content, signal, note }: UnattendedWrite): Promise<UnattendedResult> {
    const { db, engine: current, backup } = this.#options;
    await backup.untilReady(readyWaitMs, signal);
    const engine = current();
    const { versionId, writer } = engine.beginUnattended(signal);
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
    const { witnessed } = await backup.flush();
    return { versionId, placement: engine.placementState(versionId), witnessed };
  }
}

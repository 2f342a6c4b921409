import type { DatabaseSync } from "node:sqlite";
import type { OwnLog } from "@piccolo/storage/ports";
import type { DurableFolder } from "../adapters/state-folder.ts";
import { NetworkStore } from "../network/store.ts";
import { StalenessStore } from "./staleness.ts";

/** What a recovery left that was cut short before the device had its owner: nothing of it may reach the next one. */
export function forgetUnfinished(parts: {
  readonly controlDb: DatabaseSync;
  readonly ownLog: OwnLog;
  readonly content: DurableFolder;
}): void {
  const { controlDb, ownLog, content } = parts;
  if (ownLog.position().sequence > 0) ownLog.empty();
  new NetworkStore(controlDb).replaceEntries([]);
  new StalenessStore(content).write(undefined);
}

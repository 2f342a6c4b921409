/**
 * Whether the key is being changed now, whoever began it: this page, the page before a reload, or the device, which goes
 * on by itself after a restart.
 */
import { useSecurity, useTasks } from "../api/queries.ts";

export interface KeyChange {
  /** False until the device has said how it is. */
  readonly isKnown: boolean;
  /** Why it did not say so, if anything went wrong. */
  readonly error: unknown;
  /** A change of the key is begun and not over, as the keys themselves tell. */
  readonly isRekeying: boolean;
  /** Another device has this one's place; undefined while that is not known. */
  readonly isReplaced: boolean | undefined;
  /** Begun and not over, also where nothing works on it at the moment. */
  readonly isUnderWay: boolean;
  /** The task that works on it. */
  readonly taskId: string | undefined;
}

export function useKeyChange(purpose: "new-phrase" | "re-key" | "reclaim"): KeyChange {
  const isAsked = purpose !== "new-phrase";
  const security = useSecurity(isAsked);
  const tasks = useTasks(isAsked);
  // Taking an account back changes the key, too; a try of it that has failed is begun again by its owner.
  const kinds: readonly string[] = purpose === "re-key" ? ["re-key", "reclaim"] : [purpose];
  const taskId = tasks.data?.tasks.find(({ kind, state }) => kinds.includes(kind) && state === "running")?.id;
  const rekey = security.data?.slots.rekey ?? "none";
  return {
    isKnown: !isAsked || (security.data !== undefined && tasks.data !== undefined),
    error: security.error ?? tasks.error ?? undefined,
    isRekeying: rekey !== "none",
    isReplaced: security.data === undefined ? undefined : security.data.replaced !== undefined,
    isUnderWay: isAsked && (taskId !== undefined || (purpose === "re-key" && rekey !== "none")),
    taskId,
  };
}

import type { Task } from "@piccolo/device-api";
import { catalogue } from "@piccolo/fault";

export const taskFaults = catalogue({
  "task-running": { retry: "later", meaning: "A task of this kind runs already; wait until it has ended." },
  "task-not-found": { retry: "never", meaning: "There is no such task; only the last ones are kept." },
  "not-cancellable": { retry: "never", meaning: "The task has ended, or has gone too far to be cancelled." },
  stopping: { retry: "later", meaning: "The device is stopping; do it again when it is back." },
  interrupted: { retry: "later", meaning: "The device was restarted while the task ran; start it again." },
});

/** How a task tells what it is doing. */
export interface TaskProgress {
  /** Aborted by a cancellation and when the device stops. */
  readonly signal: AbortSignal;
  /** `totalUnits` 0 = not known. */
  readonly report: (step: string, doneUnits?: number, totalUnits?: number) => void;
}

export type TaskWork = (progress: TaskProgress) => Promise<Record<string, unknown> | undefined>;

export interface TaskStart {
  readonly kind: Task["kind"];
  readonly subject?: string;
  readonly step: string;
  readonly cancellable: boolean;
  readonly work: TaskWork;
  /** Called once the work has ended because somebody cancelled it, and not because the device stops. */
  readonly cancelled?: () => void;
}

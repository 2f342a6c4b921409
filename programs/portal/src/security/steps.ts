/** What a long task has done so far, from the step it names now and those it named before. */
import type { Task } from "../api/queries.ts";

export interface StepLine {
  readonly text: string;
  readonly state: "done" | "running" | "failed";
}

type TaskView = Pick<Task, "state" | "step">;

/** Adds the step of a task to those seen before it. */
export function withStep(seen: readonly string[], task: TaskView): readonly string[] {
  return task.step === "" || seen.includes(task.step) ? seen : [...seen, task.step];
}

/** One line a step; the one named now is the last that began. */
export function stepLines(seen: readonly string[], task: TaskView): readonly StepLine[] {
  const steps = withStep(seen, task);
  const now = task.step === "" ? steps.length - 1 : steps.indexOf(task.step);
  return steps.slice(0, now + 1).map((text, index) => ({
    text,
    state: index < now || task.state === "done" ? "done" : task.state === "running" ? "running" : "failed",
  }));
}

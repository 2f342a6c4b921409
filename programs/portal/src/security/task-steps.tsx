/** A long task with the steps it named, so that it can be followed and nobody wonders whether it still runs. */
import { Check, CircleAlert } from "lucide-react";
import { useState } from "react";
import type { Task } from "../api/queries.ts";
import { Busy } from "../design/busy.tsx";
import { Progress } from "../design/notes.tsx";
import { stepLines, withStep } from "./steps.ts";

export function TaskSteps({ task, name }: { task: Task | undefined; name: string }) {
  const [seen, setSeen] = useState<readonly string[]>([]);
  if (task !== undefined && withStep(seen, task) !== seen) setSeen(withStep(seen, task));
  const lines = task === undefined ? [] : stepLines(seen, task);
  return (
    <div className="flex flex-col gap-4 rounded-2xl border border-line bg-surface p-5 shadow-soft">
      <Progress
        name={name}
        done={task?.state === "done" ? 1 : (task?.doneUnits ?? 0)}
        total={task?.state === "done" ? 1 : (task?.totalUnits ?? 0)}
      />
      <ol aria-live="polite" className="flex flex-col gap-2.5">
        {lines.map(({ text, state }) => (
          <li key={text} className={`flex items-start gap-3 ${state === "running" ? "font-medium" : "text-ink-soft"}`}>
            <span className="mt-1 shrink-0">
              {state === "done" ? (
                <Check aria-label="Done:" className="size-4 text-accent" />
              ) : state === "running" ? (
                <Busy className="size-4 text-accent" />
              ) : (
                <CircleAlert aria-label="Failed:" className="size-4 text-danger" />
              )}
            </span>
            {text}
          </li>
        ))}
        {lines.length === 0 ? <li className="text-ink-soft">It begins in a moment…</li> : null}
      </ol>
    </div>
  );
}

import { Banner } from "../design/notes.tsx";
import type { AppTask } from "./queries.ts";

/** Why what was asked for did not come about, in the device's own sentence. */
export function TaskNote({ task: { failed, isRunning }, before = "" }: { task: AppTask; before?: string }) {
  if (failed === undefined || isRunning) return null;
  return (
    <div className="mb-2 text-left">
      <Banner tone="danger" role="alert">
        {before} {failed.detail}
      </Banner>
    </div>
  );
}

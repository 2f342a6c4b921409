/** After the key was changed: the files of before keep their keys, until their owner wants new ones for them, too. */
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { device } from "../api/device.ts";
import { keys } from "../api/keys.ts";
import { useTask, useTasks } from "../api/queries.ts";
import { useCall } from "../api/use-call.ts";
import { Button } from "../design/button.tsx";
import { ProblemNote, Progress } from "../design/notes.tsx";
import { bytesInWords } from "../wording/bytes.ts";
import { PasswordDialog } from "./password-dialog.tsx";
import { newKeysInWords, type Security } from "./words.ts";

export function NewKeys({ reencryption }: { reencryption: Security["reencryption"] }) {
  const client = useQueryClient();
  const [asking, setAsking] = useState(false);
  const { state } = reencryption;
  if (state === "none") return null;
  const ask = (
    <PasswordDialog
      title="Give all files new keys?"
      text={
        <>
          Your device fetches {bytesInWords(reencryption.bytes)} from your network, encrypts them anew and sends them
          back. That can take hours and uses your connection; you can go on working, and stop it at any time. What
          somebody has copied already stays readable to them.
        </>
      }
      submit="Give new keys"
      onClose={() => setAsking(false)}
      onPassword={async (password) => {
        const task = await device.call("POST /security/re-encrypt", { body: { password } });
        client.setQueryData(keys.task(task.id), task);
        await Promise.all([keys.security, keys.tasks].map((queryKey) => client.invalidateQueries({ queryKey })));
      }}
    />
  );
  return (
    <div className="flex flex-col gap-3 border-b border-line py-4">
      <div className="flex flex-wrap items-center justify-between gap-x-4 gap-y-3">
        <div className="min-w-0 grow basis-64">
          <p className="font-medium">{state === "running" ? "Files are getting new keys" : "New keys for all files"}</p>
          <p className="text-sm text-ink-soft">{newKeysInWords(reencryption)}</p>
          {state === "offered" ? (
            <p className="text-sm text-ink-soft">
              Needed only if somebody may really have used the old phrase. New files have new keys anyway.
            </p>
          ) : null}
        </div>
        {state === "offered" ? <Button onClick={() => setAsking(true)}>Give new keys</Button> : null}
      </div>
      {state === "running" ? <Running /> : null}
      {asking ? ask : null}
    </div>
  );
}

function Running() {
  const client = useQueryClient();
  // After a reload the task is found again among those that run.
  const tasks = useTasks(true);
  const id = tasks.data?.tasks.find((task) => task.kind === "re-encrypt" && task.state === "running")?.id;
  const task = useTask(id).data;
  const cancel = useCall(async () => {
    if (id !== undefined) await device.call("DELETE /tasks/{id}", { params: { id } });
    await Promise.all([keys.security, keys.tasks].map((queryKey) => client.invalidateQueries({ queryKey })));
  });
  return (
    <div className="flex flex-col gap-3">
      <Progress name="Giving files new keys" done={task?.doneUnits ?? 0} total={task?.totalUnits ?? 0} />
      <div className="flex items-center justify-between gap-4">
        <p aria-live="polite" className="min-w-0 text-sm text-ink-soft">
          {task?.step ?? ""}
        </p>
        <Button busy={cancel.pending} disabled={id === undefined} onClick={() => cancel.run()} className="shrink-0">
          Stop
        </Button>
      </div>
      {cancel.error === undefined ? null : <ProblemNote error={cancel.error} />}
    </div>
  );
}

/** An app's backups: the last, the next, why not, and what can be done with them. */
import { useState } from "react";
import { Button } from "../design/button.tsx";
import { Dialog, DialogButtons } from "../design/dialog.tsx";
import { Group, Row } from "../design/group.tsx";
import { Banner, ProblemNote, Progress } from "../design/notes.tsx";
import { momentInWords } from "../wording/time.ts";
import { backupsInWords, drillHeldUpInWords, drillInWords, placeInWords } from "./backup-words.ts";
import { DeleteBackupDialog } from "./delete-copy-dialogs.tsx";
import { type AppBackup, type AppView, useAppCall, useAppTask, useBackups } from "./queries.ts";
import { TaskNote } from "./task-note.tsx";
import { isChangeUnderWay } from "./words.ts";

export function BackupsGroup({ view, name }: { view: AppView; name: string }) {
  const { id } = view.app;
  const [asking, setAsking] = useState<{ readonly what: "restore" | "delete"; readonly backup: AppBackup }>();
  const backups = useBackups(id, true);
  const make = useAppCall("POST /apps/{id}/backup");
  const drill = useAppCall("POST /app-backups/{id}/drill");
  const made = useAppTask("back-up-app", id);
  const drilled = useAppTask("drill-app", id);
  const restored = useAppTask("restore-app", id);
  const now = Date.now();
  const { data } = backups;
  if (data === undefined)
    return backups.isError ? <ProblemNote error={backups.error} onRetry={() => void backups.refetch()} /> : null;
  const { progress, trouble } = data;
  const [newest] = data.backups.filter(({ place }) => place === "network");
  const isBusy = isChangeUnderWay(view) || progress !== undefined;
  // What the device notes by itself, it says by itself.
  const isNoted = trouble !== undefined || (made.failed?.atMs ?? 0) < (data.lastAtMs ?? 0);
  const isDrillNoted = drilled.failed?.code === "drill-failed" || (drilled.failed?.atMs ?? 0) < (data.drill?.atMs ?? 0);
  return (
    <Group title="Backups">
      <Row name={backupsInWords(data, now)}>
        {make.isError ? <ProblemNote error={make.error} /> : null}
        {make.isError || isNoted ? null : <TaskNote task={made} />}
        <Button busy={make.isPending} disabled={isBusy} onClick={() => make.mutate({ params: { id } })}>
          Back up now
        </Button>
      </Row>
      {progress === undefined ? null : (
        <div aria-live="polite" className="flex flex-col gap-2 border-b border-line py-3">
          <span className="text-sm">{progress.step}</span>
          <Progress name={progress.step} done={progress.doneBytes} total={progress.totalBytes} />
        </div>
      )}
      {trouble === undefined ? null : (
        <div className="py-3">
          <Banner tone={data.state === "failing" ? "warn" : "calm"}>
            <strong className="font-semibold">{trouble.detail}</strong> {trouble.nextStep}
          </Banner>
        </div>
      )}
      {restored.failed === undefined ? null : (
        <div className="py-3">
          <TaskNote task={restored} before="It was not restored." />
        </div>
      )}
      {data.backups.map((backup) => (
        <Row
          key={backup.id}
          name={`Backup of ${momentInWords(backup.takenAtMs)}, version ${backup.version}`}
          note={placeInWords(backup)}
        >
          <span className="flex items-center gap-2 sm:justify-end">
            <Button disabled={isBusy} onClick={() => setAsking({ what: "restore", backup })}>
              Restore
            </Button>
            <Button look="quiet-danger" onClick={() => setAsking({ what: "delete", backup })}>
              Delete
            </Button>
          </span>
        </Row>
      ))}
      {data.backups.some(({ imageOnlyHere }) => imageOnlyHere) ? (
        <p className="py-3 text-sm text-ink-soft">
          The image of {name} exists on this device alone: another device gets its data back, and cannot start it.
        </p>
      ) : null}
      {newest === undefined ? null : (
        <Row
          name={data.drill === undefined ? "Whether a backup works was not tried yet." : drillInWords(data.drill, now)}
          note={data.drillHeldUp === undefined ? undefined : drillHeldUpInWords(data.drillHeldUp)}
        >
          {drill.isError ? <ProblemNote error={drill.error} /> : null}
          {drill.isError || isDrillNoted ? null : <TaskNote task={drilled} before="It could not be tried." />}
          <Button
            busy={drill.isPending || drilled.isRunning}
            disabled={isBusy}
            onClick={() => drill.mutate({ params: { id: newest.id } })}
          >
            Try it now
          </Button>
        </Row>
      )}
      {asking?.what === "restore" ? (
        <RestoreDialog id={id} name={name} backup={asking.backup} onClose={() => setAsking(undefined)} />
      ) : null}
      {asking?.what === "delete" ? (
        <DeleteBackupDialog id={id} backup={asking.backup} onClose={() => setAsking(undefined)} />
      ) : null}
    </Group>
  );
}

function RestoreDialog({
  id,
  name,
  backup,
  onClose,
}: {
  id: string;
  name: string;
  backup: AppBackup;
  onClose: () => void;
}) {
  const here = useAppCall("POST /apps/{id}/snapshots/{snapshotId}/restore", onClose);
  const fetched = useAppCall("POST /app-backups/{id}/restore", onClose);
  const error = here.error ?? fetched.error;
  return (
    <Dialog
      role="alertdialog"
      onClose={onClose}
      title="Restore this backup"
      text={`${name} gets the data of ${momentInWords(backup.takenAtMs)}. Its present data is copied first, so that you can come back.`}
    >
      {error === null ? null : <ProblemNote error={error} />}
      <DialogButtons>
        <Button onClick={onClose}>Cancel</Button>
        <Button
          look="primary"
          busy={here.isPending || fetched.isPending}
          onClick={() => {
            if (backup.place === "network") fetched.mutate({ params: { id: backup.id } });
            else here.mutate({ params: { id, snapshotId: backup.id } });
          }}
        >
          Restore
        </Button>
      </DialogButtons>
    </Dialog>
  );
}

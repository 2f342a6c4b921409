/** What is said before a copy of an app's data is deleted for good. */
import { device } from "../api/device.ts";
import { troubleOf } from "../api/problem.ts";
import { useCall } from "../api/use-call.ts";
import { Button } from "../design/button.tsx";
import { Dialog, DialogButtons } from "../design/dialog.tsx";
import { ProblemNote } from "../design/notes.tsx";
import { momentInWords } from "../wording/time.ts";
import { type AppBackup, type AppView, useAppCall, useAppsChanged } from "./queries.ts";

export function DeleteBackupDialog({ id, backup, onClose }: { id: string; backup: AppBackup; onClose: () => void }) {
  const here = useAppCall("DELETE /apps/{id}/snapshots/{snapshotId}", onClose);
  const there = useAppCall("DELETE /app-backups/{id}", onClose);
  const { place, takenAtMs } = backup;
  const saved = `What was saved on ${momentInWords(takenAtMs)} is gone then, for good.`;
  return (
    <DeleteDialog
      title="Delete this backup"
      text={`${saved} ${place === "device" ? "It is on this device alone, and its room is free again. " : ""}Other backups stay.`}
      error={here.error ?? there.error}
      isBusy={here.isPending || there.isPending}
      onDelete={() => {
        if (place === "network") there.mutate({ params: { id: backup.id } });
        else here.mutate({ params: { id, snapshotId: backup.id } });
      }}
      onClose={onClose}
    />
  );
}

/** Where some went and then one could not, all are asked for again. */
function unlessGone(error: unknown): void {
  if (troubleOf(error).code !== "app-backup-not-found") throw error;
}

/** All that the network has of an app that is not on the device. */
export function DeleteBackupsDialog({
  name,
  backups,
  onClose,
}: {
  name: string;
  backups: readonly AppBackup[];
  onClose: () => void;
}) {
  const renewed = useAppsChanged();
  const call = useCall(async () => {
    try {
      for (const { id } of backups) await device.call("DELETE /app-backups/{id}", { params: { id } }).catch(unlessGone);
    } finally {
      void renewed();
    }
  }, onClose);
  return (
    <DeleteDialog
      title={`Delete the backups of ${name}`}
      text="Everything that the network keeps of it is gone then, for good, and its room is free again."
      error={call.error}
      isBusy={call.pending}
      onDelete={() => call.run()}
      onClose={onClose}
    />
  );
}

export function DeleteRollbackDialog({ view, name, onClose }: { view: AppView; name: string; onClose: () => void }) {
  const call = useAppCall("DELETE /apps/{id}/rollback", onClose);
  const version = view.rollback?.version ?? "";
  return (
    <DeleteDialog
      title={`Delete the copy of version ${version}`}
      text={`${name} cannot go back to version ${version} then: the data it had is gone from this device, for good, and its room is free again. Its present data and its backups stay.`}
      error={call.error}
      isBusy={call.isPending}
      onDelete={() => call.mutate({ params: { id: view.app.id } })}
      onClose={onClose}
    />
  );
}

function DeleteDialog({
  title,
  text,
  error,
  isBusy,
  onDelete,
  onClose,
}: {
  title: string;
  text: string;
  error: unknown;
  isBusy: boolean;
  onDelete: () => void;
  onClose: () => void;
}) {
  return (
    <Dialog role="alertdialog" onClose={onClose} title={title} text={text}>
      {error === null || error === undefined ? null : <ProblemNote error={error} />}
      <DialogButtons>
        <Button onClick={onClose}>Cancel</Button>
        <Button look="danger" busy={isBusy} onClick={onDelete}>
          Delete
        </Button>
      </DialogButtons>
    </Dialog>
  );
}

/** Uninstalled apps, for as long as their data is here. */
import { Archive, RotateCcw, Trash2 } from "lucide-react";
import { useState } from "react";
import { Button, IconButton } from "../design/button.tsx";
import { Dialog, DialogButtons } from "../design/dialog.tsx";
import { Empty, ProblemNote, Skeleton } from "../design/notes.tsx";
import { isAt, useRoute } from "../navigation.ts";
import { untilInWords, whenInWords } from "../wording/time.ts";
import { AppIcon } from "./app-icon.tsx";
import { Page } from "./page.tsx";
import { type TrashedApp, useAppCall, useAppTrash } from "./queries.ts";
import { inLanguage } from "./words.ts";

export function AppTrashScreen() {
  const trash = useAppTrash();
  const [erasing, setErasing] = useState<TrashedApp>();
  return (
    <Page title="Uninstalled apps" text="Their data waits for 30 days." back={{ name: "Apps", to: { screen: "apps" } }}>
      {trash.data === undefined ? (
        trash.isError ? (
          <ProblemNote error={trash.error} onRetry={() => void trash.refetch()} />
        ) : (
          <Skeleton className="h-24" />
        )
      ) : trash.data.apps.length === 0 ? (
        <Empty picture={<Archive strokeWidth={1.2} className="size-14" />} title="Nothing here">
          <p>An app you uninstall comes here with its data.</p>
        </Empty>
      ) : (
        <ul aria-label="Uninstalled apps" className="max-w-3xl border-t border-line">
          {trash.data.apps.map((app) => (
            <TrashRow key={app.id} trashed={app} onErase={() => setErasing(app)} />
          ))}
        </ul>
      )}
      {erasing === undefined ? null : <EraseDialog trashed={erasing} onClose={() => setErasing(undefined)} />}
    </Page>
  );
}

function TrashRow({ trashed, onErase }: { trashed: TrashedApp; onErase: () => void }) {
  const [, navigate] = useRoute();
  const { app, trashedAtMs, purgeAtMs, nameTaken } = trashed;
  // The row goes with what was brought back, perhaps before the answer is there.
  const restore = useAppCall("POST /app-trash/{id}/restore", undefined, () => {
    if (isAt({ screen: "app-trash" })) navigate({ screen: "app", id: app.id });
  });
  const now = Date.now();
  const name = inLanguage(app.name, navigator.languages);
  return (
    <li className="flex min-h-16 flex-wrap items-center gap-3 border-b border-line py-2">
      <AppIcon icon={app.icon} className="size-10" />
      <div className="min-w-0 grow">
        <p className="truncate">{name}</p>
        <p className="text-sm text-ink-soft first-letter:uppercase">
          uninstalled {whenInWords(trashedAtMs, now)}, erased {untilInWords(purgeAtMs, now)}
        </p>
        {nameTaken ? (
          <p className="text-sm text-ink-soft">Uninstall the app of that name first to bring this one back.</p>
        ) : null}
      </div>
      {restore.isError ? <ProblemNote error={restore.error} /> : null}
      <Button
        look="quiet"
        aria-label={`Bring back ${name}`}
        disabled={nameTaken}
        busy={restore.isPending}
        icon={<RotateCcw aria-hidden="true" className="size-4" />}
        onClick={() => restore.mutate({ params: { id: trashed.id } })}
      >
        Bring back
      </Button>
      <IconButton name={`Erase ${name} now`} onClick={onErase} className="enabled:hover:text-danger">
        <Trash2 className="size-4.5" />
      </IconButton>
    </li>
  );
}

function EraseDialog({ trashed, onClose }: { trashed: TrashedApp; onClose: () => void }) {
  const erase = useAppCall("DELETE /app-trash/{id}", onClose);
  const name = inLanguage(trashed.app.name, navigator.languages);
  return (
    <Dialog
      role="alertdialog"
      onClose={onClose}
      title={`Erase the data of ${name}`}
      text="Its data and every copy of it on this device go now, and nothing brings them back. Backups in the network stay: they are on the page Apps under In your backups, and can be deleted there, too."
    >
      {erase.isError ? <ProblemNote error={erase.error} /> : null}
      <DialogButtons>
        <Button onClick={onClose}>Cancel</Button>
        <Button look="danger" busy={erase.isPending} onClick={() => erase.mutate({ params: { id: trashed.id } })}>
          Erase
        </Button>
      </DialogButtons>
    </Dialog>
  );
}

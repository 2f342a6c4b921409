/** Apps that are not on this device and have backups: what a device that replaces another can bring back. */
import { RotateCcw, Trash2 } from "lucide-react";
import { useState } from "react";
import { device } from "../api/device.ts";
import { newIdempotencyKey } from "../api/idempotency-key.ts";
import { useTasks } from "../api/queries.ts";
import { useCall } from "../api/use-call.ts";
import { Button, IconButton } from "../design/button.tsx";
import { Group, Row } from "../design/group.tsx";
import { ProblemNote } from "../design/notes.tsx";
import { hrefOf } from "../navigation.ts";
import { momentInWords } from "../wording/time.ts";
import { placeInWords } from "./backup-words.ts";
import { DeleteBackupsDialog } from "./delete-copy-dialogs.tsx";
import { type BackedUpApp, useAppCall, useAppsChanged, useAppTask, useBackedUpApps } from "./queries.ts";
import { TaskNote } from "./task-note.tsx";
import { inLanguage } from "./words.ts";

export function FormerApps() {
  const { data } = useBackedUpApps();
  const renewed = useAppsChanged();
  const tasks = useTasks(true);
  const [refusals, setRefusals] = useState<ReadonlyMap<string, unknown>>(new Map());
  const [deleting, setDeleting] = useState<BackedUpApp>();
  const underWay = tasks.data?.tasks.some(({ kind, state }) => kind === "restore-app" && state === "running") === true;
  const gone = data?.apps.filter(({ installed, backups }) => !installed && backups.length > 0) ?? [];
  const wanted = gone.filter(({ inTrash }) => !inTrash);
  // One that is refused keeps none of the others back, and each is told of at its app.
  const all = useCall(async (apps: readonly BackedUpApp[]) => {
    const answers = await Promise.allSettled(
      apps.map(({ backups: [newest] }) =>
        device.call(
          "POST /app-backups/{id}/restore",
          { params: { id: newest?.id ?? "" } },
          { idempotencyKey: newIdempotencyKey() },
        ),
      ),
    );
    setRefusals(
      new Map(
        apps.flatMap(({ app }, index) => {
          const answer = answers[index];
          return answer?.status === "rejected" ? [[app, answer.reason as unknown] as const] : [];
        }),
      ),
    );
    // Busy until the page shows what is under way now, so that nobody asks twice.
    await renewed();
  });
  if (gone.length === 0) return null;
  return (
    <div className="mt-8 max-w-3xl">
      <Group title="In your backups">
        {gone.map((app) => (
          <FormerApp
            key={app.app}
            app={app}
            refusal={refusals.get(app.app)}
            onBringBack={() => setRefusals(new Map([...refusals].filter(([id]) => id !== app.app)))}
            onDelete={() => setDeleting(app)}
          />
        ))}
        {all.error === undefined ? null : <ProblemNote error={all.error} />}
        {wanted.length < 2 ? null : (
          <Row name="They come with their data, as they were saved last.">
            <Button look="primary" busy={all.pending || underWay} onClick={() => all.run(wanted)}>
              Bring all back
            </Button>
          </Row>
        )}
      </Group>
      {deleting === undefined ? null : (
        <DeleteBackupsDialog
          name={inLanguage(deleting.name, navigator.languages)}
          backups={deleting.backups}
          onClose={() => setDeleting(undefined)}
        />
      )}
    </div>
  );
}

function FormerApp({
  app: { app, name, backups, inTrash },
  refusal,
  onBringBack,
  onDelete,
}: {
  app: BackedUpApp;
  /** Of the last time that all were to be brought back; nothing once this one alone is. */
  refusal: unknown;
  onBringBack: () => void;
  onDelete: () => void;
}) {
  const restore = useAppCall("POST /app-backups/{id}/restore");
  const task = useAppTask("restore-app", app);
  const [newest] = backups;
  if (newest === undefined) return null;
  const title = inLanguage(name, navigator.languages);
  const refused = refusal ?? restore.error ?? undefined;
  return (
    <Row name={`${title}, saved ${momentInWords(newest.takenAtMs)}`} note={placeInWords(newest)}>
      {refused === undefined ? (
        <TaskNote task={task} before="It was not brought back." />
      ) : (
        <ProblemNote error={refused} />
      )}
      <span className="flex flex-wrap items-center gap-2 sm:justify-end">
        {inTrash ? (
          <span className="text-ink-soft">
            Its newest data is under{" "}
            <a href={hrefOf({ screen: "app-trash" })} className="font-medium text-accent underline underline-offset-4">
              Uninstalled
            </a>
            .
          </span>
        ) : (
          <Button
            aria-label={`Bring back ${title}`}
            busy={restore.isPending || task.isRunning}
            icon={<RotateCcw aria-hidden="true" className="size-4" />}
            onClick={() => {
              onBringBack();
              restore.mutate({ params: { id: newest.id } });
            }}
          >
            Bring back
          </Button>
        )}
        <IconButton
          name={`Delete the backups of ${title}`}
          disabled={task.isRunning}
          onClick={onDelete}
          className="enabled:hover:text-danger"
        >
          <Trash2 className="size-4.5" />
        </IconButton>
      </span>
    </Row>
  );
}

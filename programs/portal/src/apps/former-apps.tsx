/** Apps that are not on this device and have backups: what a device that replaces another can bring back. */
import { RotateCcw } from "lucide-react";
import { device } from "../api/device.ts";
import { newIdempotencyKey } from "../api/idempotency-key.ts";
import { useTasks } from "../api/queries.ts";
import { useCall } from "../api/use-call.ts";
import { Button } from "../design/button.tsx";
import { Group, Row } from "../design/group.tsx";
import { ProblemNote } from "../design/notes.tsx";
import { momentInWords } from "../wording/time.ts";
import { placeInWords } from "./backup-words.ts";
import { type BackedUpApp, useAppCall, useAppsChanged, useBackedUpApps, useRunningTask } from "./queries.ts";
import { inLanguage } from "./words.ts";

export function FormerApps() {
  const { data } = useBackedUpApps();
  const renewed = useAppsChanged();
  const tasks = useTasks(true);
  const underWay = tasks.data?.tasks.some(({ kind, state }) => kind === "restore-app" && state === "running") === true;
  const gone = data?.apps.filter(({ installed, backups }) => !installed && backups.length > 0) ?? [];
  // One that is refused keeps none of the others back, and is told of once all have been asked for.
  const all = useCall(async (backups: BackedUpApp["backups"]) => {
    const answers = await Promise.allSettled(
      backups.map(({ id }) =>
        device.call("POST /app-backups/{id}/restore", { params: { id } }, { idempotencyKey: newIdempotencyKey() }),
      ),
    );
    renewed();
    const refused = answers.find((answer) => answer.status === "rejected");
    if (refused !== undefined) throw refused.reason;
  });
  if (gone.length === 0) return null;
  return (
    <div className="mt-8 max-w-3xl">
      <Group title="In your backups">
        {gone.map((app) => (
          <FormerApp key={app.app} app={app} />
        ))}
        {all.error === undefined ? null : <ProblemNote error={all.error} />}
        {gone.length < 2 ? null : (
          <Row name="They come with their data, as they were saved last.">
            <Button
              look="primary"
              busy={all.pending || underWay}
              onClick={() => all.run(gone.flatMap(({ backups }) => backups.slice(0, 1)))}
            >
              Bring all back
            </Button>
          </Row>
        )}
      </Group>
    </div>
  );
}

function FormerApp({ app: { app, name, backups } }: { app: BackedUpApp }) {
  const restore = useAppCall("POST /app-backups/{id}/restore");
  const underWay = useRunningTask("restore-app", app);
  const [newest] = backups;
  if (newest === undefined) return null;
  const title = inLanguage(name, navigator.languages);
  return (
    <Row name={`${title}, saved ${momentInWords(newest.takenAtMs)}`} note={placeInWords(newest)}>
      {restore.isError ? <ProblemNote error={restore.error} /> : null}
      <Button
        aria-label={`Bring back ${title}`}
        busy={restore.isPending || underWay}
        icon={<RotateCcw aria-hidden="true" className="size-4" />}
        onClick={() => restore.mutate({ params: { id: newest.id } })}
      >
        Bring back
      </Button>
    </Row>
  );
}

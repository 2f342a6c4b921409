/** Apps that are not on this device and have backups: what a device that replaces another can bring back. */
import { RotateCcw } from "lucide-react";
import { Button } from "../design/button.tsx";
import { Group, Row } from "../design/group.tsx";
import { ProblemNote } from "../design/notes.tsx";
import { momentInWords } from "../wording/time.ts";
import { placeInWords } from "./backup-words.ts";
import { type BackedUpApp, useAppCall, useBackedUpApps, useRunningTask } from "./queries.ts";
import { inLanguage } from "./words.ts";

export function FormerApps() {
  const { data } = useBackedUpApps();
  const restore = useAppCall("POST /app-backups/{id}/restore");
  const gone = data?.apps.filter(({ installed, backups }) => !installed && backups.length > 0) ?? [];
  if (gone.length === 0) return null;
  const all = (): void => {
    for (const { backups } of gone) if (backups[0] !== undefined) restore.mutate({ params: { id: backups[0].id } });
  };
  return (
    <div className="mt-8 max-w-3xl">
      <Group title="In your backups">
        {gone.map((app) => (
          <FormerApp key={app.app} app={app} />
        ))}
        {restore.isError ? <ProblemNote error={restore.error} /> : null}
        {gone.length < 2 ? null : (
          <Row name="They come with their data, as they were saved last.">
            <Button look="primary" busy={restore.isPending} onClick={all}>
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

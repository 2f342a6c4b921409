/** What has happened to an app, newest first. */
import { useState } from "react";
import { Button } from "../design/button.tsx";
import { Group } from "../design/group.tsx";
import { ProblemNote } from "../design/notes.tsx";
import { whenInWords } from "../wording/time.ts";
import { eventInWords, isBad } from "./event-words.ts";
import { useAppEvents } from "./queries.ts";

const shownAtFirst = 5;

export function EventsGroup({ id }: { id: string }) {
  const { data, isError, error, refetch } = useAppEvents(id);
  const [isLong, setIsLong] = useState(false);
  if (data === undefined)
    return isError ? (
      <Group title="What happened">
        <ProblemNote error={error} onRetry={() => void refetch()} />
      </Group>
    ) : null;
  const { events, restarts } = data;
  const shown = isLong ? events : events.slice(0, shownAtFirst);
  const now = Date.now();
  return (
    <Group title="What happened">
      {restarts === 0 ? null : (
        <p className="py-3 text-sm text-warn">
          {restarts === 1
            ? "In the last day it was started again once after it had ended by itself."
            : `In the last day it was started again ${restarts} times after it had ended by itself.`}
        </p>
      )}
      {events.length === 0 ? <p className="py-4 text-ink-soft">Nothing yet.</p> : null}
      <ul aria-label="What happened">
        {shown.map((event, at) => {
          const { title, detail } = eventInWords(event);
          return (
            <li
              key={`${event.atMs} ${events.length - at}`}
              className="flex flex-wrap justify-between gap-x-4 border-t border-line py-3 text-sm first:border-t-0"
            >
              <span className="min-w-0 basis-64 grow">
                <span className={isBad(event) ? "text-danger" : ""}>{title}</span>
                {detail === undefined ? null : <span className="block text-ink-soft">{detail}</span>}
              </span>
              <span className="text-ink-soft tabular-nums">{whenInWords(event.atMs, now)}</span>
            </li>
          );
        })}
      </ul>
      {events.length <= shownAtFirst ? null : (
        <div className="py-3">
          <Button onClick={() => setIsLong(!isLong)}>{isLong ? "Show fewer" : `Show all ${events.length}`}</Button>
        </div>
      )}
    </Group>
  );
}

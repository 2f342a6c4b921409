import type { AppLogLine } from "@piccolo/device-api";
import { useDeferredValue, useLayoutEffect, useRef, useState } from "react";
import { Button } from "../design/button.tsx";
import { Group } from "../design/group.tsx";
import { ProblemNote } from "../design/notes.tsx";
import { useProblemLog } from "./queries.ts";
import { useFollowedLog } from "./use-followed-log.ts";

const boxClass = "max-h-96 overflow-auto rounded-lg bg-sunken p-3 font-mono text-xs leading-relaxed";
const clock = (atMs: number): string => new Date(atMs).toLocaleTimeString();
/** Who has scrolled up by more than this reads what is above. */
const nearEnd = 24;

const states = {
  reading: "Reading…",
  following: "New lines appear by themselves.",
  broken: "The connection broke; it is tried again.",
} as const;

export function LogGroup({ id }: { id: string }) {
  const [open, setOpen] = useState(false);
  return (
    <Group title="Log">
      {open ? (
        <Followed id={id} />
      ) : (
        <div className="flex min-h-14 items-center justify-between gap-4 py-2">
          <span className="text-ink-soft">What the app says about its work.</span>
          <Button onClick={() => setOpen(true)}>Show</Button>
        </div>
      )}
    </Group>
  );
}

/** Under the problem itself: its version is gone from here, and what it said from the log below. */
export function ProblemLog({ id, told }: { id: string; told: string }) {
  const [open, setOpen] = useState(false);
  return open ? (
    <SaidLast id={id} told={told} />
  ) : (
    <Button className="self-start" onClick={() => setOpen(true)}>
      What it said
    </Button>
  );
}

function SaidLast({ id, told }: { id: string; told: string }) {
  const { data, isError, error, refetch } = useProblemLog(id, told);
  if (isError) return <ProblemNote error={error} onRetry={() => void refetch()} />;
  return (
    <div role="region" aria-label="What it said last" tabIndex={0} className={boxClass}>
      {data === undefined ? (
        <p className="text-ink-soft">Reading…</p>
      ) : (
        // Two lines may be alike in all they have.
        data.lines.map((line, at) => <Line key={at} line={line} />)
      )}
    </div>
  );
}

function Line({ line: { service, atMs, stream, text } }: { line: AppLogLine }) {
  return (
    <p className={`[overflow-wrap:anywhere] whitespace-pre-wrap ${stream === "err" ? "text-warn" : ""}`}>
      <span className="text-ink-faint">
        {clock(atMs)} {service}{" "}
      </span>
      {text}
    </p>
  );
}

function Followed({ id }: { id: string }) {
  const [typed, setTyped] = useState("");
  const query = useDeferredValue(typed);
  const { lines, state } = useFollowedLog(id, query);
  const box = useRef<HTMLDivElement>(null);
  const [atEnd, setAtEnd] = useState(true);
  // Before the browser paints: it tells of the scrolling of a frame, which would find the end further down already.
  useLayoutEffect(() => {
    const { current } = box;
    if (current !== null && atEnd) current.scrollTop = current.scrollHeight;
  }, [lines, atEnd]);
  return (
    <div className="flex flex-col gap-3 py-4">
      <input
        type="search"
        aria-label="Search the log"
        placeholder="Search"
        maxLength={200}
        value={typed}
        onChange={(event) => setTyped(event.currentTarget.value)}
        className="min-h-11 w-full rounded-lg border border-line-strong bg-surface px-3 text-base shadow-soft placeholder:text-ink-faint"
      />
      <div
        ref={box}
        role="log"
        aria-label="Lines"
        tabIndex={0}
        onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) =>
          setAtEnd(scrollHeight - scrollTop - clientHeight < nearEnd)
        }
        className={boxClass}
      >
        {lines.length === 0 ? (
          <p className="text-ink-soft">
            {state === "reading"
              ? "Reading…"
              : query === ""
                ? "Nothing was said yet."
                : "Nothing was said that matches."}
          </p>
        ) : (
          lines.map(({ key, ...line }) => <Line key={key} line={line} />)
        )}
      </div>
      <div className="flex min-h-8 items-center justify-between gap-4 text-sm text-ink-soft">
        <span>{atEnd || state !== "following" ? states[state] : "Scrolled up: new lines wait below."}</span>
        {atEnd ? null : (
          <Button
            look="quiet"
            onClick={() => {
              setAtEnd(true);
            }}
          >
            To the newest
          </Button>
        )}
      </div>
    </div>
  );
}

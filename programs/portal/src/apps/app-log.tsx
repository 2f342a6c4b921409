import { useDeferredValue, useState } from "react";
import { Button } from "../design/button.tsx";
import { Group } from "../design/group.tsx";
import { ProblemNote } from "../design/notes.tsx";
import { useLog } from "./queries.ts";

const clock = (atMs: number): string => new Date(atMs).toLocaleTimeString();

export function LogGroup({ id }: { id: string }) {
  const [open, setOpen] = useState(false);
  const [typed, setTyped] = useState("");
  const log = useLog(id, useDeferredValue(typed), open);
  const lines = log.data?.lines ?? [];
  return (
    <Group title="Log">
      {open ? (
        <div className="flex flex-col gap-3 py-4">
          <input
            type="search"
            aria-label="Search the log"
            placeholder="Search"
            value={typed}
            onChange={(event) => setTyped(event.currentTarget.value)}
            className="min-h-11 w-full rounded-lg border border-line-strong bg-surface px-3 text-base shadow-soft placeholder:text-ink-faint"
          />
          {log.isError ? <ProblemNote error={log.error} onRetry={() => void log.refetch()} /> : null}
          <div
            role="log"
            aria-label="Lines"
            tabIndex={0}
            className="max-h-96 overflow-auto rounded-lg bg-sunken p-3 font-mono text-xs leading-relaxed"
          >
            {lines.length === 0 ? (
              <p className="text-ink-soft">{log.isPending ? "Reading…" : "Nothing was said."}</p>
            ) : (
              lines.map(({ service, atMs, stream, text }, at) => (
                <p
                  key={`${atMs} ${service} ${at}`}
                  className={`[overflow-wrap:anywhere] whitespace-pre-wrap ${stream === "err" ? "text-warn" : ""}`}
                >
                  <span className="text-ink-faint">
                    {clock(atMs)} {service}{" "}
                  </span>
                  {text}
                </p>
              ))
            )}
          </div>
        </div>
      ) : (
        <div className="flex min-h-14 items-center justify-between gap-4 py-2">
          <span className="text-ink-soft">What the app says about its work.</span>
          <Button onClick={() => setOpen(true)}>Show</Button>
        </div>
      )}
    </Group>
  );
}

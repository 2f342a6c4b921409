/** What is being uploaded: in the corner on large screens, above the navigation on phones. */
import { ChevronDown, CircleAlert, CircleCheck, HardDrive, Pause, Play, RotateCcw, Upload, X } from "lucide-react";
import { useEffect, useRef, useState, useSyncExternalStore, type ReactNode } from "react";
import { Busy } from "../design/busy.tsx";
import { Button, IconButton } from "../design/button.tsx";
import { Dialog, DialogButtons } from "../design/dialog.tsx";
import { Progress } from "../design/notes.tsx";
import { isBusy, isCancellable, isRetriable, type UploadItem, type UploadPhase } from "./queue.ts";
import { summaryOf } from "./summary.ts";
import type { Uploads } from "./uploads.ts";
import { itemInWords, summaryDetail, summaryInWords } from "./words.ts";

/** Ticks while something moves, so that rates and waiting times stay true. */
function useNow(moving: boolean): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (!moving) return undefined;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer);
  }, [moving]);
  return now;
}

/** What asks the person comes first, what is done last. */
const order: Readonly<Record<UploadPhase, number>> = {
  conflict: 0,
  differs: 1,
  failed: 1,
  checking: 2,
  starting: 3,
  sending: 3,
  waiting: 4,
  paused: 5,
  unfinished: 6,
  done: 7,
};

const rowsMax = 200;
const foldAfterMs = 5_000;

/** What is safely stored folds away after a while, so that it does not cover the list; what begins unfolds again. */
function useFolding(settled: boolean): [boolean, (open: boolean) => void] {
  const [open, setOpen] = useState(true);
  useEffect(() => {
    if (!settled) return undefined;
    const timer = setTimeout(() => setOpen(false), foldAfterMs);
    return () => {
      clearTimeout(timer);
      setOpen(true);
    };
  }, [settled]);
  return [open, setOpen];
}

export function UploadPanel({ uploads }: { uploads: Uploads }) {
  const queue = useSyncExternalStore(uploads.subscribe, uploads.snapshot);
  const settled = queue.items.every(({ phase, placement }) => phase === "done" && placement !== "pending");
  const [open, setOpen] = useFolding(settled && queue.items.length > 0);
  const busy = queue.items.some(isBusy);
  const now = useNow(busy);
  if (queue.items.length === 0) return null;
  const summary = summaryOf(queue, now);
  const items = queue.items.toSorted((a, b) => order[a.phase] - order[b.phase]);
  // An answer for all of them counts for those that were added together.
  const asking = items.filter(({ phase }) => phase === "conflict");
  const askingBeside = ({ batch }: UploadItem): number => asking.filter((other) => other.batch === batch).length;
  const onlyDone = items.every(({ phase }) => phase === "done");
  return (
    <section
      aria-label="Uploads"
      className="fixed inset-x-2 bottom-[calc(4.5rem+env(safe-area-inset-bottom))] z-30 flex animate-rise flex-col overflow-hidden rounded-2xl border border-line bg-raised shadow-lifted md:inset-x-auto md:right-6 md:bottom-6 md:w-[25rem]"
    >
      <header className="flex items-center gap-2 py-1.5 pr-1.5 pl-4">
        <div className="min-w-0 grow py-1" aria-live="polite">
          <h2 className="truncate text-[0.9375rem] font-semibold">{summaryInWords(summary)}</h2>
          {summary.busy === 0 ? null : (
            <p className="truncate text-sm text-ink-soft tabular-nums" aria-hidden="true">
              {summaryDetail(summary)}
            </p>
          )}
        </div>
        {summary.done > 0 && !onlyDone ? (
          <Button look="quiet" onClick={() => uploads.dispatch({ type: "clear-ended" })}>
            Clear done
          </Button>
        ) : null}
        <IconButton
          name={open ? "Show less" : "Show uploads"}
          aria-expanded={open}
          aria-controls="uploads"
          onClick={() => setOpen(!open)}
        >
          <ChevronDown className={`size-5 transition-transform ${open ? "" : "rotate-180"}`} />
        </IconButton>
        {onlyDone ? (
          <IconButton name="Close uploads" onClick={() => uploads.dispatch({ type: "clear-ended" })}>
            <X className="size-5" />
          </IconButton>
        ) : null}
      </header>
      {summary.busy > 0 && !open ? (
        <div className="px-4 pb-3">
          <Progress
            name={summaryInWords(summary)}
            done={summary.durableBytes}
            ahead={summary.sentBytes}
            total={summary.sizeBytes}
          />
        </div>
      ) : null}
      {open && items.filter(isCancellable).length > 1 ? <ForAll items={items} uploads={uploads} /> : null}
      {open ? (
        <ul id="uploads" className="max-h-[min(24rem,50dvh)] overflow-y-auto overscroll-contain border-t border-line">
          {items.slice(0, rowsMax).map((item) => (
            <Row key={item.key} item={item} now={now} uploads={uploads} asking={askingBeside(item)} />
          ))}
          {items.length > rowsMax ? (
            <li className="px-4 py-3 text-sm text-ink-soft">and {items.length - rowsMax} more</li>
          ) : null}
        </ul>
      ) : null}
    </section>
  );
}

/** What can be done to all of them at once: a list may be longer than its rows. */
function ForAll({ items, uploads }: { items: readonly UploadItem[]; uploads: Uploads }) {
  const [asking, setAsking] = useState(false);
  const retriable = items.filter(isRetriable).length;
  const cancellable = items.filter(isCancellable).length;
  return (
    <div className="flex flex-wrap gap-1 px-1.5 pb-1.5">
      {retriable > 1 ? (
        <Button look="quiet" onClick={() => uploads.dispatch({ type: "resume-failed" })}>
          Try all again
        </Button>
      ) : null}
      <Button look="quiet" onClick={() => setAsking(true)}>
        Cancel all
      </Button>
      {asking ? (
        <Dialog
          role="alertdialog"
          onClose={() => setAsking(false)}
          title={`Cancel ${cancellable} uploads?`}
          text="What is uploaded already stays. To send the rest later, you have to choose it again."
        >
          <DialogButtons>
            <Button onClick={() => setAsking(false)}>Go on uploading</Button>
            <Button
              look="danger"
              onClick={() => {
                setAsking(false);
                uploads.cancelAll();
              }}
            >
              Cancel all
            </Button>
          </DialogButtons>
        </Dialog>
      ) : null}
    </div>
  );
}

function Row({ item, now, uploads, asking }: { item: UploadItem; now: number; uploads: Uploads; asking: number }) {
  const { filename, phase } = item;
  const words = itemInWords(item, now);
  const alarming = phase === "failed" || phase === "differs";
  return (
    <li data-phase={phase} className="flex flex-col gap-1.5 border-b border-line px-4 py-2.5 last:border-none">
      <div className="flex items-center gap-3">
        <PhaseIcon item={item} />
        <div className="min-w-0 grow">
          <p className="truncate text-[0.9375rem]">{filename}</p>
          <p className={`text-sm tabular-nums ${alarming ? "text-danger" : "text-ink-soft"}`}>{words}</p>
        </div>
        <RowButtons item={item} uploads={uploads} />
      </div>
      {phase === "sending" || phase === "starting" || phase === "paused" || phase === "unfinished" ? (
        <Progress
          name={`Upload of ${filename}`}
          quiet={phase === "paused" || phase === "unfinished"}
          done={item.durableBytes}
          ahead={item.sentBytes}
          total={Math.max(1, item.sizeBytes)}
        />
      ) : phase === "checking" ? (
        <Progress name={`Check of ${filename}`} done={item.checkedBytes} total={item.durableBytes} />
      ) : null}
      {phase === "conflict" ? <Conflict item={item} uploads={uploads} asking={asking} /> : null}
      {phase === "unfinished" || phase === "differs" ? <ChooseAgain item={item} uploads={uploads} /> : null}
    </li>
  );
}

function PhaseIcon({ item }: { item: UploadItem }) {
  const icons: Readonly<Record<UploadPhase, ReactNode>> = {
    waiting: <Upload className="size-5 text-ink-faint" />,
    starting: <Busy className="size-5 text-accent" />,
    sending: <Busy className="size-5 text-accent" />,
    checking: <Busy className="size-5 text-accent" />,
    paused: <Pause className="size-5 text-ink-faint" />,
    conflict: <CircleAlert className="size-5 text-warn" />,
    failed: <CircleAlert className="size-5 text-danger" />,
    differs: <CircleAlert className="size-5 text-danger" />,
    unfinished: <RotateCcw className="size-5 text-ink-faint" />,
    done:
      item.placement === "pending" ? (
        <HardDrive className="size-5 text-warn" />
      ) : (
        <CircleCheck className="size-5 text-accent" />
      ),
  };
  return (
    <span aria-hidden="true" className="shrink-0">
      {icons[item.phase]}
    </span>
  );
}

function RowButtons({ item, uploads }: { item: UploadItem; uploads: Uploads }) {
  const { key, filename, phase } = item;
  const resume = (): void => uploads.dispatch({ type: "resume", key });
  return (
    <div className="-mr-2 flex shrink-0">
      {phase === "sending" || phase === "starting" || (phase === "waiting" && item.retryAtMs === undefined) ? (
        <IconButton name={`Pause ${filename}`} onClick={() => uploads.dispatch({ type: "pause", key })}>
          <Pause className="size-4.5" />
        </IconButton>
      ) : null}
      {phase === "paused" ? (
        <IconButton name={`Go on with ${filename}`} onClick={resume}>
          <Play className="size-4.5" />
        </IconButton>
      ) : null}
      {(phase === "waiting" && item.retryAtMs !== undefined) || isRetriable(item) ? (
        <IconButton name={`Try ${filename} again`} onClick={resume}>
          <RotateCcw className="size-4.5" />
        </IconButton>
      ) : null}
      {phase === "conflict" ? null : (
        <IconButton
          name={
            phase === "done"
              ? `Dismiss ${filename}`
              : phase === "unfinished"
                ? `Discard ${filename}`
                : `Cancel ${filename}`
          }
          onClick={() => uploads.discard(key)}
        >
          <X className="size-4.5" />
        </IconButton>
      )}
    </div>
  );
}

function Conflict({ item, uploads, asking }: { item: UploadItem; uploads: Uploads; asking: number }) {
  const [all, setAll] = useState(false);
  const choose = (plan: "rename" | "version" | "skip") => (): void =>
    uploads.dispatch({ type: "choose", key: item.key, plan, all: all && asking > 1 });
  return (
    <div role="group" aria-label={`What to do with ${item.filename}`} className="flex flex-col gap-1 pb-1">
      <div className="flex flex-wrap gap-2 pt-1">
        {item.versionRefused === true ? null : <Button onClick={choose("version")}>New version</Button>}
        <Button onClick={choose("rename")}>Keep both</Button>
        <Button look="quiet" onClick={choose("skip")}>
          Skip
        </Button>
      </div>
      {asking > 1 ? (
        <label className="flex min-h-11 items-center gap-2 text-sm text-ink-soft md:min-h-8">
          <input
            type="checkbox"
            checked={all}
            onChange={(event) => setAll(event.currentTarget.checked)}
            className="size-4 accent-accent"
          />
          The same for all of them
        </label>
      ) : null}
    </div>
  );
}

function ChooseAgain({ item, uploads }: { item: UploadItem; uploads: Uploads }) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <div className="pb-1">
      <Button onClick={() => input.current?.click()}>Choose the file</Button>
      <input
        ref={input}
        type="file"
        hidden
        aria-label={`The file ${item.filename}`}
        onChange={({ currentTarget }) => {
          const file = currentTarget.files?.[0];
          if (file !== undefined) uploads.continueWith(item.key, file);
          currentTarget.value = "";
        }}
      />
    </div>
  );
}

/** Installed apps, and the way to more. */
import { Archive, CircleAlert, LayoutGrid, Plus, RefreshCw, TriangleAlert } from "lucide-react";
import { buttonClass } from "../design/button.tsx";
import { Empty, ProblemNote, Progress, Skeleton } from "../design/notes.tsx";
import { hrefOf } from "../navigation.ts";
import { AppIcon } from "./app-icon.tsx";
import { FormerApps } from "./former-apps.tsx";
import { type AppView, useApps } from "./queries.ts";
import { badgeOf, inLanguage, stateInWords } from "./words.ts";

export function AppsScreen() {
  const apps = useApps();
  const list = apps.data?.apps ?? [];
  return (
    <>
      <header className="mb-5 flex flex-wrap items-end justify-between gap-3">
        <div>
          <h1 className="text-2xl font-semibold">Apps</h1>
          <p className="text-ink-soft">What runs on this device, each app for itself.</p>
        </div>
        <div className="flex gap-2">
          <a href={hrefOf({ screen: "app-trash" })} className={buttonClass("quiet")}>
            <Archive aria-hidden="true" className="size-4" />
            Uninstalled
          </a>
          <a href={hrefOf({ screen: "catalog" })} className={buttonClass("primary")}>
            <Plus aria-hidden="true" className="size-4" />
            Get apps
          </a>
        </div>
      </header>
      {apps.isError && apps.data === undefined ? (
        <ProblemNote error={apps.error} onRetry={() => void apps.refetch()} />
      ) : apps.data === undefined ? (
        <Skeleton className="h-28" />
      ) : list.length === 0 ? (
        <Empty picture={<LayoutGrid strokeWidth={1.2} className="size-16" />} title="No apps yet">
          <p>Photos, notes, music: choose what this device should do for you.</p>
          <a href={hrefOf({ screen: "catalog" })} className={buttonClass("primary")}>
            Look at the catalog
          </a>
        </Empty>
      ) : (
        <ul aria-label="Installed apps" className="grid gap-3 sm:grid-cols-2 xl:grid-cols-3">
          {list.map((app) => (
            <AppCard key={app.app.id} view={app} />
          ))}
        </ul>
      )}
      <FormerApps />
    </>
  );
}

const badgeLooks = {
  danger: { className: "text-danger", icon: <CircleAlert aria-hidden="true" className="mt-0.5 size-4 shrink-0" /> },
  warn: { className: "text-warn", icon: <TriangleAlert aria-hidden="true" className="mt-0.5 size-4 shrink-0" /> },
  calm: { className: "text-accent", icon: <RefreshCw aria-hidden="true" className="mt-0.5 size-4 shrink-0" /> },
} as const;

function AppCard({ view }: { view: AppView }) {
  const { app, state, step, doneBytes = 0, totalBytes = 0 } = view;
  const name = inLanguage(app.name, navigator.languages);
  const badge = badgeOf(view);
  return (
    <li className="relative flex flex-col gap-3 rounded-2xl border border-line bg-surface p-4 shadow-soft hover:border-line-strong">
      <div className="flex items-center gap-4">
        <AppIcon icon={app.icon} className="size-14" />
        <div className="min-w-0 grow">
          <a href={hrefOf({ screen: "app", id: app.id })} className="font-semibold after:absolute after:inset-0">
            {name}
          </a>
          <p className={`truncate text-sm ${state === "failed" ? "text-danger" : "text-ink-soft"}`}>
            {step ?? stateInWords(state)}
          </p>
        </div>
        {state === "running" && view.openUrl !== undefined ? (
          <a
            href={view.openUrl}
            target="_blank"
            rel="noreferrer"
            className={buttonClass("secondary", "relative")}
            aria-label={`Open ${name}`}
          >
            Open
          </a>
        ) : null}
      </div>
      {step === undefined ? null : (
        <Progress name={`${name}: ${stateInWords(state)}`} done={doneBytes} total={totalBytes} />
      )}
      {badge === undefined ? null : (
        <p className={`flex items-start gap-2 text-sm ${badgeLooks[badge.tone].className}`}>
          {badgeLooks[badge.tone].icon}
          <span className="line-clamp-2 min-w-0">{badge.text}</span>
        </p>
      )}
    </li>
  );
}

/** What can be installed: search, categories, and a card for each app. */
import { FileCode2, Library, Search } from "lucide-react";
import { useDeferredValue, useState } from "react";
import { Button, buttonClass } from "../design/button.tsx";
import { Banner, Empty, ProblemNote, Skeleton } from "../design/notes.tsx";
import { hrefOf } from "../navigation.ts";
import { AppIcon } from "./app-icon.tsx";
import { InstallDialog } from "./install-dialog.tsx";
import { Page } from "./page.tsx";
import { PasteDialog } from "./paste-dialog.tsx";
import { type AppSource, type CatalogEntry, useCatalog } from "./queries.ts";
import { blockedInWords, categoryInWords, inLanguage } from "./words.ts";

interface Chosen {
  readonly source: AppSource;
  readonly name: string;
}

export function CatalogScreen() {
  const [typed, setTyped] = useState("");
  const query = useDeferredValue(typed);
  const [category, setCategory] = useState<string>();
  const [chosen, setChosen] = useState<Chosen>();
  /** While a manifest is asked for: what its field begins with. */
  const [pasting, setPasting] = useState<string>();
  const catalog = useCatalog(query, category);
  const sources = new Map(
    catalog.data?.catalogs.map(({ id, title }) => [id, inLanguage(title, navigator.languages)]) ?? [],
  );
  return (
    <Page title="Catalog" back={{ name: "Apps", to: { screen: "apps" } }}>
      <div className="flex flex-wrap items-center gap-2">
        <label className="relative min-w-0 grow basis-64">
          <span className="sr-only">Search the catalog</span>
          <Search aria-hidden="true" className="pointer-events-none absolute top-3.5 left-3 size-4 text-ink-faint" />
          <input
            type="search"
            value={typed}
            placeholder="Search apps"
            maxLength={100}
            onChange={(event) => setTyped(event.currentTarget.value)}
            className="min-h-11 w-full rounded-lg border border-line-strong bg-surface pr-3 pl-9 text-base shadow-soft placeholder:text-ink-faint"
          />
        </label>
        <Button icon={<FileCode2 aria-hidden="true" className="size-4" />} onClick={() => setPasting("")}>
          Install from a manifest
        </Button>
        <a href={hrefOf({ screen: "catalogs" })} className={buttonClass("quiet")}>
          <Library aria-hidden="true" className="size-4" />
          Catalogs
        </a>
      </div>
      <div role="group" aria-label="Categories" className="-mx-1 flex flex-wrap gap-1.5">
        {[undefined, ...(catalog.data?.categories ?? [])].map((name) => (
          <button
            key={name ?? ""}
            type="button"
            aria-pressed={category === name}
            onClick={() => setCategory(name)}
            className="min-h-11 rounded-full px-3.5 text-sm text-ink-soft hover:bg-sunken aria-pressed:bg-accent-soft aria-pressed:font-medium aria-pressed:text-accent md:min-h-9"
          >
            {name === undefined ? "All" : categoryInWords(name)}
          </button>
        ))}
      </div>
      {catalog.data?.catalogs.some(({ stale }) => stale) === true ? (
        <Banner tone="warn">A catalog has not been renewed for a long time; newer versions may be missing.</Banner>
      ) : null}
      {catalog.data === undefined ? (
        catalog.isError ? (
          <ProblemNote error={catalog.error} onRetry={() => void catalog.refetch()} />
        ) : (
          <Skeleton className="h-64" />
        )
      ) : catalog.data.entries.length === 0 ? (
        <Empty picture={<Search strokeWidth={1.2} className="size-14" />} title="No app is like that">
          <p>Try another word, or another category.</p>
        </Empty>
      ) : (
        <ul aria-label="Apps of the catalog" className="grid gap-3 sm:grid-cols-2 xl:grid-cols-3">
          {catalog.data.entries.map((entry) => (
            <EntryCard
              key={`${entry.catalog} ${entry.app.id}`}
              entry={entry}
              from={sources.size < 2 ? undefined : sources.get(entry.catalog)}
              onInstall={(name) =>
                setChosen({ source: { catalog: { catalog: entry.catalog, app: entry.app.id } }, name })
              }
            />
          ))}
        </ul>
      )}
      {chosen === undefined ? null : (
        <InstallDialog
          {...chosen}
          onClose={() => setChosen(undefined)}
          onBack={(manifest) => {
            setChosen(undefined);
            setPasting(manifest);
          }}
        />
      )}
      {pasting === undefined ? null : (
        <PasteDialog
          title="Install from a manifest"
          text="For apps no catalog of this device has. The device checks the manifest; whether its author can be trusted is up to you."
          before={pasting}
          onClose={() => setPasting(undefined)}
          onManifest={(manifest) => {
            setPasting(undefined);
            setChosen({ source: { manifest }, name: "an app of your own" });
          }}
        />
      )}
    </Page>
  );
}

function EntryCard({
  entry,
  from,
  onInstall,
}: {
  entry: CatalogEntry;
  /** Where there is more than one catalog: its title. */
  from: string | undefined;
  onInstall: (name: string) => void;
}) {
  const { app, blocked, offline } = entry;
  const name = inLanguage(app.name, navigator.languages);
  return (
    <li className="flex flex-col gap-3 rounded-2xl border border-line bg-surface p-4 shadow-soft">
      <div className="flex items-start gap-4">
        <AppIcon icon={app.icon} className="size-14" />
        <div className="min-w-0 grow">
          <h2 className="font-semibold">{name}</h2>
          <p className="text-sm text-ink-soft">{inLanguage(app.summary, navigator.languages)}</p>
          {from === undefined ? null : <p className="text-sm text-ink-faint">From {from}</p>}
        </div>
      </div>
      <div className="mt-auto flex items-center justify-between gap-3">
        <p className="text-sm text-ink-soft">
          {blocked === undefined
            ? offline
              ? "Ready on this device"
              : `Version ${app.version}`
            : blockedInWords(blocked)}
        </p>
        {blocked === undefined ? (
          <Button look="primary" aria-label={`Install ${name}`} onClick={() => onInstall(name)}>
            Install
          </Button>
        ) : null}
      </div>
    </li>
  );
}

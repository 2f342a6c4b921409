/** Where apps come from: the catalogs of this device, how each is, and the way to more. */
import { Library, Plus, RefreshCw, Trash2 } from "lucide-react";
import { useState } from "react";
import { Button, IconButton } from "../design/button.tsx";
import { Dialog, DialogButtons } from "../design/dialog.tsx";
import { Banner, Empty, ProblemNote, Skeleton } from "../design/notes.tsx";
import { AddCatalogDialog } from "./add-catalog-dialog.tsx";
import { catalogInWords, catalogTroubles, keyInGroups } from "./catalog-words.ts";
import { Page } from "./page.tsx";
import { type CatalogState, useCatalogCall, useCatalogs } from "./queries.ts";
import { inLanguage } from "./words.ts";

export function CatalogsScreen() {
  const catalogs = useCatalogs();
  const [adding, setAdding] = useState(false);
  const [removing, setRemoving] = useState<CatalogState>();
  return (
    <Page
      title="Catalogs"
      text="Where apps and their updates come from. This device takes a catalog only if its publisher's key signed it."
      back={{ name: "Catalog", to: { screen: "catalog" } }}
    >
      <div className="flex max-w-3xl flex-col gap-4">
        <Button
          look="primary"
          className="self-start"
          icon={<Plus aria-hidden="true" className="size-4" />}
          onClick={() => setAdding(true)}
        >
          Add a catalog
        </Button>
        {catalogs.data === undefined ? (
          catalogs.isError ? (
            <ProblemNote error={catalogs.error} onRetry={() => void catalogs.refetch()} />
          ) : (
            <Skeleton className="h-40" />
          )
        ) : catalogs.data.catalogs.length === 0 ? (
          <Empty picture={<Library strokeWidth={1.2} className="size-14" />} title="No catalogs">
            <p>Add one, or install an app from its manifest.</p>
          </Empty>
        ) : (
          <ul aria-label="Catalogs" className="flex flex-col gap-3">
            {catalogs.data.catalogs.map((state, at) => (
              <CatalogCard key={state.id ?? at} state={state} onRemove={() => setRemoving(state)} />
            ))}
          </ul>
        )}
      </div>
      {adding ? <AddCatalogDialog onClose={() => setAdding(false)} /> : null}
      {removing === undefined ? null : <RemoveDialog state={removing} onClose={() => setRemoving(undefined)} />}
    </Page>
  );
}

function nameOf({ index, builtIn, address }: CatalogState): string {
  if (index !== undefined) return inLanguage(index.title, navigator.languages);
  return builtIn ? "The system's catalog" : (address ?? "A catalog");
}

function CatalogCard({ state, onRemove }: { state: CatalogState; onRemove: () => void }) {
  const { id, builtIn, address, publicKey, index, problem } = state;
  const renew = useCatalogCall("POST /catalogs/{id}/renew");
  const now = Date.now();
  const name = nameOf(state);
  return (
    <li className="flex flex-col gap-3 rounded-2xl border border-line bg-surface px-4 py-3.5 shadow-soft sm:px-5">
      <div className="flex flex-wrap items-start justify-between gap-x-4 gap-y-2">
        <div className="min-w-0 grow basis-60 [overflow-wrap:anywhere]">
          <h2 className="font-semibold">{name}</h2>
          <p className="text-sm text-ink-soft first-letter:uppercase">{catalogInWords(state, now)}</p>
          {address === undefined || index === undefined ? null : <p className="text-sm text-ink-soft">{address}</p>}
        </div>
        {builtIn || id === undefined ? null : (
          <div className="flex items-center gap-1">
            <Button
              aria-label={`Look for a newer ${name}`}
              busy={renew.isPending}
              icon={<RefreshCw aria-hidden="true" className="size-4" />}
              onClick={() => renew.mutate({ params: { id } })}
            >
              Refresh
            </Button>
            <IconButton name={`Remove ${name}`} onClick={onRemove} className="enabled:hover:text-danger">
              <Trash2 className="size-4.5" />
            </IconButton>
          </div>
        )}
      </div>
      {catalogTroubles(state, now).map(({ tone, text }) => (
        <Banner key={text} tone={tone}>
          {text}
        </Banner>
      ))}
      {/* What the device keeps of a refusal says more than the refusal itself. */}
      {renew.isError && problem === undefined ? <ProblemNote error={renew.error} /> : null}
      {publicKey === undefined ? null : (
        <p className="text-xs text-ink-soft">
          Publisher's key <span className="font-mono [overflow-wrap:anywhere]">{keyInGroups(publicKey)}</span>
        </p>
      )}
    </li>
  );
}

function RemoveDialog({ state, onClose }: { state: CatalogState; onClose: () => void }) {
  const remove = useCatalogCall("DELETE /catalogs/{id}", onClose);
  return (
    <Dialog
      role="alertdialog"
      onClose={onClose}
      title={`Remove ${nameOf(state)}`}
      text="Apps installed from it stay and go on running. This device hears of no newer versions of them until you add the catalog again."
    >
      {remove.isError ? <ProblemNote error={remove.error} /> : null}
      <DialogButtons>
        <Button onClick={onClose}>Cancel</Button>
        <Button look="danger" busy={remove.isPending} onClick={() => remove.mutate({ params: { id: state.id ?? "" } })}>
          Remove
        </Button>
      </DialogButtons>
    </Dialog>
  );
}

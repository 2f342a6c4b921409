/** Names and places: new folder, rename, move. */
import { useMutation } from "@tanstack/react-query";
import { ChevronRight, Folder } from "lucide-react";
import { useState } from "react";
import { device } from "../api/device.ts";
import { useListing, useTreeChanged, type Crumb, type Node } from "../api/queries.ts";
import { Button } from "../design/button.tsx";
import { Dialog, DialogButtons } from "../design/dialog.tsx";
import { Field } from "../design/field.tsx";
import { ProblemNote, Skeleton } from "../design/notes.tsx";
import { nameProblem, stemLength } from "./names.ts";
import { texts } from "./texts.ts";

function NameDialog({
  title,
  label,
  verb,
  initial,
  act,
  onClose,
}: {
  title: string;
  label: string;
  verb: string;
  initial: string;
  act: (name: string) => Promise<unknown>;
  onClose: () => void;
}) {
  const [name, setName] = useState(initial);
  const [tried, setTried] = useState(false);
  const changed = useTreeChanged();
  const problem = nameProblem(name);
  const save = useMutation({
    mutationFn: () => act(name.trim()),
    onSuccess: () => void changed(),
  });
  const send = (): void => save.mutate(undefined, { onSuccess: onClose });
  return (
    <Dialog onClose={onClose} title={title}>
      <form
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          setTried(true);
          if (problem === undefined) send();
        }}
      >
        <Field
          label={label}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          data-first-focus
          autoComplete="off"
          spellCheck={false}
          onFocus={(event) => event.currentTarget.setSelectionRange(0, stemLength(initial))}
          error={tried || name !== initial ? (name === "" && !tried ? undefined : problem) : undefined}
        />
        {save.isError ? <ProblemNote error={save.error} onRetry={send} /> : null}
        <DialogButtons>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" type="submit" busy={save.isPending} disabled={name === initial}>
            {verb}
          </Button>
        </DialogButtons>
      </form>
    </Dialog>
  );
}

export function NewFolderDialog({ parent, onClose }: { parent: string; onClose: () => void }) {
  return (
    <NameDialog
      title={texts.newFolder}
      label={texts.folderName}
      verb={texts.create}
      initial=""
      act={(name) => device.call("POST /files/folders", { body: { parent, name } })}
      onClose={onClose}
    />
  );
}

export function RenameDialog({ node, onClose }: { node: Node; onClose: () => void }) {
  return (
    <NameDialog
      title={`${texts.rename} “${node.name}”`}
      label={texts.newName}
      verb={texts.rename}
      initial={node.name}
      act={(name) => device.call("PATCH /files/{id}", { params: { id: node.id }, body: { name } })}
      onClose={onClose}
    />
  );
}

const byName = { sort: "name", order: "asc" } as const;

export function MoveDialog({
  nodes,
  start,
  onMove,
  onClose,
}: {
  nodes: readonly Node[];
  start: string;
  onMove: (to: Crumb) => void;
  onClose: () => void;
}) {
  const [folder, setFolder] = useState(start);
  const listing = useListing(folder, byName);
  const first = listing.data?.pages[0];
  const moved = new Set(nodes.map(({ id }) => id));
  const folders = listing.data?.pages.flatMap((page) => page.nodes).filter((node) => node.kind === "folder") ?? [];
  const here = first?.parent;
  const already = nodes.every(({ parent }) => parent === folder);
  return (
    <Dialog onClose={onClose} wide title={texts.moveTitle(texts.named(nodes.map(({ name }) => name)))}>
      <nav aria-label="Target folder" className="-my-1 flex flex-wrap items-center text-sm">
        {first?.path.map(({ id, name }, index) => (
          <span key={id} className="flex items-center">
            {index === 0 ? null : <ChevronRight aria-hidden="true" className="size-4 text-ink-faint" />}
            <button
              type="button"
              onClick={() => setFolder(id)}
              aria-current={id === folder ? "location" : undefined}
              className="min-h-11 min-w-11 rounded px-1.5 text-left text-ink-soft hover:text-ink aria-[current=location]:font-medium aria-[current=location]:text-ink md:min-h-9"
            >
              {index === 0 ? texts.top : name}
            </button>
          </span>
        ))}
      </nav>
      <div className="h-64 overflow-y-auto rounded-xl border border-line p-1.5">
        {listing.isPending ? (
          <div className="flex flex-col gap-4 p-3">
            <Skeleton className="h-4 w-2/3" />
            <Skeleton className="h-4 w-1/2" />
          </div>
        ) : listing.isError ? (
          <ProblemNote error={listing.error} onRetry={() => void listing.refetch()} />
        ) : folders.length === 0 ? (
          <p className="p-3 text-sm text-ink-soft">{texts.noFolders}</p>
        ) : (
          <ul>
            {folders.map(({ id, name }) => (
              <li key={id}>
                <button
                  type="button"
                  // A folder cannot go into itself.
                  disabled={moved.has(id)}
                  onClick={() => setFolder(id)}
                  className="flex min-h-11 w-full items-center gap-3 rounded-lg px-3 text-left text-[0.9375rem] enabled:hover:bg-sunken disabled:opacity-45"
                >
                  <Folder aria-hidden="true" className="size-5 shrink-0 fill-accent/15 text-accent" />
                  <span className="truncate">{name}</span>
                </button>
              </li>
            ))}
          </ul>
        )}
        {listing.hasNextPage ? (
          // Reading on would break off the renewal of what is above.
          <Button
            look="quiet"
            busy={listing.isFetching}
            onClick={() => void listing.fetchNextPage({ cancelRefetch: false })}
          >
            {texts.more}
          </Button>
        ) : null}
      </div>
      <DialogButtons>
        <Button onClick={onClose}>Cancel</Button>
        <Button
          look="primary"
          disabled={here === undefined || already}
          onClick={() => (here === undefined ? undefined : onMove(here))}
          className="min-w-0"
        >
          <span className="truncate">
            {texts.moveHere(here === undefined ? "…" : first?.path.length === 1 ? texts.top : here.name)}
          </span>
        </Button>
      </DialogButtons>
    </Dialog>
  );
}

/** Above the list: where one is, what to search, and what to do. */
import {
  ArrowDownUp,
  ChevronRight,
  Download,
  FolderInput,
  FolderPlus,
  FolderUp,
  Search,
  Trash2,
  Upload,
  X,
} from "lucide-react";
import { useEffect, useRef, useState, type ReactNode } from "react";
import type { Crumb, Node, Sorting } from "../api/queries.ts";
import { Button, IconButton, type ButtonLook } from "../design/button.tsx";
import { Menu, MenuChoice, MenuItem } from "../design/menu.tsx";
import { hrefOf, type Navigate } from "../navigation.ts";
import type { Route } from "../routes.ts";
import type { FileActions } from "./actions.ts";
import type { Selection } from "./selection.ts";
import { texts } from "./texts.ts";

/** The way down to the folder, on a line of its own; nothing at the top. */
export function Breadcrumbs({ path }: { path: readonly Crumb[] }) {
  const above = path.slice(0, -1);
  if (above.length === 0) return null;
  return (
    <nav
      aria-label="Folders above"
      className="-mb-2 -ml-1.5 flex basis-full flex-wrap items-center text-sm text-ink-soft"
    >
      {above.map(({ id, name }, index) => (
        <span key={id} className="flex min-w-0 items-center">
          <a
            href={hrefOf({ screen: "files", folder: id })}
            className="flex min-h-9 max-w-48 min-w-11 items-center rounded px-1.5 hover:text-ink hover:underline pointer-coarse:min-h-11"
          >
            <span className="truncate">{index === 0 ? texts.top : name}</span>
          </a>
          <ChevronRight aria-hidden="true" className="size-4 shrink-0 text-ink-faint" />
        </span>
      ))}
    </nav>
  );
}

/** For the page without anything in it. */
export function ChooseFiles({ onFiles }: { onFiles: (files: readonly File[]) => void }) {
  const files = useRef<HTMLInputElement>(null);
  return (
    <>
      <Button onClick={() => files.current?.click()}>{texts.choose}</Button>
      <input
        ref={files}
        type="file"
        multiple
        hidden
        aria-label={texts.choose}
        onChange={({ currentTarget }) => onFiles(takeFiles(currentTarget))}
      />
    </>
  );
}

/** What was chosen; the same can be chosen again afterwards. */
function takeFiles(input: HTMLInputElement): readonly File[] {
  const files = [...(input.files ?? [])];
  input.value = "";
  return files;
}

const searchDelayMs = 250;

/** `back`: where an emptied search leads. */
export function SearchField({ query, back, navigate }: { query: string; back: Route; navigate: Navigate }) {
  const [text, setText] = useState(query);
  const timer = useRef<number>(undefined);
  const box = useRef<HTMLInputElement>(null);
  const asked = useRef(query);
  useEffect(() => () => window.clearTimeout(timer.current), []);
  // The address may change from elsewhere, by going back for example; what is typed here meanwhile stays.
  useEffect(() => {
    if (query === asked.current) return;
    asked.current = query;
    setText(query);
  }, [query]);
  const go = (to: string): void => {
    window.clearTimeout(timer.current);
    // Nothing was searched for yet, so there is nothing to leave.
    if (to.trim() === "" && query === "") return;
    asked.current = to.trim();
    navigate(to.trim() === "" ? back : { screen: "search", query: to.trim() }, { replace: query !== "" });
  };
  return (
    <form
      role="search"
      className="relative"
      onSubmit={(event) => {
        event.preventDefault();
        go(text);
      }}
    >
      <Search
        aria-hidden="true"
        className="pointer-events-none absolute top-1/2 left-3 size-4 -translate-y-1/2 text-ink-faint"
      />
      <input
        ref={box}
        type="search"
        aria-label={texts.search}
        placeholder={texts.search}
        value={text}
        autoFocus={query !== ""}
        maxLength={255}
        onChange={(event) => {
          const now = event.currentTarget.value;
          setText(now);
          window.clearTimeout(timer.current);
          timer.current = window.setTimeout(() => go(now), searchDelayMs);
        }}
        className="min-h-11 w-full appearance-none rounded-lg border border-line-strong bg-surface pr-10 pl-9 text-base placeholder:text-ink-faint focus-visible:border-accent focus-visible:outline-offset-0 md:min-h-9 md:text-sm pointer-coarse:min-h-11 [&::-webkit-search-cancel-button]:hidden"
      />
      {text === "" ? null : (
        <IconButton
          name="Clear search"
          className="absolute top-1/2 right-0 -translate-y-1/2 md:size-9"
          onClick={() => {
            setText("");
            go("");
            box.current?.focus();
          }}
        >
          <X className="size-4" />
        </IconButton>
      )}
    </form>
  );
}

const sorts: readonly { readonly name: string; readonly sorting: Sorting }[] = [
  { name: "Name", sorting: { sort: "name", order: "asc" } },
  { name: "Newest first", sorting: { sort: "modified", order: "desc" } },
  { name: "Oldest first", sorting: { sort: "modified", order: "asc" } },
  { name: "Largest first", sorting: { sort: "size", order: "desc" } },
  { name: "Smallest first", sorting: { sort: "size", order: "asc" } },
];

/** For phones, where the list has no headers to click on. */
export function SortMenu({ sorting, onSorting }: { sorting: Sorting; onSorting: (sorting: Sorting) => void }) {
  return (
    <Menu
      trigger={
        <IconButton name="Sort" className="md:hidden">
          <ArrowDownUp className="size-5" />
        </IconButton>
      }
    >
      {sorts.map((choice) => (
        <MenuChoice
          key={choice.name}
          checked={choice.sorting.sort === sorting.sort && choice.sorting.order === sorting.order}
          onSelect={() => onSorting(choice.sorting)}
        >
          {choice.name}
        </MenuChoice>
      ))}
    </Menu>
  );
}

export function AddButtons({
  onFiles,
  onFolder,
  onNewFolder,
}: {
  onFiles: (files: readonly File[]) => void;
  onFolder: (files: readonly File[]) => void;
  onNewFolder: () => void;
}) {
  const files = useRef<HTMLInputElement>(null);
  const folder = useRef<HTMLInputElement>(null);
  return (
    <>
      <Button
        icon={<FolderPlus aria-hidden="true" className="size-4.5" />}
        onClick={onNewFolder}
        className="max-sm:hidden"
      >
        {texts.newFolder}
      </Button>
      <IconButton name={texts.newFolder} onClick={onNewFolder} className="sm:hidden">
        <FolderPlus className="size-5.5" />
      </IconButton>
      <Menu
        trigger={
          <Button look="primary" icon={<Upload aria-hidden="true" className="size-4.5" />}>
            {texts.upload}
          </Button>
        }
      >
        <MenuItem icon={<Upload />} onSelect={() => files.current?.click()}>
          {texts.uploadFiles}
        </MenuItem>
        <MenuItem icon={<FolderUp />} onSelect={() => folder.current?.click()}>
          {texts.uploadFolder}
        </MenuItem>
      </Menu>
      <input
        ref={files}
        type="file"
        multiple
        hidden
        data-testid="file-input"
        aria-label={texts.uploadFiles}
        onChange={({ currentTarget }) => onFiles(takeFiles(currentTarget))}
      />
      <input
        ref={(input) => {
          folder.current = input;
          input?.setAttribute("webkitdirectory", "");
        }}
        type="file"
        hidden
        data-testid="folder-input"
        aria-label={texts.uploadFolder}
        onChange={({ currentTarget }) => onFolder(takeFiles(currentTarget))}
      />
    </>
  );
}

export function SelectionBar({
  nodes,
  selection,
  actions,
  onMove,
  onClear,
}: {
  nodes: readonly Node[];
  selection: Selection;
  actions: FileActions;
  onMove: (nodes: readonly Node[]) => void;
  onClear: () => void;
}) {
  const chosen = nodes.filter(({ id }) => selection.ids.has(id));
  return (
    <div
      role="toolbar"
      aria-label="Selected items"
      className="sticky top-2 z-20 flex animate-fade flex-wrap items-center gap-x-1 rounded-xl border border-line bg-raised py-1 pr-2 pl-1 shadow-lifted"
    >
      <IconButton name="Clear selection" onClick={onClear}>
        <X className="size-4.5" />
      </IconButton>
      <span aria-live="polite" className="mr-auto text-sm font-medium">
        {texts.selected(chosen.length)} selected
      </span>
      <BarButton name={texts.download} icon={<Download />} onClick={() => actions.download(chosen)} />
      <BarButton name={texts.move} icon={<FolderInput />} onClick={() => onMove(chosen)} />
      <BarButton
        look="quiet-danger"
        name={texts.remove}
        icon={<Trash2 />}
        onClick={() => {
          onClear();
          void actions.remove(chosen);
        }}
      />
    </div>
  );
}

/** With its word where there is room, else as a picture. */
function BarButton({
  name,
  icon,
  look = "quiet",
  onClick,
}: {
  name: string;
  icon: ReactNode;
  look?: ButtonLook;
  onClick: () => void;
}) {
  return (
    <Button
      look={look}
      title={name}
      onClick={onClick}
      icon={icon}
      className="max-sm:min-w-11 max-sm:px-0 [&>svg]:size-5 sm:[&>svg]:size-4"
    >
      <span className="max-sm:sr-only">{name}</span>
    </Button>
  );
}

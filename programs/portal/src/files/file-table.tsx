/** The list of a folder's content or of what was found. */
import {
  ArrowDown,
  ArrowUp,
  CircleCheck,
  Download,
  Ellipsis,
  FolderInput,
  FolderOpen,
  HardDrive,
  Info,
  PenLine,
  Trash2,
} from "lucide-react";
import { memo, useState, type KeyboardEvent, type MouseEvent } from "react";
import { contentUrl } from "../api/device.ts";
import type { Node, Sorting } from "../api/queries.ts";
import { IconButton } from "../design/button.tsx";
import { Checkbox } from "../design/field.tsx";
import { Menu, MenuItem, MenuLine, MenuLink } from "../design/menu.tsx";
import { Skeleton } from "../design/notes.tsx";
import { carriesFiles } from "../uploads/dropped.ts";
import { bytesInWords } from "../wording/bytes.ts";
import { momentInWords, whenInWords } from "../wording/time.ts";
import { NodeIcon } from "./node-icon.tsx";
import { extend, selectAll, toggle, nothingSelected, type Selection } from "./selection.ts";
import { texts } from "./texts.ts";

export interface RowActions {
  readonly open: (node: Node) => string;
  readonly details: (node: Node) => void;
  readonly rename: (node: Node) => void;
  readonly move: (node: Node) => void;
  readonly remove: (node: Node) => void;
  /** Goes to the folder a found file is in. */
  readonly reveal?: (node: Node) => void;
  /** Files were dropped on a folder. */
  readonly dropInto?: (node: Node, transfer: DataTransfer) => void;
}

const cell = "border-b border-line align-middle";

export function FileTable({
  caption,
  nodes,
  selection,
  onSelection,
  actions,
  sorting,
  onSorting,
}: {
  caption: string;
  nodes: readonly Node[];
  selection: Selection;
  onSelection: (selection: Selection) => void;
  actions: RowActions;
  sorting?: Sorting;
  onSorting?: (sort: Sorting["sort"]) => void;
}) {
  const ids = nodes.map(({ id }) => id);
  const chosen = ids.filter((id) => selection.ids.has(id)).length;
  const [now] = useState(() => Date.now());
  return (
    <table className="w-full table-fixed border-separate border-spacing-0 text-[0.9375rem]" onKeyDown={moveBetweenRows}>
      <caption className="sr-only">{caption}</caption>
      {/* Columns that are not shown on small screens are not there either, so that widths and cells agree. */}
      <colgroup>
        <col className="w-11" />
        <col />
        <col className="hidden w-44 lg:table-column" />
        <col className="hidden w-28 md:table-column" />
        <col className="hidden w-24 md:table-column" />
        <col className="w-12" />
      </colgroup>
      <thead className="text-left text-sm text-ink-soft max-md:hidden">
        <tr>
          <th scope="col" className={cell}>
            <Checkbox
              name="Select all"
              checked={chosen > 0 && chosen === ids.length}
              partly={chosen > 0 && chosen < ids.length}
              onChange={(on) => onSelection(on ? selectAll(ids) : nothingSelected)}
            />
          </th>
          <SortHeader name="Name" sort="name" sorting={sorting} onSorting={onSorting} />
          <th scope="col" className={`${cell} hidden font-normal lg:table-cell`}>
            Status
          </th>
          <SortHeader name="Changed" sort="modified" sorting={sorting} onSorting={onSorting} />
          <SortHeader name="Size" sort="size" sorting={sorting} onSorting={onSorting} />
          <th scope="col" className={cell}>
            <span className="sr-only">Actions</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {nodes.map((node) => (
          <Row
            key={node.id}
            node={node}
            now={now}
            selected={selection.ids.has(node.id)}
            onSelect={(on, range) =>
              onSelection(range ? extend(selection, node.id, ids) : toggle(selection, node.id, on))
            }
            actions={actions}
          />
        ))}
      </tbody>
    </table>
  );
}

function SortHeader({
  name,
  sort,
  sorting,
  onSorting,
}: {
  name: string;
  sort: Sorting["sort"];
  sorting: Sorting | undefined;
  onSorting: ((sort: Sorting["sort"]) => void) | undefined;
}) {
  const active = sorting?.sort === sort;
  const Arrow = sorting?.order === "desc" ? ArrowDown : ArrowUp;
  return (
    <th
      scope="col"
      className={`${cell} font-normal`}
      {...(active ? { "aria-sort": sorting.order === "asc" ? ("ascending" as const) : ("descending" as const) } : {})}
    >
      {onSorting === undefined ? (
        name
      ) : (
        <button
          type="button"
          onClick={() => onSorting(sort)}
          className="-mx-1.5 flex min-h-9 items-center gap-1 rounded px-1.5 hover:text-ink"
        >
          {name}
          {active ? <Arrow aria-hidden="true" className="size-3.5" /> : null}
        </button>
      )}
    </th>
  );
}

/** Arrow keys go from name to name, as in any list of files. */
function moveBetweenRows(event: KeyboardEvent<HTMLTableElement>): void {
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  const names = [...event.currentTarget.querySelectorAll<HTMLElement>("[data-row-name]")];
  const at = names.indexOf(document.activeElement as HTMLElement);
  const next = names[at + (event.key === "ArrowDown" ? 1 : -1)];
  if (at < 0 || next === undefined) return;
  event.preventDefault();
  next.focus();
}

const Row = memo(function Row({
  node,
  now,
  selected,
  onSelect,
  actions,
}: {
  node: Node;
  now: number;
  selected: boolean;
  onSelect: (on: boolean, range: boolean) => void;
  actions: RowActions;
}) {
  const [over, setOver] = useState(false);
  const dropInto = node.kind === "folder" ? actions.dropInto : undefined;
  const size = node.sizeBytes === undefined ? "" : bytesInWords(node.sizeBytes);
  const keys = (event: KeyboardEvent): void => {
    if (event.key === "F2") actions.rename(node);
    else if (event.key === "Delete") actions.remove(node);
    else if (event.key === " ") onSelect(!selected, event.shiftKey);
    else return;
    event.preventDefault();
  };
  const rangeClick = (event: MouseEvent): void => {
    if (!event.shiftKey) return;
    event.preventDefault();
    onSelect(true, true);
  };
  return (
    <tr
      className={`group ${over ? "bg-accent-soft" : selected ? "bg-accent-soft/60" : "hover:bg-sunken/70"}`}
      {...(dropInto === undefined
        ? {}
        : {
            onDragOver: (event) => {
              if (!carriesFiles(event.dataTransfer)) return;
              event.preventDefault();
              setOver(true);
            },
            onDragLeave: () => setOver(false),
            onDrop: (event) => {
              setOver(false);
              if (!carriesFiles(event.dataTransfer)) return;
              // The window sees by this that the drop is taken.
              event.preventDefault();
              dropInto(node, event.dataTransfer);
            },
          })}
    >
      <td className={cell} onClickCapture={rangeClick}>
        <Checkbox name={`Select ${node.name}`} checked={selected} onChange={(on) => onSelect(on, false)} />
      </td>
      <th scope="row" className={`${cell} text-left font-normal`}>
        <a
          href={actions.open(node)}
          data-row-name
          onKeyDown={keys}
          className="flex min-h-14 min-w-0 items-center gap-3 rounded-lg py-2 pr-2 md:min-h-12"
        >
          <NodeIcon node={node} className="size-5.5" />
          <span className="flex min-w-0 flex-col">
            <span className="truncate text-ink group-hover:underline group-hover:decoration-line-strong group-hover:underline-offset-4">
              {node.name}
            </span>
            <span className="flex items-center gap-1.5 truncate text-sm text-ink-soft md:hidden">
              {node.kind === "folder" ? "Folder" : `${size}, ${whenInWords(node.modifiedAtMs, now)}`}
              {node.placement === "pending" ? (
                <HardDrive aria-label={texts.pending} className="size-3.5 text-warn" />
              ) : null}
            </span>
          </span>
        </a>
      </th>
      <td className={`${cell} hidden text-sm lg:table-cell`}>
        <PlacementWord placement={node.placement} />
      </td>
      <td
        className={`${cell} hidden text-sm whitespace-nowrap text-ink-soft tabular-nums md:table-cell`}
        title={momentInWords(node.modifiedAtMs)}
      >
        {whenInWords(node.modifiedAtMs, now)}
      </td>
      <td className={`${cell} hidden text-sm whitespace-nowrap text-ink-soft tabular-nums md:table-cell`}>{size}</td>
      <td className={`${cell} text-right`}>
        <Menu
          trigger={
            <IconButton name={`Actions for ${node.name}`}>
              <Ellipsis className="size-5" />
            </IconButton>
          }
        >
          {node.kind === "file" ? (
            <>
              <MenuItem icon={<Info />} onSelect={() => actions.details(node)}>
                {texts.details}
              </MenuItem>
              <MenuLink icon={<Download />} href={contentUrl(node.id, { download: true })}>
                {texts.download}
              </MenuLink>
            </>
          ) : null}
          {actions.reveal === undefined ? null : (
            <MenuItem icon={<FolderOpen />} onSelect={() => actions.reveal?.(node)}>
              {texts.reveal}
            </MenuItem>
          )}
          <MenuItem icon={<PenLine />} onSelect={() => actions.rename(node)}>
            {texts.rename}
          </MenuItem>
          <MenuItem icon={<FolderInput />} onSelect={() => actions.move(node)}>
            {texts.move}
          </MenuItem>
          <MenuLine />
          <MenuItem danger icon={<Trash2 />} onSelect={() => actions.remove(node)}>
            {texts.remove}
          </MenuItem>
        </Menu>
      </td>
    </tr>
  );
});

export function PlacementWord({ placement }: { placement: Node["placement"] }) {
  if (placement === undefined) return null;
  return placement === "durable" ? (
    <span className="flex items-center gap-1.5 text-ink-soft">
      <CircleCheck aria-hidden="true" className="size-4 text-accent" />
      {texts.durable}
    </span>
  ) : (
    <span className="flex items-center gap-1.5 text-warn">
      <HardDrive aria-hidden="true" className="size-4" />
      {texts.pending}
    </span>
  );
}

export function TableSkeleton() {
  return (
    <div role="status" aria-label={texts.loading} className="flex flex-col">
      {[56, 40, 72, 48, 64, 36].map((width) => (
        <div key={width} className="flex h-14 items-center gap-4 border-b border-line px-3 md:h-12">
          <Skeleton className="size-5 rounded" />
          <div className="grow">
            <Skeleton className="h-3.5" />
          </div>
          <Skeleton className="hidden h-3.5 w-32 lg:block" />
          <Skeleton className="hidden h-3.5 w-20 md:block" />
        </div>
      ))}
    </div>
  );
}

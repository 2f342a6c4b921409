import { CloudUpload } from "lucide-react";
import { useState } from "react";
import { useListing, type Node, type NetworkView, type Sorting } from "../api/queries.ts";
import { useTroubleToast } from "../design/toasts.tsx";
import { Empty, ProblemNote } from "../design/notes.tsx";
import { hrefOf, type Navigate } from "../navigation.ts";
import type { Route } from "../routes.ts";
import { DropArea } from "../uploads/drop-area.tsx";
import { droppedFiles } from "../uploads/dropped.ts";
import { placeTree } from "../uploads/make-folders.ts";
import { foldersOfRelativePath, type TreeFile } from "../uploads/tree.ts";
import type { Uploads } from "../uploads/uploads.ts";
import { useFileActions } from "./actions.ts";
import { DetailsSheet } from "./details-sheet.tsx";
import { MoveDialog, NewFolderDialog, RenameDialog } from "./dialogs.tsx";
import { FileTable, TableSkeleton } from "./file-table.tsx";
import { MoreRows } from "./more-rows.tsx";
import { keepOnly, nothingSelected } from "./selection.ts";
import { texts } from "./texts.ts";
import { AddButtons, Breadcrumbs, ChooseFiles, SearchField, SelectionBar, SortMenu } from "./toolbar.tsx";

type Asked =
  | { readonly what: "new-folder" }
  | { readonly what: "rename"; readonly node: Node }
  | { readonly what: "move"; readonly nodes: readonly Node[] };

export function FilesScreen({
  route,
  navigate,
  network,
  uploads,
}: {
  route: Extract<Route, { readonly screen: "files" }>;
  navigate: Navigate;
  network: NetworkView;
  uploads: Uploads;
}) {
  const { folder } = route;
  const [sorting, setSorting] = useState<Sorting>({ sort: "name", order: "asc" });
  const [chosen, setChosen] = useState(nothingSelected);
  const [asked, setAsked] = useState<Asked>();
  const listing = useListing(folder, sorting);
  const actions = useFileActions();
  const trouble = useTroubleToast();
  const nodes = listing.data?.pages.flatMap((page) => page.nodes) ?? [];
  const path = listing.data?.pages[0]?.path ?? [];
  const selection = keepOnly(
    chosen,
    nodes.map(({ id }) => id),
  );
  const here = folder === "root" ? texts.top : (path.at(-1)?.name ?? "…");

  const addTree = (files: readonly TreeFile<File>[], parent: string): void => {
    placeTree(files, parent)
      .then((placed) => uploads.add(placed))
      .catch((error: unknown) => trouble(error, () => addTree(files, parent)));
  };
  const addFiles = (files: readonly File[]): void => uploads.add(files.map((file) => ({ file, parent: folder })));
  const drop = (transfer: DataTransfer, parent: string): void => {
    droppedFiles(transfer)
      .then((files) => addTree(files, parent))
      .catch((error: unknown) => trouble(error));
  };
  const add = (
    <AddButtons
      onFiles={addFiles}
      onFolder={(files) =>
        addTree(
          files.map((file) => ({ file, folders: foldersOfRelativePath(file.webkitRelativePath) })),
          folder,
        )
      }
      onNewFolder={() => setAsked({ what: "new-folder" })}
    />
  );

  return (
    <DropArea into={here} onDrop={(transfer) => drop(transfer, folder)}>
      <header className="mb-3 flex flex-wrap items-center gap-x-4 gap-y-3 md:mb-5">
        <Breadcrumbs path={path} />
        <h1 className="line-clamp-2 min-w-0 grow basis-28 text-2xl leading-snug font-semibold [overflow-wrap:anywhere]">
          {here}
        </h1>
        {/* On phones the search has a line of its own, below the rest. */}
        <div className="max-sm:order-last max-sm:basis-full sm:w-64 lg:w-80">
          <SearchField query="" navigate={navigate} />
        </div>
        <div className="flex items-center gap-0.5 sm:gap-2">
          <SortMenu sorting={sorting} onSorting={setSorting} />
          {add}
        </div>
      </header>

      {selection.ids.size === 0 ? null : (
        <SelectionBar
          nodes={nodes}
          selection={selection}
          actions={actions}
          onMove={(moved) => setAsked({ what: "move", nodes: moved })}
          onClear={() => setChosen(nothingSelected)}
        />
      )}

      {listing.isPending ? (
        <TableSkeleton />
      ) : listing.isError && nodes.length === 0 ? (
        <ProblemNote error={listing.error} onRetry={() => void listing.refetch()} />
      ) : nodes.length === 0 ? (
        <Empty picture={<CloudUpload strokeWidth={1.2} className="size-16" />} title={texts.emptyTitle}>
          <p>{texts.emptyText}</p>
          <ChooseFiles onFiles={addFiles} />
        </Empty>
      ) : (
        <FileTable
          caption={here}
          nodes={nodes}
          selection={selection}
          onSelection={setChosen}
          sorting={sorting}
          onSorting={(sort) =>
            setSorting({
              sort,
              order:
                sorting.sort === sort ? (sorting.order === "asc" ? "desc" : "asc") : sort === "name" ? "asc" : "desc",
            })
          }
          actions={{
            open: (node) =>
              hrefOf(
                node.kind === "folder"
                  ? { screen: "files", folder: node.id }
                  : { screen: "files", folder, details: node.id },
              ),
            details: (node) => navigate({ screen: "files", folder, details: node.id }),
            rename: (node) => setAsked({ what: "rename", node }),
            move: (node) => setAsked({ what: "move", nodes: [node] }),
            remove: (node) => void actions.remove([node]),
            dropInto: (node, transfer) => drop(transfer, node.id),
          }}
        />
      )}
      <MoreRows list={listing} />

      {asked?.what === "new-folder" ? <NewFolderDialog parent={folder} onClose={() => setAsked(undefined)} /> : null}
      {asked?.what === "rename" ? <RenameDialog node={asked.node} onClose={() => setAsked(undefined)} /> : null}
      {asked?.what === "move" ? (
        <MoveDialog
          nodes={asked.nodes}
          start={folder}
          onClose={() => setAsked(undefined)}
          onMove={(to) => {
            setAsked(undefined);
            setChosen(nothingSelected);
            void actions.move(asked.nodes, { id: to.id, name: to.id === "root" ? texts.top : to.name });
          }}
        />
      ) : null}
      {route.details === undefined ? null : (
        <DetailsSheet
          id={route.details}
          network={network}
          uploads={uploads}
          onClose={() => navigate({ screen: "files", folder })}
          onRename={(node) => setAsked({ what: "rename", node })}
          onRemove={(node) => {
            navigate({ screen: "files", folder });
            void actions.remove([node]);
          }}
        />
      )}
    </DropArea>
  );
}

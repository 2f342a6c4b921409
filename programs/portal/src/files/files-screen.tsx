import { CloudUpload, FolderX } from "lucide-react";
import { useState } from "react";
import { useListing, useTreeChanged, type NetworkView, type Sorting } from "../api/queries.ts";
import { troubleOf } from "../api/problem.ts";
import { Button } from "../design/button.tsx";
import { Empty } from "../design/notes.tsx";
import { useTroubleToast } from "../design/toasts.tsx";
import type { Navigate } from "../navigation.ts";
import { home, type Route } from "../routes.ts";
import { DropArea } from "../uploads/drop-area.tsx";
import { droppedTree } from "../uploads/dropped.ts";
import { placeTree } from "../uploads/make-folders.ts";
import { foldersOfRelativePath, type Tree } from "../uploads/tree.ts";
import type { Uploads } from "../uploads/uploads.ts";
import { NewFolderDialog } from "./dialogs.tsx";
import { NodeBrowser } from "./node-browser.tsx";
import { texts } from "./texts.ts";
import { AddButtons, Breadcrumbs, ChooseFiles, SearchField, SortMenu } from "./toolbar.tsx";

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
  // The folder the new one goes into: the way back leads to another one meanwhile.
  const [namingIn, setNamingIn] = useState<string>();
  const listing = useListing(folder, sorting);
  const trouble = useTroubleToast();
  const changed = useTreeChanged();
  const nodes = listing.data?.pages.flatMap((page) => page.nodes) ?? [];
  const path = listing.data?.pages[0]?.path ?? [];
  const here = folder === "root" ? texts.top : (path.at(-1)?.name ?? "…");
  if (listing.isError && troubleOf(listing.error).code === "not-found")
    return (
      <Empty picture={<FolderX strokeWidth={1.2} className="size-16" />} title={texts.noFolderTitle}>
        <p>{texts.noFolderText}</p>
        <Button onClick={() => navigate(home, { replace: true })}>{texts.toFiles}</Button>
      </Empty>
    );

  const addTree = (tree: Tree<File>, parent: string): void => {
    placeTree(tree, parent)
      .then((placed) => uploads.add(placed))
      .catch((error: unknown) => trouble(error, () => addTree(tree, parent)))
      // Folders without files are seen although nothing is uploaded into them.
      .finally(() => void changed());
  };
  const addFiles = (files: readonly File[]): void => uploads.add(files.map((file) => ({ file, parent: folder })));
  const drop = (transfer: DataTransfer, parent: string): void => {
    droppedTree(transfer)
      .then((tree) => addTree(tree, parent))
      .catch((error: unknown) => trouble(error));
  };
  const add = (
    <AddButtons
      onFiles={addFiles}
      onFolder={(files) =>
        addTree(
          {
            files: files.map((file) => ({ file, folders: foldersOfRelativePath(file.webkitRelativePath) })),
            folders: [],
          },
          folder,
        )
      }
      onNewFolder={() => setNamingIn(folder)}
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
          <SearchField query="" back={{ screen: "files", folder }} navigate={navigate} />
        </div>
        <div className="flex items-center gap-0.5 sm:gap-2">
          <SortMenu sorting={sorting} onSorting={setSorting} />
          {add}
        </div>
      </header>

      <NodeBrowser
        caption={here}
        query={listing}
        nodes={nodes}
        empty={
          <Empty picture={<CloudUpload strokeWidth={1.2} className="size-16" />} title={texts.emptyTitle}>
            <p>{texts.emptyText}</p>
            <ChooseFiles onFiles={addFiles} />
          </Empty>
        }
        at={(details) => ({ screen: "files", folder, ...(details === undefined ? {} : { details }) })}
        details={route.details}
        navigate={navigate}
        network={network}
        uploads={uploads}
        moveStart={folder}
        rows={{ dropInto: (node, transfer) => drop(transfer, node.id) }}
        sorting={{
          sorting,
          onSorting: (sort) =>
            setSorting({
              sort,
              order:
                sorting.sort === sort ? (sorting.order === "asc" ? "desc" : "asc") : sort === "name" ? "asc" : "desc",
            }),
        }}
      />
      {namingIn === undefined ? null : <NewFolderDialog parent={namingIn} onClose={() => setNamingIn(undefined)} />}
    </DropArea>
  );
}

import { SearchX } from "lucide-react";
import { useState } from "react";
import { useSearch, type Node, type NetworkView } from "../api/queries.ts";
import { Empty, ProblemNote } from "../design/notes.tsx";
import { hrefOf, type Navigate } from "../navigation.ts";
import type { Route } from "../routes.ts";
import type { Uploads } from "../uploads/uploads.ts";
import { useFileActions } from "./actions.ts";
import { DetailsSheet } from "./details-sheet.tsx";
import { MoveDialog, RenameDialog } from "./dialogs.tsx";
import { FileTable, TableSkeleton } from "./file-table.tsx";
import { MoreRows } from "./more-rows.tsx";
import { keepOnly, nothingSelected } from "./selection.ts";
import { texts } from "./texts.ts";
import { SearchField, SelectionBar } from "./toolbar.tsx";

type Asked =
  | { readonly what: "rename"; readonly node: Node }
  | { readonly what: "move"; readonly nodes: readonly Node[] };

export function SearchScreen({
  route,
  navigate,
  network,
  uploads,
}: {
  route: Extract<Route, { readonly screen: "search" }>;
  navigate: Navigate;
  network: NetworkView;
  uploads: Uploads;
}) {
  const { query } = route;
  const [chosen, setChosen] = useState(nothingSelected);
  const [asked, setAsked] = useState<Asked>();
  const search = useSearch(query);
  const actions = useFileActions();
  const nodes = search.data?.pages.flatMap((page) => page.nodes) ?? [];
  const selection = keepOnly(
    chosen,
    nodes.map(({ id }) => id),
  );
  return (
    <>
      <header className="mb-3 flex flex-wrap items-end justify-between gap-x-4 gap-y-3 md:mb-5">
        <h1 className="min-w-0 truncate text-2xl font-semibold">{texts.found(query)}</h1>
        <div className="max-sm:basis-full sm:w-64 lg:w-80">
          <SearchField query={query} navigate={navigate} />
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
      {search.isPending ? (
        <TableSkeleton />
      ) : search.isError && nodes.length === 0 ? (
        <ProblemNote error={search.error} onRetry={() => void search.refetch()} />
      ) : nodes.length === 0 ? (
        <Empty picture={<SearchX strokeWidth={1.2} className="size-16" />} title={texts.nothingFound(query)}>
          <p>{texts.nothingFoundText}</p>
        </Empty>
      ) : (
        <FileTable
          caption={texts.found(query)}
          nodes={nodes}
          selection={selection}
          onSelection={setChosen}
          actions={{
            open: (node) =>
              hrefOf(
                node.kind === "folder"
                  ? { screen: "files", folder: node.id }
                  : { screen: "search", query, details: node.id },
              ),
            details: (node) => navigate({ screen: "search", query, details: node.id }),
            reveal: (node) => navigate({ screen: "files", folder: node.parent }),
            rename: (node) => setAsked({ what: "rename", node }),
            move: (node) => setAsked({ what: "move", nodes: [node] }),
            remove: (node) => void actions.remove([node]),
          }}
        />
      )}
      <MoreRows list={search} />
      {asked?.what === "rename" ? <RenameDialog node={asked.node} onClose={() => setAsked(undefined)} /> : null}
      {asked?.what === "move" ? (
        <MoveDialog
          nodes={asked.nodes}
          start="root"
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
          onClose={() => navigate({ screen: "search", query })}
          onRename={(node) => setAsked({ what: "rename", node })}
          onRemove={(node) => {
            navigate({ screen: "search", query });
            void actions.remove([node]);
          }}
        />
      )}
    </>
  );
}

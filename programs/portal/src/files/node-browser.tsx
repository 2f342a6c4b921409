/** Files and folders to choose from and to act on, wherever their list comes from: a folder or a search. */
import { useState, type ReactNode } from "react";
import type { NetworkView, Node, Sorting } from "../api/queries.ts";
import { hrefOf, type Navigate } from "../navigation.ts";
import type { Route } from "../routes.ts";
import type { Uploads } from "../uploads/uploads.ts";
import { useFileActions } from "./actions.ts";
import { DetailsSheet } from "./details-sheet.tsx";
import { MoveDialog, RenameDialog } from "./dialogs.tsx";
import { FileTable, type RowActions } from "./file-table.tsx";
import { PagedList, type PagedQuery } from "./paged-list.tsx";
import { keepOnly, nothingSelected } from "./selection.ts";
import { texts } from "./texts.ts";
import { SelectionBar } from "./toolbar.tsx";

type Asked =
  | { readonly what: "rename"; readonly node: Node }
  | { readonly what: "move"; readonly nodes: readonly Node[] };

export function NodeBrowser({
  caption,
  query,
  nodes,
  empty,
  at,
  details,
  navigate,
  network,
  uploads,
  moveStart,
  rows = {},
  sorting,
}: {
  caption: string;
  query: PagedQuery;
  nodes: readonly Node[];
  empty: ReactNode;
  /** This very place, with the details of a file open or not. */
  at: (details?: string) => Route;
  details: string | undefined;
  navigate: Navigate;
  network: NetworkView;
  uploads: Uploads;
  /** The folder the choice of a new place begins in. */
  moveStart: string;
  /** What rows can do here besides. */
  rows?: Pick<RowActions, "reveal" | "dropInto">;
  sorting?: { readonly sorting: Sorting; readonly onSorting: (sort: Sorting["sort"]) => void };
}) {
  const [chosen, setChosen] = useState(nothingSelected);
  const [asked, setAsked] = useState<Asked>();
  const actions = useFileActions();
  const selection = keepOnly(
    chosen,
    nodes.map(({ id }) => id),
  );
  return (
    <>
      {selection.ids.size === 0 ? null : (
        <SelectionBar
          nodes={nodes}
          selection={selection}
          actions={actions}
          onMove={(moved) => setAsked({ what: "move", nodes: moved })}
          onClear={() => setChosen(nothingSelected)}
        />
      )}
      <PagedList query={query} isEmpty={nodes.length === 0} empty={empty}>
        <FileTable
          caption={caption}
          nodes={nodes}
          selection={selection}
          onSelection={setChosen}
          {...sorting}
          actions={{
            open: (node) => hrefOf(node.kind === "folder" ? { screen: "files", folder: node.id } : at(node.id)),
            details: (node) => navigate(at(node.id)),
            rename: (node) => setAsked({ what: "rename", node }),
            move: (node) => setAsked({ what: "move", nodes: [node] }),
            remove: (node) => void actions.remove([node]),
            ...rows,
          }}
        />
      </PagedList>
      {asked?.what === "rename" ? <RenameDialog node={asked.node} onClose={() => setAsked(undefined)} /> : null}
      {asked?.what === "move" ? (
        <MoveDialog
          nodes={asked.nodes}
          start={moveStart}
          onClose={() => setAsked(undefined)}
          onMove={(to) => {
            setAsked(undefined);
            setChosen(nothingSelected);
            void actions.move(asked.nodes, { id: to.id, name: to.id === "root" ? texts.top : to.name });
          }}
        />
      ) : null}
      {details === undefined ? null : (
        <DetailsSheet
          id={details}
          network={network}
          uploads={uploads}
          onClose={() => navigate(at())}
          onRename={(node) => setAsked({ what: "rename", node })}
          onRemove={(node) => {
            navigate(at());
            void actions.remove([node]);
          }}
        />
      )}
    </>
  );
}

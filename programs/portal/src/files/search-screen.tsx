import { SearchX } from "lucide-react";
import { useSearch, type NetworkView } from "../api/queries.ts";
import { Empty } from "../design/notes.tsx";
import type { Navigate } from "../navigation.ts";
import type { Route } from "../routes.ts";
import type { Uploads } from "../uploads/uploads.ts";
import { NodeBrowser } from "./node-browser.tsx";
import { texts } from "./texts.ts";
import { SearchField } from "./toolbar.tsx";

export function SearchScreen({
  route,
  folder,
  navigate,
  network,
  uploads,
}: {
  route: Extract<Route, { readonly screen: "search" }>;
  /** Where the search began. */
  folder: string;
  navigate: Navigate;
  network: NetworkView;
  uploads: Uploads;
}) {
  const { query } = route;
  const search = useSearch(query);
  return (
    <>
      <header className="mb-3 flex flex-wrap items-end justify-between gap-x-4 gap-y-3 md:mb-5">
        <h1 className="min-w-0 truncate text-2xl font-semibold">{texts.found(query)}</h1>
        <div className="max-sm:basis-full sm:w-64 lg:w-80">
          <SearchField query={query} back={{ screen: "files", folder }} navigate={navigate} />
        </div>
      </header>
      <NodeBrowser
        caption={texts.found(query)}
        query={search}
        nodes={search.data?.pages.flatMap((page) => page.nodes) ?? []}
        empty={
          <Empty picture={<SearchX strokeWidth={1.2} className="size-16" />} title={texts.nothingFound(query)}>
            <p>{texts.nothingFoundText}</p>
          </Empty>
        }
        at={(details) => ({ screen: "search", query, ...(details === undefined ? {} : { details }) })}
        details={route.details}
        navigate={navigate}
        network={network}
        uploads={uploads}
        moveStart="root"
        rows={{ reveal: (node) => navigate({ screen: "files", folder: node.parent }) }}
      />
    </>
  );
}

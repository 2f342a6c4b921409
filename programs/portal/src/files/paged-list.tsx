import { useEffect, useRef, type ReactNode } from "react";
import { Button } from "../design/button.tsx";
import { ProblemNote } from "../design/notes.tsx";
import { TableSkeleton } from "./file-table.tsx";
import { texts } from "./texts.ts";

export interface PagedQuery {
  readonly isPending: boolean;
  readonly isError: boolean;
  readonly isFetching: boolean;
  readonly hasNextPage: boolean;
  readonly isFetchingNextPage: boolean;
  readonly isFetchNextPageError: boolean;
  readonly error: unknown;
  readonly refetch: () => Promise<unknown>;
  readonly fetchNextPage: (options: { readonly cancelRefetch: boolean }) => Promise<unknown>;
}

/** A list that comes in pages, or what stands in its place: a shape while it is read, a problem, or words for nothing. */
export function PagedList({
  query,
  isEmpty,
  empty,
  children,
}: {
  query: PagedQuery;
  isEmpty: boolean;
  empty: ReactNode;
  children: ReactNode;
}) {
  const body = !isEmpty ? (
    children
  ) : query.isPending ? (
    <TableSkeleton />
  ) : query.isError ? (
    <ProblemNote error={query.error} onRetry={() => void query.refetch()} />
  ) : (
    empty
  );
  return (
    <>
      {body}
      <MoreRows query={query} />
    </>
  );
}

/** Reads on when the end of the list comes into sight; the button is for keyboards and for a second try. */
function MoreRows({ query }: { query: PagedQuery }) {
  const end = useRef<HTMLDivElement>(null);
  const { hasNextPage, isFetching, isFetchingNextPage, isFetchNextPageError, fetchNextPage } = query;
  // Reading on would break off the renewal of the pages above, which would count as fresh from then on.
  const wanted = hasNextPage && !isFetching && !isFetchNextPageError;
  useEffect(() => {
    const place = end.current;
    if (place === null || !wanted) return undefined;
    const watcher = new IntersectionObserver(
      (seen) => {
        if (seen.some(({ isIntersecting }) => isIntersecting)) void fetchNextPage({ cancelRefetch: false });
      },
      { rootMargin: "600px" },
    );
    watcher.observe(place);
    return () => watcher.disconnect();
  }, [wanted, fetchNextPage]);
  if (!hasNextPage) return null;
  return (
    <div ref={end} className="flex flex-col items-center gap-3 py-5">
      {isFetchNextPageError ? <ProblemNote error={query.error} /> : null}
      <Button look="quiet" busy={isFetchingNextPage} onClick={() => void fetchNextPage({ cancelRefetch: false })}>
        {texts.more}
      </Button>
    </div>
  );
}

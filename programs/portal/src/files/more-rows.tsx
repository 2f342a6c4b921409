import { useEffect, useRef } from "react";
import { Button } from "../design/button.tsx";
import { ProblemNote } from "../design/notes.tsx";
import { texts } from "./texts.ts";

interface PagedList {
  readonly hasNextPage: boolean;
  readonly isFetchingNextPage: boolean;
  readonly isFetchNextPageError: boolean;
  readonly error: unknown;
  readonly fetchNextPage: () => Promise<unknown>;
}

/** Reads on when the end of the list comes into sight; the button is for keyboards and for a second try. */
export function MoreRows({ list }: { list: PagedList }) {
  const end = useRef<HTMLDivElement>(null);
  const { hasNextPage, isFetchingNextPage, isFetchNextPageError, fetchNextPage } = list;
  const wanted = hasNextPage && !isFetchingNextPage && !isFetchNextPageError;
  useEffect(() => {
    const place = end.current;
    if (place === null || !wanted) return undefined;
    const watcher = new IntersectionObserver(
      (seen) => {
        if (seen.some(({ isIntersecting }) => isIntersecting)) void fetchNextPage();
      },
      { rootMargin: "600px" },
    );
    watcher.observe(place);
    return () => watcher.disconnect();
  }, [wanted, fetchNextPage]);
  if (!hasNextPage) return null;
  return (
    <div ref={end} className="flex flex-col items-center gap-3 py-5">
      {isFetchNextPageError ? <ProblemNote error={list.error} /> : null}
      <Button look="quiet" busy={isFetchingNextPage} onClick={() => void fetchNextPage()}>
        {texts.more}
      </Button>
    </div>
  );
}

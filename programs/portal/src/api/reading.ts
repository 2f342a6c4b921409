import type { QueryClient } from "@tanstack/react-query";
import type { CacheKey } from "./keys.ts";

/** How what is cached under a key, or under keys that begin with it, is being read just now. */
export type Reading = "not" | "first" | "again";

/** What the query client is doing about a key. */
export function readingIn(client: QueryClient, queryKey: CacheKey): Reading {
  if (client.isFetching({ queryKey, predicate: ({ state }) => state.data === undefined }) > 0) return "first";
  return client.isFetching({ queryKey }) > 0 ? "again" : "not";
}

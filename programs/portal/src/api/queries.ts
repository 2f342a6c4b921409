/** What screens read from the device, cached by the names in `keys.ts`. */
import { notifyManager, QueryClient, useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import type { CallOutput } from "@piccolo/device-api/client";
import { changesWait } from "./changes-wait.ts";
import { device, setCsrfToken } from "./device.ts";
import { keys } from "./keys.ts";
import { troubleOf } from "./problem.ts";

export type Node = CallOutput<"GET /files/{id}">;
export type NetworkView = CallOutput<"GET /network">;
export type Member = NetworkView["members"][number];
export type Placement = CallOutput<"GET /files/{id}/placement">;
export type Version = CallOutput<"GET /files/{id}/versions">["versions"][number];
export type Task = CallOutput<"GET /tasks/{id}">;
export type Session = CallOutput<"GET /session">;
export type Status = CallOutput<"GET /status">;
export type Invitation = CallOutput<"POST /network/invitations">;
export type Crumb = CallOutput<"GET /files">["parent"];

export interface Sorting {
  readonly sort: "name" | "modified" | "size";
  readonly order: "asc" | "desc";
}

const pageSize = 100;

/**
 * Whether the browser takes itself for online says nothing about the device: it may run on the device, or reach it in a way
 * the browser does not count. So nothing waits for that, neither reading nor a change.
 */
const networkMode = "always";

export function createQueryClient(): QueryClient {
  // Before a click that waits behind this one: a button that is busy only after it runs a change twice.
  notifyManager.setScheduler(queueMicrotask);
  return new QueryClient({
    defaultOptions: {
      mutations: { networkMode },
      queries: {
        networkMode,
        // Events say what is stale; a page that comes back to the front asks once more.
        staleTime: 30_000,
        retry: (failures, error) => failures < 2 && troubleOf(error).retry,
      },
    },
  });
}

export const useStatus = () =>
  useQuery({
    queryKey: keys.status,
    queryFn: ({ signal }) => device.call("GET /status", {}, { signal }),
    // Part of a page that says that the device does not answer: it would ask again as often as the page is shown.
    retryOnMount: false,
    // Before anyone is signed in there are no events: this is how a device that comes back, or was opened from another
    // page, is noticed.
    refetchInterval: ({ state }) =>
      state.status === "error" || state.data === undefined || state.data.phase !== "ready" || !state.data.signedIn
        ? 4000
        : false,
  });

export const useSession = () =>
  useQuery({
    queryKey: keys.session,
    queryFn: async ({ signal }) => {
      const session = await device.call("GET /session", {}, { signal });
      setCsrfToken(session.csrf);
      return session;
    },
  });

export const useNetwork = () =>
  useQuery({
    queryKey: keys.network,
    queryFn: async ({ signal }) => {
      const heard = changesWait.asked();
      const network = await device.call("GET /network", {}, { signal });
      // Nobody told a page that was not seen that the wait is over.
      heard(network.waitingChanges);
      return network;
    },
  });

/** `watched`: on the screen that shows how the backup gets on, of which no event tells. */
export const useSecurity = (watched = false) =>
  useQuery({
    queryKey: keys.security,
    queryFn: ({ signal }) => device.call("GET /security", {}, { signal }),
    refetchInterval: watched ? 5000 : false,
  });

/** The chip goes on measuring while the device runs, of which no event tells. */
export const useBoot = () =>
  useQuery({ queryKey: keys.boot, queryFn: ({ signal }) => device.call("GET /security/boot", {}, { signal }) });

export const useSheet = () =>
  useQuery({
    queryKey: keys.sheet,
    queryFn: ({ signal }) => device.call("GET /security/recovery-sheet", {}, { signal }),
  });

export const useInvitations = (enabled: boolean) =>
  useQuery({
    queryKey: keys.invitations,
    queryFn: ({ signal }) => device.call("GET /network/invitations", {}, { signal }),
    // Others co-sign on their own devices, of which no event tells.
    refetchInterval: 15_000,
    enabled,
  });

export function useListing(folder: string, sorting: Sorting) {
  return useInfiniteQuery({
    queryKey: [...keys.listing(folder), sorting.sort, sorting.order],
    initialPageParam: "",
    queryFn: ({ pageParam, signal }) =>
      device.call(
        "GET /files",
        { query: { parent: folder, ...sorting, limit: pageSize, ...(pageParam === "" ? {} : { cursor: pageParam }) } },
        { signal },
      ),
    getNextPageParam: ({ nextCursor }) => nextCursor,
  });
}

export function useSearch(query: string) {
  return useInfiniteQuery({
    queryKey: [...keys.searches, query],
    initialPageParam: "",
    queryFn: ({ pageParam, signal }) =>
      device.call(
        "GET /files/search",
        { query: { q: query, limit: pageSize, ...(pageParam === "" ? {} : { cursor: pageParam }) } },
        { signal },
      ),
    getNextPageParam: ({ nextCursor }) => nextCursor,
  });
}

export function useTrash() {
  return useInfiniteQuery({
    queryKey: keys.trash,
    initialPageParam: "",
    queryFn: ({ pageParam, signal }) =>
      device.call(
        "GET /trash",
        { query: { limit: pageSize, ...(pageParam === "" ? {} : { cursor: pageParam }) } },
        { signal },
      ),
    getNextPageParam: ({ nextCursor }) => nextCursor,
  });
}

export const useNode = (id: string) =>
  useQuery({
    queryKey: keys.node(id),
    queryFn: ({ signal }) => device.call("GET /files/{id}", { params: { id } }, { signal }),
  });

export const useVersions = (id: string, enabled: boolean) =>
  useQuery({
    queryKey: [...keys.versions, id],
    queryFn: ({ signal }) => device.call("GET /files/{id}/versions", { params: { id } }, { signal }),
    enabled,
  });

export const usePlacement = (id: string, enabled: boolean) =>
  useQuery({
    queryKey: keys.placement(id),
    queryFn: ({ signal }) => device.call("GET /files/{id}/placement", { params: { id } }, { signal }),
    enabled,
  });

/** So often the list is read while something runs: a page may have no stream of events that tells of the end. */
export const tasksAgainMs = (tasks: readonly Pick<Task, "state">[] | undefined): number | false =>
  tasks?.some(({ state }) => state === "running") === true ? 2000 : false;

export const useTasks = (enabled: boolean) =>
  useQuery({
    queryKey: keys.tasks,
    queryFn: ({ signal }) => device.call("GET /tasks", {}, { signal }),
    refetchInterval: ({ state }) => tasksAgainMs(state.data?.tasks),
    enabled,
  });

/** Follows a task. Events bring its progress; asking now and then is for when they do not get through. */
export const useTask = (id: string | undefined) =>
  useQuery({
    queryKey: keys.task(id ?? ""),
    queryFn: ({ signal }) => device.call("GET /tasks/{id}", { params: { id: id ?? "" } }, { signal }),
    enabled: id !== undefined,
    refetchInterval: ({ state }) => (state.data === undefined || state.data.state === "running" ? 1000 : false),
  });

/**
 * Marks everything a change to the tree may touch; events do the same, a moment later. The promise is kept when what is
 * shown of it was read again.
 */
export function useTreeChanged(): () => Promise<void> {
  const client = useQueryClient();
  return async () => {
    await Promise.all(
      [keys.listings, keys.searches, keys.trash, keys.nodes, keys.versions].map((queryKey) =>
        client.invalidateQueries({ queryKey }),
      ),
    );
  };
}

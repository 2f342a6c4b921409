/** What screens of apps read from the device and ask of it. */
import type { CallInput, CallOutput, CatalogRouteNames, RouteNames } from "./calls.ts";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { device } from "../api/device.ts";
import { newIdempotencyKey } from "../api/idempotency-key.ts";
import { keys } from "../api/keys.ts";
import { useTasks } from "../api/queries.ts";
import { troubleOf } from "../api/problem.ts";
import { useIsShown } from "../api/while-shown.ts";
import { isChanging } from "./words.ts";

export type AppView = CallOutput<"GET /apps/{id}">;
export type AppDescription = AppView["app"];
export type CatalogView = CallOutput<"GET /catalog">;
export type CatalogState = CallOutput<"GET /catalogs">["catalogs"][number];
export type CatalogEntry = CatalogView["entries"][number];
export type Grant = AppDescription["grants"][number];
export type Setting = AppDescription["settings"][number];
export type Preflight = CallOutput<"POST /apps/preflight">;
export type TrashedApp = CallOutput<"GET /app-trash">["apps"][number];
export type AppEvent = CallOutput<"GET /apps/{id}/events">["events"][number];
export type AppBackupsView = CallOutput<"GET /apps/{id}/backups">;
export type AppBackup = AppBackupsView["backups"][number];
export type RestoreDrill = NonNullable<AppBackupsView["drill"]>;
export type AppTrouble = NonNullable<AppBackupsView["trouble"]>;
export type BackedUpApp = CallOutput<"GET /app-backups">["apps"][number];
export type AppSource = CallInput<"POST /apps/preflight">["body"];

/** Events bring progress; asking now and then is for when they do not get through. */
const watchMs = 2000;

export const useApps = () =>
  useQuery({
    queryKey: keys.apps,
    queryFn: ({ signal }) => device.call("GET /apps", {}, { signal }),
    refetchInterval: ({ state }) => (state.data?.apps.some(isChanging) === true ? watchMs : false),
  });

export const useApp = (id: string) =>
  useQuery({
    queryKey: keys.app(id),
    queryFn: ({ signal }) => device.call("GET /apps/{id}", { params: { id } }, { signal }),
    refetchInterval: ({ state }) => (state.data !== undefined && isChanging(state.data) ? watchMs : false),
  });

export const useCatalog = (query: string, category: string | undefined) =>
  useQuery({
    queryKey: [...keys.catalog, query, category ?? ""],
    queryFn: ({ signal }) =>
      device.call(
        "GET /catalog",
        {
          query: {
            q: query,
            language: navigator.language.toLowerCase(),
            ...(category === undefined ? {} : { category }),
          },
        },
        { signal },
      ),
    placeholderData: (before) => before,
  });

export const useCatalogs = () =>
  useQuery({ queryKey: keys.catalogs, queryFn: ({ signal }) => device.call("GET /catalogs", {}, { signal }) });

export const useAppTrash = () =>
  useQuery({ queryKey: keys.appTrash, queryFn: ({ signal }) => device.call("GET /app-trash", {}, { signal }) });

export const useBackups = (id: string, enabled: boolean) =>
  useQuery({
    queryKey: [...keys.app(id), "backups"],
    queryFn: ({ signal }) => device.call("GET /apps/{id}/backups", { params: { id } }, { signal }),
    refetchInterval: ({ state }) => (state.data?.state === "saving" ? watchMs : false),
    enabled,
  });

export const useBackedUpApps = () =>
  useQuery({ queryKey: keys.appBackups, queryFn: ({ signal }) => device.call("GET /app-backups", {}, { signal }) });

type Task = CallOutput<"GET /tasks/{id}">;

/** What was asked for of an app and may be refused only after the device has taken it. */
export interface AppTask {
  readonly isRunning: boolean;
  /** Of the newest one, until another one is begun; also after the page was loaded anew. */
  readonly failed: (NonNullable<Task["error"]> & { readonly atMs: number }) | undefined;
}

/** The newest task of that kind for an app. */
export function useAppTask(kind: Task["kind"], app: string): AppTask {
  const { data } = useTasks(true);
  return newestTask(data?.tasks ?? [], kind, app);
}

export function newestTask(tasks: readonly Task[], kind: Task["kind"], app: string): AppTask {
  const [newest] = tasks
    .filter((task) => task.kind === kind && task.subject === app)
    .toSorted((a, b) => b.startedAtMs - a.startedAtMs);
  const { state, error, endedAtMs = 0 } = newest ?? {};
  return {
    isRunning: state === "running",
    failed: state === "failed" && error !== undefined ? { ...error, atMs: endedAtMs } : undefined,
  };
}

export const useAppEvents = (id: string) =>
  useQuery({
    queryKey: [...keys.app(id), "events"],
    queryFn: ({ signal }) => device.call("GET /apps/{id}/events", { params: { id } }, { signal }),
  });

export const useResources = (id: string, enabled: boolean) =>
  useQuery({
    queryKey: [...keys.app(id), "resources"],
    queryFn: ({ signal }) => device.call("GET /apps/{id}/resources", { params: { id } }, { signal }),
    refetchInterval: 5000,
    enabled,
  });

/** What a version that did not come up said; `told` is its problem, since another one has another log. */
export const useProblemLog = (id: string, told: string) =>
  useQuery({
    queryKey: [...keys.app(id), "problem-log", told],
    queryFn: ({ signal }) => device.call("GET /apps/{id}/problem-log", { params: { id } }, { signal }),
  });

/** Whatever is known of apps is read again. The promise is kept when the page shows what it is now. */
export function useAppsChanged(): () => Promise<void> {
  const client = useQueryClient();
  return async () => {
    const stale = [keys.apps, ["app"], keys.catalog, keys.appTrash, keys.appBackups, keys.tasks];
    await Promise.all(stale.map((queryKey) => client.invalidateQueries({ queryKey })));
  };
}

/**
 * A change of an app; it is busy until the page shows what the device has made of it, so that nobody asks twice.
 * `done`: what follows in the page, such as that a dialog closes; left out once the component is gone. `taken` follows in
 * any case.
 */
export function useAppCall<N extends RouteNames>(name: N, done?: () => void, taken?: (answer: CallOutput<N>) => void) {
  const changed = useAppsChanged();
  const isShown = useIsShown();
  const call = useMutation({
    mutationFn: (input: CallInput<N>) => device.call(name, input, { idempotencyKey: newIdempotencyKey() }),
    // What is sent may hold an app's password: the cache keeps it no longer than it is needed to try again.
    gcTime: 0,
    onSuccess: async (answer) => {
      if (isShown()) done?.();
      taken?.(answer);
      await changed();
      call.reset();
    },
  });
  return call;
}

/** What was refused is told until the app is in another state; that the device did not answer, until it does. */
export function useNotesUntilChange(
  { app: { id }, state, wanted }: Pick<AppView, "app" | "state" | "wanted">,
  calls: readonly { readonly error: unknown; readonly reset: () => void }[],
): void {
  const { dataUpdatedAt } = useApp(id);
  const now = useRef(calls);
  now.current = calls;
  useEffect(() => {
    for (const { error, reset } of now.current) if (error !== null) reset();
  }, [state, wanted]);
  useEffect(() => {
    for (const { error, reset } of now.current) if (error !== null && troubleOf(error).status === 0) reset();
  }, [dataUpdatedAt]);
}

/**
 * A change of a catalog; one that is refused changes what the device says of it, too. `done`: what follows in the page;
 * left out once the component is gone.
 */
export function useCatalogCall<N extends CatalogRouteNames>(name: N, done?: () => void) {
  const client = useQueryClient();
  const isShown = useIsShown();
  return useMutation({
    mutationFn: (input: CallInput<N>) => device.call(name, input, { idempotencyKey: newIdempotencyKey() }),
    onSuccess: () => {
      if (isShown()) done?.();
    },
    onSettled: () =>
      Promise.all(
        [keys.catalogs, keys.catalog, keys.apps, ["app"]].map((queryKey) => client.invalidateQueries({ queryKey })),
      ),
  });
}

/** The address in the fragment as a place of the portal. */
import { useHashLocation } from "wouter/use-hash-location";
import { formatRoute, parseRoute, type Route } from "./routes.ts";

export type Navigate = (to: Route, options?: { readonly replace?: boolean }) => void;

export function useRoute(): readonly [Route, Navigate] {
  const [path, navigate] = useHashLocation();
  return [parseRoute(path), (to, options) => navigate(formatRoute(to), options)];
}

/** Whether the page is there now: an answer that comes late finds people elsewhere. */
export const isAt = (route: Route): boolean =>
  formatRoute(parseRoute(location.hash.replace(/^#/, ""))) === formatRoute(route);

export const hrefOf = (route: Route): string => `#${formatRoute(route)}`;

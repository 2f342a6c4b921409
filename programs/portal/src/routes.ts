/** The portal's places and their addresses. They live in the fragment, so the device serves one page for all of them. */
export type Route =
  | { readonly screen: "files"; readonly folder: string; readonly details?: string }
  | { readonly screen: "search"; readonly query: string; readonly details?: string }
  | { readonly screen: "trash" }
  | { readonly screen: "apps" }
  | { readonly screen: "app"; readonly id: string }
  | { readonly screen: "catalog" }
  | { readonly screen: "catalogs" }
  | { readonly screen: "app-trash" }
  | { readonly screen: "network" }
  | { readonly screen: "security"; readonly part?: SecurityPart }
  | { readonly screen: "settings" }
  /** Only on a device without an owner. */
  | { readonly screen: "recover" };

export const securityParts = ["check", "new-phrase", "re-key", "sheet", "reset", "reclaim", "boot"] as const;
export type SecurityPart = (typeof securityParts)[number];

const rootFolder = "root";
export const home = { screen: "files", folder: rootFolder } as const satisfies Route;

const decode = (part: string): string => {
  try {
    return decodeURIComponent(part);
  } catch {
    return "";
  }
};

/** Unknown addresses lead home: a stale bookmark is no error to bother anyone with. */
export function parseRoute(path: string): Route {
  const [screen = "", first = "", ...rest] = path.replace(/^\/+/, "").split("/").map(decode);
  const details = rest[0] === "details" && rest[1] ? { details: rest[1] } : {};
  switch (screen) {
    case "files":
      return { screen: "files", folder: first === "" ? rootFolder : first, ...details };
    case "search":
      return first.trim() === "" ? home : { screen: "search", query: first, ...details };
    case "security": {
      const part = securityParts.find((known) => known === first);
      return part === undefined ? { screen } : { screen, part };
    }
    case "app":
      return first === "" ? { screen: "apps" } : { screen, id: first };
    case "apps":
    case "catalog":
    case "catalogs":
    case "app-trash":
    case "trash":
    case "recover":
    case "network":
    case "settings":
      return { screen };
    default:
      return home;
  }
}

export function formatRoute(route: Route): string {
  switch (route.screen) {
    case "files":
      return `/files/${encodeURIComponent(route.folder)}${detailsPart(route.details)}`;
    case "search":
      return `/search/${encodeURIComponent(route.query)}${detailsPart(route.details)}`;
    case "app":
      return `/app/${encodeURIComponent(route.id)}`;
    case "security":
      return `/security${route.part === undefined ? "" : `/${route.part}`}`;
    default:
      return `/${route.screen}`;
  }
}

const detailsPart = (details: string | undefined): string =>
  details === undefined ? "" : `/details/${encodeURIComponent(details)}`;

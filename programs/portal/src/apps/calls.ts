/** The calls that change apps, by their names in the contract. */
export type { CallInput, CallOutput } from "@piccolo/device-api/client";

export type RouteNames =
  | "POST /apps"
  | "POST /apps/{id}/start"
  | "POST /apps/{id}/stop"
  | "POST /apps/{id}/retry"
  | "DELETE /apps/{id}/notices/{noticeId}"
  | "POST /apps/{id}/update"
  | "POST /apps/{id}/rollback"
  | "POST /apps/{id}/configure"
  | "POST /apps/{id}/backup"
  | "POST /apps/{id}/snapshots/{snapshotId}/restore"
  | "DELETE /apps/{id}/snapshots/{snapshotId}"
  | "DELETE /apps/{id}/rollback"
  | "POST /app-backups/{id}/restore"
  | "POST /app-backups/{id}/drill"
  | "DELETE /app-backups/{id}"
  | "DELETE /apps/{id}"
  | "POST /app-trash/{id}/restore"
  | "DELETE /app-trash/{id}";

/** Those that change catalogs. */
export type CatalogRouteNames = "POST /catalogs" | "POST /catalogs/{id}/renew" | "DELETE /catalogs/{id}";

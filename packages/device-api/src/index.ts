/** The contract between piccolod and its portal, its command line and other clients. */
export * from "./app-backups.ts";
export * from "./app-definitions.ts";
export * from "./apps.ts";
export * from "./boot.ts";
export * from "./closed-codes.ts";
export type { DeviceEvent, DeviceEventType } from "./events.ts";
export * from "./files.ts";
export * from "./network.ts";
export * from "./problem.ts";
export { type RouteName, type Routes, routes } from "./routes.ts";
export * from "./security.ts";
export * from "./session.ts";
export * from "./tasks.ts";
export * from "./uploads.ts";

import type { Clock } from "./session.ts";
import type { NetworkView } from "./network.ts";
import type { Task } from "./tasks.ts";

/**
 * What GET /events (text/event-stream) sends: `event` is the type, `data` the JSON of the rest, `id` a number that
 * grows by one. A client that comes back with a Last-Event-ID that is gone gets `resync` and reads everything anew.
 */
export type DeviceEvent =
  | { readonly type: "network"; readonly network: NetworkView }
  | { readonly type: "clock"; readonly clock: Clock }
  /** Something in these folders changed (`trash` for the trash). */
  | { readonly type: "files"; readonly folders: readonly string[] }
  | { readonly type: "upload"; readonly id: string; readonly offsetBytes: number; readonly sizeBytes: number }
  /** An upload ended, by completion, removal or expiry. */
  | { readonly type: "upload-gone"; readonly id: string }
  /** The placement of these files changed; all of them when absent. */
  | { readonly type: "placement"; readonly nodes?: readonly string[] }
  | { readonly type: "task"; readonly task: Task }
  /** Something about this app changed; it is to be read anew. */
  | { readonly type: "app"; readonly id: string }
  /** Locked or unlocked, a slot, the backup or the device's place: status, session and security are to be read anew. */
  | { readonly type: "security" }
  | { readonly type: "resync" };

export type DeviceEventType = DeviceEvent["type"];

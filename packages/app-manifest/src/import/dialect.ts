/** Where the systems an importer knows differ: what their variables and their host paths mean. */

/** What takes a foreign variable's place. */
export type Meaning =
  | { readonly kind: "text"; readonly text: string }
  /** Made on the device; with a label the owner can read it. */
  | {
      readonly kind: "secret";
      readonly name: string;
      readonly hex?: boolean;
      readonly length?: number;
      readonly shownAs?: string;
    }
  | { readonly kind: "fact"; readonly name: string }
  | {
      readonly kind: "setting";
      readonly name: string;
      readonly setting: Readonly<Record<string, unknown>> & { readonly type: string; readonly label: string };
    };

/** Which of the system's folders it lies in, and where below: the same rest in two of them is two folders. */
interface FolderPath {
  readonly folder: string;
  /** What the volume is named after. */
  readonly rest: string;
}

export type HostPath =
  /** A folder of the app's own. */
  | ({ readonly kind: "own" } & FolderPath)
  /** A folder that apps share there and that is the app's alone here. */
  | ({ readonly kind: "shared" } & FolderPath)
  | { readonly kind: "left-out" }
  | { readonly kind: "refused" };

export interface Dialect {
  readonly called: string;
  readonly id: string;
  /** Undefined: nobody knows the variable. */
  readonly variable: (name: string, fallback: string | undefined) => Meaning | undefined;
  readonly hostPath: (path: string) => HostPath;
  /** Names of other containers become names of services. */
  readonly rename: (text: string) => string;
}

/** Clock and zone of the machine: what is mounted there comes as PICCOLO_TIME_ZONE here. */
export const leftOutPath = /^\/(?:etc\/(?:localtime|timezone)|usr\/share\/zoneinfo)(?:\/|$)/;

/** Variables that mean the same wherever they occur. */
export function usualVariable(name: string): Meaning | undefined {
  if (name === "TZ") return { kind: "fact", name: "PICCOLO_TIME_ZONE" };
  if (name === "PUID" || name === "PGID" || name === "UID" || name === "GID") return { kind: "text", text: "1000" };
  return undefined;
}

/** What importers give: a manifest's text, or problems; and in both cases what the translation changed. */
import type { Problem } from "../problems.ts";
import type { AppManifest } from "../types.ts";

/** What an owner of the original should know. */
export type NoteCode =
  | "port-not-published"
  | "secret-generated"
  | "folder-of-its-own"
  | "mount-left-out"
  | "key-left-out"
  | "device-left-out"
  | "grant-added"
  | "snapshot-guessed";

export interface ImportNote {
  readonly code: NoteCode;
  /** JSON Pointer into the definition. */
  readonly path: string;
  readonly text: string;
}

export type ImportResult = {
  /** Images whose digest nobody gave; with those it may be a manifest. */
  readonly undigested: readonly string[];
} & (
  | {
      readonly text: string;
      readonly manifest: AppManifest;
      readonly problems: readonly [];
      readonly notes: readonly ImportNote[];
    }
  | {
      readonly text: undefined;
      readonly manifest: undefined;
      readonly problems: readonly Problem[];
      readonly notes: readonly ImportNote[];
    }
);

export type DefinitionKind = "compose" | "umbrel" | "casaos" | "runtipi";

/** What plain Compose has no words for. */
export interface DefinitionFacts {
  readonly id?: string;
  readonly name?: string;
  readonly version?: string;
  /** Where the web page is: a service as the definition writes it, and the port in its container. */
  readonly web?: { readonly service: string; readonly port: number };
}

export type Unsaid = keyof DefinitionFacts;

export interface ImportOptions {
  /**
   * Digests somebody looked up, by the image's name as it is written. An image without one is refused: what its tag stands
   * for today nobody can say from a file.
   */
  readonly digests?: ReadonlyMap<string, string>;
}

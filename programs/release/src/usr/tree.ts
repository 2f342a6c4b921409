/** A file system tree as plain data, as it goes into an image. */

interface Attributes {
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Names with their prefix, such as `security.selinux`. */
  readonly xattrs?: Readonly<Record<string, Uint8Array>>;
}

export interface Directory extends Attributes {
  readonly kind: "directory";
  readonly entries: Map<string, TreeNode>;
}

export interface Link extends Attributes {
  readonly kind: "link";
  readonly target: string;
}

/** Content that lies in the image itself. */
export interface InlineFile extends Attributes {
  readonly kind: "inline";
  readonly content: Uint8Array;
}

/** Content that lies elsewhere, under `path` of the data layer, and has this fs-verity digest. */
export interface BackedFile extends Attributes {
  readonly kind: "backed";
  readonly sizeBytes: number;
  readonly path: string;
  readonly digest: Uint8Array;
}

export type TreeNode = Directory | Link | InlineFile | BackedFile;

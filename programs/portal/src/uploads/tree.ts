/** Folders that are dropped or chosen: which of them have to be made, and where each file goes. */
export interface TreeFile<F> {
  /** Names of the folders above the file, from the top down. */
  readonly folders: readonly string[];
  readonly file: F;
}

export interface Tree<F> {
  readonly files: readonly TreeFile<F>[];
  /** Paths of the folders that were seen; those of the files need not be among them. */
  readonly folders: readonly (readonly string[])[];
}

/** A path as one string that no name can forge: a slash is in no name. */
export const pathKey = (folders: readonly string[]): string => folders.join("/");

/** Every folder once, parents before children. */
export function foldersToMake(tree: Tree<unknown>): readonly (readonly string[])[] {
  const found = new Map<string, readonly string[]>();
  for (const folders of [...tree.files.map((file) => file.folders), ...tree.folders])
    for (let depth = 1; depth <= folders.length; depth += 1) {
      const path = folders.slice(0, depth);
      found.set(pathKey(path), path);
    }
  return [...found.values()].sort((a, b) => a.length - b.length);
}

/** What a folder picker says of a file: `Holiday/Day 1/a.jpg`. */
export function foldersOfRelativePath(relativePath: string): readonly string[] {
  return relativePath
    .split("/")
    .slice(0, -1)
    .filter((name) => name !== "");
}

/** Reads what was dropped on the page, folders included. */
import type { Tree } from "./tree.ts";

async function readFolder(folder: FileSystemDirectoryEntry): Promise<readonly FileSystemEntry[]> {
  const reader = folder.createReader();
  const entries: FileSystemEntry[] = [];
  // A reader hands out its entries in portions, the last of which is empty.
  for (;;) {
    const portion = await new Promise<readonly FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (portion.length === 0) return entries;
    entries.push(...portion);
  }
}

async function walk(entry: FileSystemEntry, folders: readonly string[]): Promise<Tree<File>> {
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    return { files: [{ folders, file }], folders: [] };
  }
  const path = [...folders, entry.name];
  const trees: Tree<File>[] = [{ files: [], folders: [path] }];
  for (const child of await readFolder(entry as FileSystemDirectoryEntry)) trees.push(await walk(child, path));
  return joined(trees);
}

const joined = (trees: readonly Tree<File>[]): Tree<File> => ({
  files: trees.flatMap(({ files }) => files),
  folders: trees.flatMap(({ folders }) => folders),
});

/** To be called within the drop event: afterwards the browser no longer tells what was dropped. */
export async function droppedTree(transfer: DataTransfer): Promise<Tree<File>> {
  const items = [...transfer.items].filter(({ kind }) => kind === "file");
  const found = items.map((item) => ({ entry: item.webkitGetAsEntry(), file: item.getAsFile() }));
  const trees = found.map(({ entry, file }) => {
    if (entry !== null) return walk(entry, []);
    return Promise.resolve({ files: file === null ? [] : [{ folders: [], file }], folders: [] });
  });
  return joined(await Promise.all(trees));
}

export const carriesFiles = (transfer: DataTransfer | null): boolean => transfer?.types.includes("Files") ?? false;

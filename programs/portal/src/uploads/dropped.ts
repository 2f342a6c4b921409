/** Reads what was dropped on the page, folders included. */
import type { TreeFile } from "./tree.ts";

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

async function walk(entry: FileSystemEntry, folders: readonly string[]): Promise<readonly TreeFile<File>[]> {
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    return [{ folders, file }];
  }
  const files: TreeFile<File>[] = [];
  for (const child of await readFolder(entry as FileSystemDirectoryEntry))
    files.push(...(await walk(child, [...folders, entry.name])));
  return files;
}

/** To be called within the drop event: afterwards the browser no longer tells what was dropped. */
export function droppedFiles(transfer: DataTransfer): Promise<readonly TreeFile<File>[]> {
  const items = [...transfer.items].filter(({ kind }) => kind === "file");
  const found = items.map((item) => ({ entry: item.webkitGetAsEntry(), file: item.getAsFile() }));
  return Promise.all(
    found.map(async ({ entry, file }) => {
      if (entry !== null) return walk(entry, []);
      return file === null ? [] : [{ folders: [], file }];
    }),
  ).then((lists) => lists.flat());
}

export const carriesFiles = (transfer: DataTransfer | null): boolean => transfer?.types.includes("Files") ?? false;

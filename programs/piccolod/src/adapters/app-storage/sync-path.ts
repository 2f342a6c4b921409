import { open } from "node:fs/promises";

/** A file or a folder's list of names is on the disk when it returns; however long that takes, everything else goes on. */
export async function syncPath(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

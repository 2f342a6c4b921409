/** Makes the folders of a dropped tree, or finds those that are there already. */
import { DeviceRefusal } from "@piccolo/device-api/client";
import { device } from "../api/device.ts";
import { foldersToMake, pathKey, type TreeFile } from "./tree.ts";
import type { NewUpload } from "./uploads.ts";

async function folderNamed(parent: string, name: string): Promise<string | undefined> {
  let cursor: string | undefined;
  do {
    const page = await device.call("GET /files", {
      query: { parent, limit: 500, ...(cursor === undefined ? {} : { cursor }) },
    });
    const found = page.nodes.find((node) => node.kind === "folder" && node.name.toLowerCase() === name.toLowerCase());
    if (found !== undefined) return found.id;
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return undefined;
}

async function folderOf(parent: string, name: string): Promise<string> {
  try {
    return (await device.call("POST /files/folders", { body: { parent, name } })).id;
  } catch (error) {
    if (!(error instanceof DeviceRefusal) || error.problem.code !== "name-taken") throw error;
    const existing = await folderNamed(parent, name);
    if (existing === undefined) throw error;
    return existing;
  }
}

export async function placeTree(files: readonly TreeFile<File>[], parent: string): Promise<readonly NewUpload[]> {
  const ids = new Map([["", parent]]);
  for (const path of foldersToMake(files)) {
    const above = ids.get(pathKey(path.slice(0, -1))) ?? parent;
    ids.set(pathKey(path), await folderOf(above, path.at(-1) ?? ""));
  }
  return files.map(({ folders, file }) => ({ file, parent: ids.get(pathKey(folders)) ?? parent }));
}

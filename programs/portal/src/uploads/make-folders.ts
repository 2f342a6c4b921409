/** Makes the folders of a dropped tree, or finds those that are there already. */
import { DeviceRefusal } from "@piccolo/device-api/client";
import { device } from "../api/device.ts";
import { nameKey } from "../files/names.ts";
import { foldersToMake, pathKey, type Tree } from "./tree.ts";
import type { NewUpload } from "./uploads.ts";

/** The device's folders, as far as a tree needs them. */
export interface FolderMaker {
  /** Returns the new folder's id. Throws the refusal `name-taken`. */
  readonly make: (parent: string, name: string) => Promise<string>;
  readonly list: (
    parent: string,
    cursor: string | undefined,
  ) => Promise<{
    readonly nodes: readonly { readonly id: string; readonly name: string; readonly kind: "folder" | "file" }[];
    readonly nextCursor?: string | undefined;
  }>;
}

const onDevice: FolderMaker = {
  make: async (parent, name) => (await device.call("POST /files/folders", { body: { parent, name } })).id,
  list: (parent, cursor) =>
    device.call("GET /files", { query: { parent, limit: 500, ...(cursor === undefined ? {} : { cursor }) } }),
};

async function folderNamed(maker: FolderMaker, parent: string, name: string): Promise<string | undefined> {
  const key = nameKey(name);
  let cursor: string | undefined;
  do {
    const page = await maker.list(parent, cursor);
    const found = page.nodes.find((node) => node.kind === "folder" && nameKey(node.name) === key);
    if (found !== undefined) return found.id;
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return undefined;
}

async function folderOf(maker: FolderMaker, parent: string, name: string): Promise<string> {
  try {
    return await maker.make(parent, name);
  } catch (error) {
    if (!(error instanceof DeviceRefusal) || error.problem.code !== "name-taken") throw error;
    const existing = await folderNamed(maker, parent, name);
    if (existing === undefined) throw error;
    return existing;
  }
}

export async function placeTree(tree: Tree<File>, parent: string, maker = onDevice): Promise<readonly NewUpload[]> {
  const ids = new Map([["", parent]]);
  for (const path of foldersToMake(tree)) {
    const above = ids.get(pathKey(path.slice(0, -1))) ?? parent;
    ids.set(pathKey(path), await folderOf(maker, above, path.at(-1) ?? ""));
  }
  return tree.files.map(({ folders, file }) => ({ file, parent: ids.get(pathKey(folders)) ?? parent }));
}

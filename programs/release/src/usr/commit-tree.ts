/** The tree of an OSTree commit as it becomes the root: content stays in the repository, the rest goes into the image. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { verityOf } from "./fs-verity.ts";
import type { Directory, TreeNode } from "./tree.ts";

export interface ListedObject {
  readonly kind: "-" | "d" | "l";
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  readonly checksum: string;
  readonly path: string;
  /** Of a link. */
  readonly target: string | undefined;
}

const line = /^([-dl])(\d{5}) (\d+) (\d+) +(\d+) ([0-9a-f]{64})(?: [0-9a-f]{64})? (\/.*)$/;

/** The lines of `ostree ls -R -C`. Throws where one is not understood: a file that is left out would be missing. */
export function parseListing(text: string): ListedObject[] {
  return text
    .split("\n")
    .filter((row) => row !== "")
    .map((row) => {
      const match = line.exec(row);
      assert.ok(match !== null, `a line of the listing is not understood: ${row}`);
      const [, kind, mode = "", uid, gid, size, checksum = "", rest = ""] = match;
      const [path = "", target] = kind === "l" ? rest.split(" -> ") : [rest];
      return {
        kind: kind as ListedObject["kind"],
        mode: Number.parseInt(mode, 8) & 0o7777,
        uid: Number(uid),
        gid: Number(gid),
        sizeBytes: Number(size),
        checksum,
        path,
        target,
      };
    });
}

/** Where a repository in mode `bare` keeps a file's content, relative to `objects`. */
export const objectPath = (checksum: string): string => `${checksum.slice(0, 2)}/${checksum.slice(2)}.file`;

/** Content up to here is cheaper in the image than as a file of its own. */
const mostInlineBytes = 64;

function fileNode(object: ListedObject, objects: string): TreeNode {
  const { mode, uid, gid, checksum } = object;
  const path = objectPath(checksum);
  const content = readFileSync(join(objects, path));
  assert.equal(content.length, object.sizeBytes, `${object.path} has the size the commit names`);
  if (content.length <= mostInlineBytes) return { kind: "inline", mode, uid, gid, content };
  return { kind: "backed", mode, uid, gid, path, sizeBytes: content.length, digest: verityOf(content).digest };
}

/** Folders of the root that other file systems are mounted on, present in every root. */
const mountPoints = ["boot", "dev", "etc", "proc", "run", "sys", "sysroot", "tmp", "var"];

export function buildTree(listing: readonly ListedObject[], objects: string): Directory {
  const directories = new Map<string, Directory>();
  for (const object of listing) {
    const { mode, uid, gid, path } = object;
    const slash = path.lastIndexOf("/");
    const parent = directories.get(slash === 0 ? "/" : path.slice(0, slash));
    if (object.kind === "d") {
      const directory: Directory = { kind: "directory", mode, uid, gid, entries: new Map() };
      directories.set(path, directory);
      if (path !== "/") parent?.entries.set(path.slice(slash + 1), directory);
      continue;
    }
    assert.ok(parent !== undefined, `${path} comes after its folder`);
    const node: TreeNode =
      object.kind === "l"
        ? { kind: "link", mode: 0o777, uid, gid, target: object.target ?? "" }
        : fileNode(object, objects);
    parent.entries.set(path.slice(slash + 1), node);
  }
  const root = directories.get("/");
  assert.ok(root !== undefined, "the listing begins with the root");
  for (const name of mountPoints) {
    if (root.entries.has(name)) continue;
    root.entries.set(name, { kind: "directory", mode: 0o755, uid: 0, gid: 0, entries: new Map() });
  }
  return root;
}

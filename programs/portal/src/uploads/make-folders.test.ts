import assert from "node:assert/strict";
import { test } from "node:test";
import { DeviceRefusal } from "@piccolo/device-api/client";
import { placeTree, type FolderMaker } from "./make-folders.ts";

/** A device whose top folder has the folders named; it refuses what differs from them only in case or in form. */
function deviceWith(...names: readonly string[]): { readonly maker: FolderMaker; readonly made: string[] } {
  const made: string[] = [];
  const maker: FolderMaker = {
    make: (parent, name) => {
      if (parent === "root" && names.length > 0)
        return Promise.reject(
          new DeviceRefusal({
            type: "about:blank",
            title: "Taken",
            status: 409,
            code: "name-taken",
            detail: "The name is taken.",
            retry: false,
          }),
        );
      made.push(`${parent}/${name}`);
      return Promise.resolve(`${parent}/${name}`);
    },
    list: (_parent, cursor) => {
      const at = cursor === undefined ? 0 : Number(cursor);
      return Promise.resolve({
        nodes: names.slice(at, at + 1).map((name) => ({ id: `id-${name}`, name, kind: "folder" as const })),
        ...(at + 1 < names.length ? { nextCursor: String(at + 1) } : {}),
      });
    },
  };
  return { maker, made };
}

const file = (...folders: readonly string[]) => ({ folders, file: new File(["x"], "x.txt") });

test("a folder that is there already is found by the device's own rule, in whatever form the name comes", async () => {
  // A Mac hands out decomposed names; the device keeps composed ones and takes upper and lower case for the same.
  const { maker } = deviceWith("Akten", "Müller", "STRASSE");
  const placed = await placeTree({ files: [file("mu\u0308ller"), file("Straße")], folders: [] }, "root", maker);
  assert.deepEqual(
    placed.map(({ parent }) => parent),
    ["id-Müller", "id-STRASSE"],
  );
});

test("a name that something else than a folder has stays refused", async () => {
  const { maker } = deviceWith("Akten");
  await assert.rejects(placeTree({ files: [file("Briefe")], folders: [] }, "root", maker), DeviceRefusal);
});

test("empty folders are made, too", async () => {
  const { maker, made } = deviceWith();
  const placed = await placeTree({ files: [], folders: [["a"], ["a", "b"]] }, "root", maker);
  assert.deepEqual(placed, []);
  assert.deepEqual(made, ["root/a", "root/a/b"]);
});

/** The fake keeps what the port promises; the real storage runs the same suite in tests/apps. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { FolderSnapshotFiles } from "../../adapters/app-storage/folder-snapshot-files.ts";
import { appStorageSuite } from "../../../test-support/app-storage-suite.ts";
import { FolderAppStorage } from "../../../test-support/folder-app-storage.ts";

const folder = mkdtempSync(join(tmpdir(), "piccolo-app-storage-"));
after(() => rmSync(folder, { recursive: true }));

appStorageSuite("folder", () => {
  const storage = new FolderAppStorage(folder);
  return Promise.resolve({
    storage,
    files: new FolderSnapshotFiles(storage.snapshotFolder),
    write: (app, volume, text) => writeFileSync(storage.volumeFolder(app, volume), text),
    read: (app, volume) => readFileSync(storage.volumeFolder(app, volume), "utf8"),
    unmount: () => undefined,
    roomBytes: (app, volume) => storage.boundBytes(app)[volume] ?? 0,
  });
});

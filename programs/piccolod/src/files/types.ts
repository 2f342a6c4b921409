import { rootFolderId } from "@piccolo/device-api";
import { catalogue } from "@piccolo/fault";

export const filesFaults = catalogue({
  "invalid-name": { retry: "never", meaning: "The name breaks a rule of names; the text says which one." },
  "name-taken": { retry: "never", meaning: "The folder has an entry of that name; choose another one." },
  "not-found": { retry: "never", meaning: "There is no such file or folder; look at the folder again." },
  "not-a-folder": { retry: "never", meaning: "The target is a file; choose a folder." },
  "not-a-file": { retry: "never", meaning: "The operation is for files; this is a folder." },
  "folder-into-itself": { retry: "never", meaning: "A folder cannot be moved into itself or below itself." },
  "too-deep": { retry: "never", meaning: "Folders lie at most 64 deep; choose a place higher up." },
  "in-trash": { retry: "never", meaning: "The file is in the trash; restore it first." },
  "not-in-trash": { retry: "never", meaning: "There is no such entry in the trash; look at it again." },
  "version-is-current": { retry: "never", meaning: "The current version goes only with its file." },
  "invalid-cursor": { retry: "never", meaning: "The cursor is not one this listing gave; begin again without one." },
  "invalid-upload": { retry: "never", meaning: "A header of the upload is missing or malformed; the text names it." },
  "tus-version": { retry: "never", meaning: "The request is not tus 1.0.0; send the header tus-resumable." },
  "upload-not-found": { retry: "never", meaning: "There is no such upload, or it expired; begin a new one." },
  "upload-busy": { retry: "later", meaning: "Another request is sending this upload's bytes." },
  "upload-offset-differs": { retry: "never", meaning: "The offset is another one; ask for it, then go on from there." },
  "upload-bytes-differ": { retry: "never", meaning: "The chosen file is not the one the upload began with." },
  "upload-too-long": { retry: "never", meaning: "More bytes came than the upload's length." },
  "upload-too-large": { retry: "never", meaning: "The file is larger than a device takes." },
  "too-many-uploads": { retry: "later", meaning: "Too many uploads are unfinished; finish or remove some." },
  "range-not-satisfiable": { retry: "never", meaning: "The range begins after the end of the file." },
  stopping: { retry: "later", meaning: "The device is stopping; go on when it is back." },
});

/** The top folder's id in the database. */
export const rootId = 0;

/** An id as the interface writes it: the number in hex, of the same width for all. */
export function idText(id: number): string {
  return id === rootId ? rootFolderId : id.toString(16).padStart(32, "0");
}

/** Undefined where the text is no id, so that nothing can have it. */
export function nodeId(text: string): number | undefined {
  if (text === rootFolderId) return rootId;
  if (!/^[0-9a-f]{32}$/.test(text)) return undefined;
  const number = Number.parseInt(text, 16);
  return number !== rootId && Number.isSafeInteger(number) ? number : undefined;
}

const dayMs = 24 * 3_600_000;
/** How long the trash and older versions are kept. */
export const keepMs = 30 * dayMs;
export const uploadLifetimeMs = 7 * dayMs;
export const finishedUploadMs = dayMs;
export const deepestLevel = 64;
export const mostOpenUploads = 1_000;
/** A file's largest size: what tus clients are told. Its removal is one commit, which must fit an entry of the log. */
export const mostFileBytes = 2 * 1024 ** 4;

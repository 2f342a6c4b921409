/** What kind of file it is, for its picture and for whether it can be shown. */
export type FileKind = "image" | "video" | "audio" | "document" | "table" | "archive" | "other";

const byExtension: Readonly<Record<string, FileKind>> = {
  pdf: "document",
  txt: "document",
  md: "document",
  doc: "document",
  docx: "document",
  odt: "document",
  csv: "table",
  xls: "table",
  xlsx: "table",
  ods: "table",
  zip: "archive",
  gz: "archive",
  tar: "archive",
  "7z": "archive",
  xz: "archive",
  zst: "archive",
  jpg: "image",
  jpeg: "image",
  png: "image",
  heic: "image",
  mp4: "video",
  mov: "video",
  mkv: "video",
  mp3: "audio",
  flac: "audio",
};

export function fileKind(file: { readonly name: string; readonly mediaType?: string | undefined }): FileKind {
  const family = file.mediaType?.split("/")[0];
  if (family === "image" || family === "video" || family === "audio") return family;
  const extension = file.name.toLowerCase().split(".").at(-1) ?? "";
  return byExtension[extension] ?? (family === "text" ? "document" : "other");
}

const shown = new Set(["image/png", "image/jpeg", "image/gif", "image/webp", "image/avif"]);
const previewBytesMax = 20_000_000;

/** Whether the browser can show it as a picture, at a price nobody minds. */
export function hasPreview(file: {
  readonly mediaType?: string | undefined;
  readonly sizeBytes?: number | undefined;
}): boolean {
  const { sizeBytes = 0 } = file;
  return shown.has(file.mediaType ?? "") && sizeBytes > 0 && sizeBytes <= previewBytesMax;
}

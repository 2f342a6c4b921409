import { File, FileArchive, FileHeadphone, FileImage, FilePlay, FileSpreadsheet, FileText, Folder } from "lucide-react";
import type { ComponentType } from "react";
import type { Node } from "../api/queries.ts";
import { fileKind, type FileKind } from "./kind.ts";

const icons: Readonly<Record<FileKind, ComponentType<{ className?: string }>>> = {
  image: FileImage,
  video: FilePlay,
  audio: FileHeadphone,
  document: FileText,
  table: FileSpreadsheet,
  archive: FileArchive,
  other: File,
};

export function NodeIcon({
  node,
  className = "size-5",
}: {
  node: Pick<Node, "kind" | "name" | "mediaType">;
  className?: string;
}) {
  if (node.kind === "folder")
    return <Folder aria-hidden="true" className={`${className} shrink-0 fill-accent/15 text-accent`} />;
  const Icon = icons[fileKind(node)];
  return <Icon aria-hidden="true" className={`${className} shrink-0 text-ink-faint`} />;
}

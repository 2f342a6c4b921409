import { useMutation } from "@tanstack/react-query";
import { Download, Ellipsis, RotateCcw, Trash2 } from "lucide-react";
import { useState } from "react";
import { contentUrl, device } from "../api/device.ts";
import { useTreeChanged, useVersions, type Node, type Version } from "../api/queries.ts";
import { Button, IconButton } from "../design/button.tsx";
import { Dialog, DialogButtons } from "../design/dialog.tsx";
import { Menu, MenuItem, MenuLine, MenuLink } from "../design/menu.tsx";
import { ProblemNote, Skeleton } from "../design/notes.tsx";
import { useToast, useTroubleToast } from "../design/toasts.tsx";
import { bytesInWords } from "../wording/bytes.ts";
import { momentInWords, untilInWords } from "../wording/time.ts";
import { texts } from "./texts.ts";

/** A restored version is older than those after it, and yet the one that counts. */
const currentFirst = (versions: readonly Version[]): readonly Version[] =>
  versions.toSorted((a, b) => Number(b.current) - Number(a.current));

export function Versions({ node }: { node: Node }) {
  const versions = useVersions(node.id, true);
  const [erasing, setErasing] = useState<Version>();
  const changed = useTreeChanged();
  const say = useToast();
  const trouble = useTroubleToast();
  const params = (version: Version) => ({ params: { id: node.id, versionId: version.versionId } });
  const restore = useMutation({
    mutationFn: (version: Version) => device.call("POST /files/{id}/versions/{versionId}/restore", params(version)),
    onSuccess: () => say({ text: "The older version is the current one again." }),
    onError: (error, version) => trouble(error, () => restore.mutate(version)),
    onSettled: () => void changed(),
  });
  const erase = useMutation({
    mutationFn: (version: Version) => device.call("DELETE /files/{id}/versions/{versionId}", params(version)),
    // Another one may be asked about by now.
    onSuccess: (_, { versionId }) => setErasing((now) => (now?.versionId === versionId ? undefined : now)),
    onSettled: () => void changed(),
  });
  if (versions.data === undefined)
    return versions.isError ? (
      <ProblemNote error={versions.error} onRetry={() => void versions.refetch()} />
    ) : (
      <Skeleton className="h-5 w-2/3" />
    );
  return (
    <>
      <ul className="flex flex-col">
        {currentFirst(versions.data.versions).map((version) => (
          <li
            key={version.versionId}
            className="flex min-h-12 items-center gap-2 border-b border-line last:border-none"
          >
            <div className="min-w-0 grow py-1.5">
              <p className="text-[0.9375rem]">
                {version.current ? "Current version" : momentInWords(version.uploadedAtMs)}
              </p>
              <p className="text-sm text-ink-soft">
                {version.current ? `${momentInWords(version.uploadedAtMs)}, ` : ""}
                {bytesInWords(version.sizeBytes)}
                {version.purgeAtMs === undefined ? "" : `, erased ${untilInWords(version.purgeAtMs, Date.now())}`}
              </p>
            </div>
            <Menu
              trigger={
                <IconButton name={`Actions for the version of ${momentInWords(version.uploadedAtMs)}`}>
                  <Ellipsis className="size-5" />
                </IconButton>
              }
            >
              <MenuLink icon={<Download />} href={contentUrl(node.id, { download: true, version: version.versionId })}>
                {texts.download}
              </MenuLink>
              {version.current ? null : (
                <>
                  <MenuItem icon={<RotateCcw />} onSelect={() => restore.mutate(version)}>
                    Make it the current one
                  </MenuItem>
                  <MenuLine />
                  <MenuItem danger icon={<Trash2 />} onSelect={() => setErasing(version)}>
                    {texts.erase}
                  </MenuItem>
                </>
              )}
            </Menu>
          </li>
        ))}
      </ul>
      {erasing === undefined ? null : (
        <Dialog
          role="alertdialog"
          onClose={() => setErasing(undefined)}
          title="Erase this version for good?"
          text={texts.eraseText}
        >
          {erase.isError ? <ProblemNote error={erase.error} /> : null}
          <DialogButtons>
            <Button onClick={() => setErasing(undefined)}>Cancel</Button>
            <Button look="danger" busy={erase.isPending} onClick={() => erase.mutate(erasing)}>
              {texts.erase}
            </Button>
          </DialogButtons>
        </Dialog>
      )}
    </>
  );
}

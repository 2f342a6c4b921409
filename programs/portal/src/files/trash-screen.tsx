import { useMutation } from "@tanstack/react-query";
import { RotateCcw, Trash2 } from "lucide-react";
import { useState } from "react";
import { device } from "../api/device.ts";
import { useTrash, useTreeChanged, type Node } from "../api/queries.ts";
import { Button, IconButton } from "../design/button.tsx";
import { Dialog, DialogButtons } from "../design/dialog.tsx";
import { Empty, ProblemNote } from "../design/notes.tsx";
import { useToast } from "../design/toasts.tsx";
import { bytesInWords } from "../wording/bytes.ts";
import { untilInWords, whenInWords } from "../wording/time.ts";
import { useFileActions } from "./actions.ts";
import { NodeIcon } from "./node-icon.tsx";
import { PagedList } from "./paged-list.tsx";
import { texts } from "./texts.ts";

/** One item, or everything. */
type Erasing = { readonly node: Node } | "everything";

export function TrashScreen() {
  const trash = useTrash();
  const actions = useFileActions();
  const [erasing, setErasing] = useState<Erasing>();
  const nodes = trash.data?.pages.flatMap((page) => page.nodes) ?? [];
  return (
    <>
      <header className="mb-5 flex flex-wrap items-end justify-between gap-3">
        <div>
          <h1 className="text-2xl font-semibold">{texts.trash}</h1>
          <p className="text-ink-soft">{texts.trashText}</p>
        </div>
        {nodes.length === 0 ? null : <Button onClick={() => setErasing("everything")}>{texts.emptyTrash}</Button>}
      </header>
      <PagedList
        query={trash}
        isEmpty={nodes.length === 0}
        empty={
          <Empty picture={<Trash2 strokeWidth={1.2} className="size-16" />} title={texts.trashEmpty}>
            <p>{texts.trashEmptyText}</p>
          </Empty>
        }
      >
        <ul aria-label={texts.trash} className="border-t border-line">
          {nodes.map((node) => (
            <TrashRow
              key={node.id}
              node={node}
              onRestore={() => void actions.restore([node])}
              onErase={() => setErasing({ node })}
            />
          ))}
        </ul>
      </PagedList>
      {erasing === undefined ? null : <EraseDialog erasing={erasing} onClose={() => setErasing(undefined)} />}
    </>
  );
}

function TrashRow({ node, onRestore, onErase }: { node: Node; onRestore: () => void; onErase: () => void }) {
  const now = Date.now();
  const facts = [
    node.from === undefined || node.from === "" || node.from === "/" ? "" : `from ${node.from}`,
    node.sizeBytes === undefined ? "" : bytesInWords(node.sizeBytes),
    node.trashedAtMs === undefined ? "" : `deleted ${whenInWords(node.trashedAtMs, now)}`,
    node.purgeAtMs === undefined ? "" : `erased ${untilInWords(node.purgeAtMs, now)}`,
  ].filter((fact) => fact !== "");
  return (
    <li className="flex min-h-14 items-center gap-3 border-b border-line py-1.5">
      <NodeIcon node={node} className="ml-1 size-5.5" />
      <div className="min-w-0 grow">
        <p className="truncate">{node.name}</p>
        <p className="text-sm text-ink-soft first-letter:uppercase">{facts.join(", ")}</p>
      </div>
      <Button
        look="quiet"
        aria-label={`${texts.restore} ${node.name}`}
        icon={<RotateCcw aria-hidden="true" className="size-4" />}
        onClick={onRestore}
      >
        <span className="max-sm:sr-only">{texts.restore}</span>
      </Button>
      <IconButton name={`${texts.erase}: ${node.name}`} onClick={onErase} className="enabled:hover:text-danger">
        <Trash2 className="size-4.5" />
      </IconButton>
    </li>
  );
}

function EraseDialog({ erasing, onClose }: { erasing: Erasing; onClose: () => void }) {
  const changed = useTreeChanged();
  const say = useToast();
  const erase = useMutation({
    mutationFn: async () => {
      if (erasing === "everything") await device.call("DELETE /trash", {});
      else await device.call("DELETE /trash/{id}", { params: { id: erasing.node.id } });
    },
    onSuccess: () => {
      if (erasing === "everything") say({ text: texts.erasedAlready });
      void changed();
    },
  });
  const send = (): void => erase.mutate(undefined, { onSuccess: onClose });
  return (
    <Dialog
      role="alertdialog"
      onClose={onClose}
      title={erasing === "everything" ? texts.emptyTrashTitle : texts.eraseTitle(texts.named([erasing.node.name]))}
      text={texts.eraseText}
    >
      {erase.isError ? <ProblemNote error={erase.error} onRetry={send} /> : null}
      <DialogButtons>
        <Button onClick={onClose}>Cancel</Button>
        <Button look="danger" busy={erase.isPending} onClick={send}>
          {texts.erase}
        </Button>
      </DialogButtons>
    </Dialog>
  );
}

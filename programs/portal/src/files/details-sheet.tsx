import { Download, PenLine, Trash2, Upload } from "lucide-react";
import { useRef, useState, type ReactNode } from "react";
import { contentUrl } from "../api/device.ts";
import { troubleOf } from "../api/problem.ts";
import { useNode, type NetworkView, type Node } from "../api/queries.ts";
import { Button, buttonClass, IconButton } from "../design/button.tsx";
import { Sheet } from "../design/dialog.tsx";
import { Banner, ProblemNote, Skeleton } from "../design/notes.tsx";
import { hrefOf } from "../navigation.ts";
import type { Uploads } from "../uploads/uploads.ts";
import { bytesInWords } from "../wording/bytes.ts";
import { momentInWords } from "../wording/time.ts";
import { hasPreview } from "./kind.ts";
import { texts } from "./texts.ts";
import { Versions } from "./versions.tsx";
import { WhereItLives } from "./where-it-lives.tsx";

interface DetailsProps {
  network: NetworkView;
  uploads: Uploads;
  onRename: (node: Node) => void;
  onRemove: (node: Node) => void;
}

export function DetailsSheet({ id, onClose, ...rest }: DetailsProps & { id: string; onClose: () => void }) {
  const node = useNode(id);
  // What is gone is not shown from memory: nothing can be done with it any more.
  const code = node.isError ? troubleOf(node.error).code : undefined;
  const isInTrash = code === "in-trash" || node.data?.trashedAtMs !== undefined;
  const isGone = code === "not-found" || isInTrash;
  return (
    <Sheet onClose={onClose} title={node.data?.name ?? texts.details}>
      {node.data === undefined || isGone ? (
        <div className="p-5">
          {isInTrash ? (
            <Banner
              tone="calm"
              action={
                <a href={hrefOf({ screen: "trash" })} className={buttonClass("secondary", "-my-1 shrink-0")}>
                  Trash
                </a>
              }
            >
              It lies in the trash, by itself or with its folder, and can be put back from there.
            </Banner>
          ) : node.isError ? (
            <ProblemNote error={node.error} onRetry={() => void node.refetch()} />
          ) : (
            <Skeleton className="h-5 w-2/3" />
          )}
        </div>
      ) : (
        <Details node={node.data} {...rest} />
      )}
    </Sheet>
  );
}

function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="flex flex-col gap-3 border-t border-line px-5 py-5">
      <h2 className="text-sm font-semibold text-ink-soft">{title}</h2>
      {children}
    </section>
  );
}

function Details({ node, network, uploads, onRename, onRemove }: DetailsProps & { node: Node }) {
  const file = useRef<HTMLInputElement>(null);
  return (
    <>
      <Preview node={node} />
      <div className="flex items-center gap-2 px-5 py-4">
        <a href={contentUrl(node.id, { download: true })} download className={buttonClass("primary", "grow")}>
          <Download aria-hidden="true" className="size-4.5" />
          {texts.download}
        </a>
        <IconButton name={texts.rename} onClick={() => onRename(node)}>
          <PenLine className="size-5" />
        </IconButton>
        <IconButton name={texts.remove} onClick={() => onRemove(node)}>
          <Trash2 className="size-5" />
        </IconButton>
      </div>
      <Section title="Where it lives">
        <WhereItLives node={node} network={network} />
      </Section>
      <Section title="About">
        <dl className="flex flex-col gap-2 text-[0.9375rem]">
          {(
            [
              ["Size", node.sizeBytes === undefined ? "" : bytesInWords(node.sizeBytes)],
              ["Changed", momentInWords(node.modifiedAtMs)],
              ["Added", momentInWords(node.createdAtMs)],
              ["Type", node.mediaType ?? ""],
            ] as const
          ).map(([name, value]) =>
            value === "" ? null : (
              <div key={name} className="flex justify-between gap-4">
                <dt className="text-ink-soft">{name}</dt>
                <dd className="min-w-0 truncate text-right">{value}</dd>
              </div>
            ),
          )}
        </dl>
      </Section>
      <Section title="Versions">
        <Versions node={node} />
        <Button
          icon={<Upload aria-hidden="true" className="size-4" />}
          className="self-start"
          onClick={() => file.current?.click()}
        >
          Upload a new version
        </Button>
        <input
          ref={file}
          type="file"
          hidden
          aria-label="Upload a new version"
          onChange={({ currentTarget }) => {
            const chosen = currentTarget.files?.[0];
            if (chosen !== undefined)
              uploads.add([{ file: chosen, parent: node.parent, filename: node.name, onConflict: "version" }]);
            currentTarget.value = "";
          }}
        />
      </Section>
    </>
  );
}

/** A picture that cannot be read right now is left out: the section below says why. */
function Preview({ node }: { node: Node }) {
  const [failed, setFailed] = useState(false);
  if (failed || !hasPreview(node)) return null;
  return (
    <img
      key={node.versionId}
      src={contentUrl(node.id)}
      alt=""
      onError={() => setFailed(true)}
      className="max-h-72 min-h-32 w-full bg-sunken object-contain"
    />
  );
}

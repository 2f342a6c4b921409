import { CloudUpload } from "lucide-react";
import { useEffect, useEffectEvent, useState, type ReactNode } from "react";
import { carriesFiles } from "./dropped.ts";

/** The whole window takes files; folders in the list take them first. */
export function DropArea({
  into,
  onDrop,
  children,
}: {
  into: string;
  onDrop: (transfer: DataTransfer) => void;
  children: ReactNode;
}) {
  const [over, setOver] = useState(false);
  const take = useEffectEvent(onDrop);
  useEffect(() => {
    // Entering a child comes before leaving its parent, so that only a count knows when the window is left.
    let depth = 0;
    const end = (): void => {
      depth = 0;
      setOver(false);
    };
    const enter = (event: DragEvent): void => {
      if (!carriesFiles(event.dataTransfer)) return;
      depth += 1;
      setOver(true);
    };
    const leave = (event: DragEvent): void => {
      if (!carriesFiles(event.dataTransfer)) return;
      depth -= 1;
      if (depth <= 0) end();
    };
    const hold = (event: DragEvent): void => {
      if (carriesFiles(event.dataTransfer)) event.preventDefault();
    };
    const drop = (event: DragEvent): void => {
      end();
      // A folder's row has taken it.
      if (event.defaultPrevented || event.dataTransfer === null || !carriesFiles(event.dataTransfer)) return;
      event.preventDefault();
      take(event.dataTransfer);
    };
    const listening = new AbortController();
    const { signal } = listening;
    window.addEventListener("dragenter", enter, { signal });
    window.addEventListener("dragleave", leave, { signal });
    window.addEventListener("dragover", hold, { signal });
    window.addEventListener("drop", drop, { signal });
    return () => listening.abort();
  }, []);
  return (
    <>
      {children}
      {over ? (
        <div
          aria-hidden="true"
          className="pointer-events-none fixed inset-3 z-40 flex animate-fade items-end justify-center rounded-3xl border-2 border-dashed border-accent bg-accent/5 pb-10"
        >
          <p className="flex items-center gap-3 rounded-full bg-accent px-6 py-3 text-lg font-medium text-on-accent shadow-lifted">
            <CloudUpload className="size-6" />
            Drop to upload into “{into}”
          </p>
        </div>
      ) : null}
    </>
  );
}

/** What can be done to files and folders, with what is said afterwards. */
import { useCallback, useRef } from "react";
import { contentUrl, device } from "../api/device.ts";
import { useTreeChanged, type Node } from "../api/queries.ts";
import { useToast, useTroubleToast } from "../design/toasts.tsx";
import { texts } from "./texts.ts";

const named = (nodes: readonly Node[]): string => texts.named(nodes.map(({ name }) => name));

/** Browsers save a file for each click on a link, if the clicks do not come all at once. */
const downloadGapMs = 400;

export function downloadAll(nodes: readonly Node[]): void {
  nodes.forEach(({ id, name }, index) => {
    window.setTimeout(() => {
      const link = document.createElement("a");
      link.href = contentUrl(id, { download: true });
      link.download = name;
      link.click();
    }, index * downloadGapMs);
  });
}

export interface FileActions {
  readonly remove: (nodes: readonly Node[]) => Promise<void>;
  readonly restore: (nodes: readonly Node[]) => Promise<void>;
  readonly move: (nodes: readonly Node[], to: { readonly id: string; readonly name: string }) => Promise<void>;
  readonly download: (nodes: readonly Node[]) => void;
}

export function useFileActions(): FileActions {
  const say = useToast();
  const trouble = useTroubleToast();
  const changed = useTreeChanged();
  const underWay = useRef(new Map<string, string>());

  /** One by one: the first refusal stops, and what is left may be tried again. Returns what was done. */
  const each = useCallback(
    async (
      deed: string,
      asked: readonly Node[],
      act: (node: Node) => Promise<unknown>,
      again: (rest: readonly Node[]) => void,
    ): Promise<readonly Node[]> => {
      const done: Node[] = [];
      const busy = underWay.current;
      // A second press counts only after the list shows what the first one did; another deed, such as an undo, counts.
      const nodes = asked.filter(({ id }) => busy.get(id) !== deed);
      for (const { id } of nodes) busy.set(id, deed);
      const release = (ended: readonly Node[]): void => {
        for (const { id } of ended) if (busy.get(id) === deed) busy.delete(id);
      };
      try {
        for (const node of nodes) {
          await act(node);
          done.push(node);
        }
      } catch (error) {
        release(nodes.slice(done.length));
        trouble(error, () => again(nodes.slice(done.length)));
      } finally {
        void changed().finally(() => release(done));
      }
      return done;
    },
    [changed, trouble],
  );

  const restore = async (nodes: readonly Node[]): Promise<void> => {
    const back: string[] = [];
    await each(
      "restore",
      nodes,
      async ({ id }) => back.push((await device.call("POST /trash/{id}/restore", { params: { id } })).name),
      (rest) => void restore(rest),
    );
    if (back.length > 0)
      say({ text: back.length === 1 ? texts.restored(back[0] ?? "") : `${texts.named(back)} are back.` });
  };

  const remove = async (nodes: readonly Node[]): Promise<void> => {
    const done = await each(
      "remove",
      nodes,
      ({ id }) => device.call("DELETE /files/{id}", { params: { id } }),
      (rest) => void remove(rest),
    );
    if (done.length > 0)
      say({ text: texts.deleted(named(done)), action: { name: texts.undo, run: () => void restore(done) } });
  };

  const moveBack = async (nodes: readonly Node[], from: string): Promise<void> => {
    await each(
      `move to ${from}`,
      nodes,
      ({ id }) => device.call("PATCH /files/{id}", { params: { id }, body: { parent: from } }),
      (rest) => void moveBack(rest, from),
    );
  };

  const move: FileActions["move"] = async (nodes, to) => {
    const done = await each(
      `move to ${to.id}`,
      nodes,
      ({ id }) => device.call("PATCH /files/{id}", { params: { id }, body: { parent: to.id } }),
      (rest) => void move(rest, to),
    );
    if (done.length > 0) {
      const from = done[0]?.parent;
      say({
        text: texts.moved(named(done), to.name),
        ...(from === undefined || done.some(({ parent }) => parent !== from)
          ? {}
          : { action: { name: texts.undo, run: () => void moveBack(done, from) } }),
      });
    }
  };

  return {
    remove,
    restore,
    move,
    download: (nodes) => {
      const files = nodes.filter(({ kind }) => kind === "file");
      downloadAll(files);
      if (files.length < nodes.length) say({ text: texts.foldersNotDownloaded });
    },
  };
}

/** Which rows are chosen, and what a click with Shift adds. Pure. */
export interface Selection {
  readonly ids: ReadonlySet<string>;
  /** The row chosen last: one end of a range. */
  readonly anchor: string | undefined;
}

export const nothingSelected: Selection = { ids: new Set(), anchor: undefined };

export function toggle(selection: Selection, id: string, on: boolean): Selection {
  const ids = new Set(selection.ids);
  if (on) ids.add(id);
  else ids.delete(id);
  return { ids, anchor: id };
}

/** From the anchor to `id`, both included; like a single choice when there is no anchor in sight. */
export function extend(selection: Selection, id: string, rows: readonly string[]): Selection {
  const from = selection.anchor === undefined ? -1 : rows.indexOf(selection.anchor);
  const to = rows.indexOf(id);
  if (from < 0 || to < 0) return toggle(selection, id, true);
  const range = rows.slice(Math.min(from, to), Math.max(from, to) + 1);
  return { ids: new Set([...selection.ids, ...range]), anchor: id };
}

export const selectAll = (rows: readonly string[]): Selection => ({ ids: new Set(rows), anchor: undefined });

/** Forgets rows that are no longer there. The same object when nothing changed. */
export function keepOnly(selection: Selection, rows: readonly string[]): Selection {
  const there = new Set(rows);
  const ids = [...selection.ids].filter((id) => there.has(id));
  return ids.length === selection.ids.size ? selection : { ...selection, ids: new Set(ids) };
}

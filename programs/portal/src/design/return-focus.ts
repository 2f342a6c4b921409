import { useState } from "react";

/** What a menu item was opened from: the item itself is gone once its menu is. */
function origin(): Element | null {
  const active = document.activeElement;
  const trigger = active?.closest("[role=menu]")?.getAttribute("aria-labelledby");
  return trigger === null || trigger === undefined ? active : document.getElementById(trigger);
}

/**
 * Where the focus goes when a dialog that has no button of its own closes: back to what was used before it, or to the
 * main part of the page where that is gone.
 */
export function useReturnFocus(): (event: Event) => void {
  const [before] = useState(origin);
  return (event) => {
    event.preventDefault();
    const target = before?.isConnected === true && before !== document.body ? before : document.getElementById("main");
    if (target instanceof HTMLElement) target.focus();
  };
}

/** Gives the focus to the part of a dialog that asks for it by `data-first-focus`, else to its first control. */
export function focusFirst(event: Event): void {
  const first = (event.currentTarget as HTMLElement).querySelector<HTMLElement>("[data-first-focus]");
  if (first === null) return;
  event.preventDefault();
  first.focus();
}

import { useEffect } from "react";

let locks = 0;

/** Keeps the page behind a dialog where it is, without moving it by the width of its scroll bar. */
export function useScrollLock(): void {
  useEffect(() => {
    const { style } = document.documentElement;
    if (locks === 0) {
      style.setProperty("padding-right", `${window.innerWidth - document.documentElement.clientWidth}px`);
      style.setProperty("overflow", "hidden");
    }
    locks += 1;
    return () => {
      locks -= 1;
      if (locks > 0) return;
      style.removeProperty("overflow");
      style.removeProperty("padding-right");
    };
  }, []);
}

/** State that must not outlive the sight of it. */
import { useEffect, useState } from "react";
import { flushSync } from "react-dom";

/**
 * Like `useState`, but emptied when the page is left: a browser may keep the whole page in memory and show it again by
 * its back button.
 */
export function useSecret<T>(empty: T): readonly [T, (value: T) => void] {
  const [value, setValue] = useState(empty);
  useEffect(() => {
    const forget = (): void => flushSync(() => setValue(empty));
    window.addEventListener("pagehide", forget);
    return () => window.removeEventListener("pagehide", forget);
    // What is empty does not change while the component lives.
  }, []);
  return [value, setValue];
}

/** A late answer may neither close what the person opened since nor move them: what asked for it is gone by then. */
import { useEffect, useRef } from "react";

/** Whether the component is on the page, for what is called when an answer comes. */
export function useIsShown(): () => boolean {
  const shown = useRef(false);
  useEffect(() => {
    shown.current = true;
    return () => {
      shown.current = false;
    };
  }, []);
  return () => shown.current;
}

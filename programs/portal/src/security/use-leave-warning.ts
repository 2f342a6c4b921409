import { useEffect } from "react";

/** Lets the browser ask before it leaves a page that cannot be shown again. */
export function useLeaveWarning(): void {
  useEffect(() => {
    const ask = (event: Event): void => event.preventDefault();
    window.addEventListener("beforeunload", ask);
    return () => window.removeEventListener("beforeunload", ask);
  }, []);
}

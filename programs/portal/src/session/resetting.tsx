import { useEffect } from "react";
import { useStatus } from "../api/queries.ts";
import { Busy } from "../design/busy.tsx";
import { QuietPage } from "./page.tsx";

/** Until the device answers as one without an owner. */
export function Resetting() {
  const { data, refetch } = useStatus();
  const fresh = data?.phase === "unclaimed";
  useEffect(() => {
    const timer = setInterval(() => void refetch(), 2000);
    return () => clearInterval(timer);
  }, [refetch]);
  useEffect(() => {
    // Nothing of what this page knew belongs to the device that comes.
    if (fresh) location.replace(location.pathname);
  }, [fresh]);
  return (
    <QuietPage title="The device starts anew" text="Everything on it is being removed. This page goes on by itself.">
      <p role="status" className="flex items-center gap-3 text-ink-soft">
        <Busy className="size-5 text-accent" /> Waiting for the device…
      </p>
    </QuietPage>
  );
}

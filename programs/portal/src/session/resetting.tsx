import { useEffect, useState } from "react";
import { useStatus } from "../api/queries.ts";
import { Busy } from "../design/busy.tsx";
import { Button } from "../design/button.tsx";
import { QuietPage } from "./page.tsx";
import { isAnew, resetSeen, type ResetSeen } from "./reset-end.ts";

/** Until the device answers as one without an owner. */
export function Resetting() {
  const { data, dataUpdatedAt, failureCount, isError: isSilent, refetch } = useStatus();
  const phase = data?.phase;
  const failed = isSilent || failureCount > 0;
  const [began] = useState(() => Date.now());
  const [seen, setSeen] = useState<ResetSeen>({ wasUnclaimed: phase === "unclaimed", wentAway: false });
  const now = resetSeen(seen, phase, failed);
  if (now !== seen) setSeen(now);
  const fresh = isAnew(now, phase, failed, dataUpdatedAt - began);
  useEffect(() => {
    // A question that is under way is let come to its end, which for a device that does not answer takes some tries.
    const timer = setInterval(() => void refetch({ cancelRefetch: false }), 2000);
    return () => clearInterval(timer);
  }, [refetch]);
  useEffect(() => {
    // Nothing of what this page knew belongs to the device that comes.
    if (fresh) location.replace(location.pathname);
  }, [fresh]);
  return (
    <QuietPage title="The device starts anew" text="Everything on it is being removed. That takes a few minutes.">
      <p role="status" className="flex items-center gap-3 text-ink-soft">
        <Busy className="size-5 text-accent" /> Waiting for the device…
      </p>
      {/* The browser does not tell a page that the device now has a certificate it does not know. */}
      {isSilent ? (
        <div className="mt-6 flex flex-col items-start gap-3">
          <p className="text-sm text-ink-soft">
            A device that was reset has a new certificate, which your browser asks you about again. Once the device has
            started, load this page.
          </p>
          <Button onClick={() => location.replace(location.pathname)}>Load the page</Button>
        </div>
      ) : null}
    </QuietPage>
  );
}

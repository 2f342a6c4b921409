import { useEffect, useState } from "react";
import { waitOf } from "../api/problem.ts";

/** Seconds until `untilMs`, counting down. */
function useSecondsUntil(untilMs: number): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (untilMs <= Date.now()) return undefined;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer);
  }, [untilMs]);
  return Math.max(0, Math.ceil((untilMs - now) / 1000));
}

/** Seconds for which the device takes no attempt, and the way to tell it of a refusal. */
export function useWait(): {
  readonly seconds: number;
  readonly refused: boolean;
  readonly note: (error: unknown) => void;
} {
  const [untilMs, setUntilMs] = useState(0);
  const seconds = useSecondsUntil(untilMs);
  return {
    seconds,
    refused: untilMs !== 0,
    note: (error) => {
      const waitMs = waitOf(error);
      setUntilMs(waitMs === 0 ? 0 : Date.now() + waitMs);
    },
  };
}

import { useStatus } from "../api/queries.ts";
import { Banner } from "../design/notes.tsx";
import { clockInWords } from "../network/words.ts";

/** That the device does not know the time, also for who is not signed in: it is often why nothing else works. */
export function ClockNotice() {
  const { data } = useStatus();
  const words = data === undefined ? undefined : clockInWords(data.clock);
  return words === undefined ? null : <Banner tone="warn">{words}</Banner>;
}

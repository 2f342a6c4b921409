/** A version of the system that was tried and gave its place back, until the owner has seen that. */
import { useQueryClient } from "@tanstack/react-query";
import { device } from "../api/device.ts";
import { keys } from "../api/keys.ts";
import { useCall } from "../api/use-call.ts";
import { Button } from "../design/button.tsx";
import { ProblemNote } from "../design/notes.tsx";
import { type Boot, type FailedRelease as Failed, failedReleaseInWords } from "./boot-words.ts";

export function FailedRelease({ failed, boot }: { failed: Failed; boot: Boot }) {
  const client = useQueryClient();
  const [tried, now, next] = failedReleaseInWords(failed, boot);
  const seen = useCall(async () => {
    const params = { number: String(failed.number) };
    await device.call("DELETE /security/boot/failed-release/{number}", { params });
    await client.invalidateQueries({ queryKey: keys.boot });
  });
  return (
    <section className="flex flex-col gap-4 rounded-2xl border border-line bg-surface p-5 shadow-soft">
      <div className="flex flex-col gap-1.5">
        <h2 className="text-lg font-semibold">A new version did not work</h2>
        <p className="text-ink-soft">{tried}</p>
        <p className="text-ink-soft">{now}</p>
        <p className="text-ink-soft">{next}</p>
      </div>
      {seen.error === undefined ? null : <ProblemNote error={seen.error} />}
      <Button className="self-start" busy={seen.pending} onClick={() => seen.run()}>
        I have seen it
      </Button>
    </section>
  );
}

/** How the device was started, on the security page. */
import { useBoot } from "../api/queries.ts";
import { buttonClass } from "../design/button.tsx";
import { Group, Row } from "../design/group.tsx";
import { ProblemNote, Skeleton } from "../design/notes.tsx";
import { hrefOf } from "../navigation.ts";
import { keysInWords, measuredInWords, releaseInWords, secureBootInWords } from "./boot-words.ts";
import { StateText } from "./state-text.tsx";

export function BootGroup() {
  const boot = useBoot();
  const { data } = boot;
  if (data === undefined) {
    if (!boot.isError) return <Skeleton className="h-40 w-full rounded-2xl" />;
    return <ProblemNote error={boot.error} onRetry={() => void boot.refetch()} />;
  }
  const keys = keysInWords(data);
  return (
    <Group title="How this device was started">
      <Row name="System">{releaseInWords(data)}</Row>
      <Row name="Secure Boot">
        <StateText sentence={secureBootInWords(data)} />
      </Row>
      <Row name="Measured boot">
        <StateText sentence={measuredInWords(data)} />
      </Row>
      {keys === undefined ? null : (
        <Row name="Signed with">
          <StateText sentence={keys} />
        </Row>
      )}
      <div className="flex flex-col gap-4 py-4">
        <p className="text-sm text-ink-soft">
          Each part of the system is measured before it runs, from the firmware to the first programs. The security chip
          keeps the sums, and nobody can turn them back.
        </p>
        <a href={hrefOf({ screen: "security", part: "boot" })} className={`${buttonClass("secondary")} self-start`}>
          Step by step
        </a>
      </div>
    </Group>
  );
}

/** A boot step by step, and the chip's sums beside the log's and the release's. */
import { CircleAlert, CircleCheck, CircleDashed } from "lucide-react";
import { useBoot } from "../api/queries.ts";
import { Group } from "../design/group.tsx";
import { ProblemNote, Skeleton } from "../design/notes.tsx";
import { type Boot, type BootStep, findingInWords, measuredInWords, shortDigest } from "./boot-words.ts";
import { StateText } from "./state-text.tsx";
import { SubPage } from "./sub-page.tsx";

const marks = {
  expected: { Icon: CircleCheck, look: "text-accent" },
  unexpected: { Icon: CircleAlert, look: "text-danger" },
  unknown: { Icon: CircleDashed, look: "text-ink-faint" },
} as const;

export function BootScreen() {
  const boot = useBoot();
  const { data } = boot;
  return (
    <SubPage title="How this device was started" wide>
      {data === undefined ? (
        boot.isError ? (
          <ProblemNote error={boot.error} onRetry={() => void boot.refetch()} />
        ) : (
          <Skeleton className="h-96 w-full rounded-2xl" />
        )
      ) : (
        <Told boot={data} />
      )}
    </SubPage>
  );
}

function Told({ boot }: { boot: Boot }) {
  const { tone, text } = measuredInWords(boot);
  const look = tone === "danger" ? "bg-danger-soft" : tone === "warn" ? "bg-warn-soft" : "bg-accent-soft";
  return (
    <>
      <div className={`flex flex-col gap-1 rounded-2xl px-5 py-4 ${look}`}>
        <p className="font-medium">
          <StateText sentence={{ tone, text }} />
        </p>
        <p className="text-ink-soft">{boot.detail}</p>
      </div>
      {boot.steps.length === 0 ? null : (
        <Group title="Step by step">
          <ol aria-label="Steps of the boot">
            {boot.steps.map((step, at) => (
              <Step key={`${at} ${step.title}`} step={step} />
            ))}
          </ol>
        </Group>
      )}
      {boot.pcrs.length === 0 ? null : (
        <Group title="Sums in the security chip">
          <ul aria-label="Sums in the security chip">
            {boot.pcrs.map((pcr) => (
              <Sum key={pcr.pcr} pcr={pcr} />
            ))}
          </ul>
        </Group>
      )}
    </>
  );
}

function Step({ step }: { step: BootStep }) {
  const { Icon, look } = marks[step.finding];
  return (
    <li className="flex gap-3 border-b border-line py-3.5 last:border-none">
      <Icon aria-hidden="true" className={`mt-0.5 size-5 shrink-0 ${look}`} />
      <div className="flex min-w-0 grow flex-col gap-0.5">
        <p className="flex flex-wrap items-baseline justify-between gap-x-4">
          <span className="font-medium">{step.title}</span>
          <span className="text-sm">
            <StateText sentence={findingInWords(step.finding)} />
          </span>
        </p>
        <p className="text-sm text-ink-soft">{step.detail}</p>
        {step.digest === undefined ? null : <Digest value={step.digest} />}
      </div>
    </li>
  );
}

function Digest({ value }: { value: string }) {
  return (
    <code title={value} className="text-xs text-ink-faint">
      {shortDigest(value)}
    </code>
  );
}

function Sum({ pcr }: { pcr: Boot["pcrs"][number] }) {
  const { Icon, look } = marks[pcr.finding];
  return (
    <li className="border-b border-line last:border-none">
      <details className="group">
        <summary className="flex min-h-14 list-none items-center gap-3 py-2">
          <Icon aria-hidden="true" className={`size-5 shrink-0 ${look}`} />
          <span className="w-7 shrink-0 tabular-nums text-ink-soft">{pcr.pcr}</span>
          <span className="min-w-0 grow">{pcr.use}</span>
          <span className="shrink-0 text-right text-sm">
            <StateText sentence={findingInWords(pcr.finding)} />
          </span>
        </summary>
        <dl className="grid gap-x-4 gap-y-1 pb-3 text-sm sm:grid-cols-[6rem_1fr]">
          <Value name="In the chip" value={pcr.measured} />
          <Value name="By the log" value={pcr.fromLog} />
          <Value name="Predicted" value={pcr.predicted} />
        </dl>
      </details>
    </li>
  );
}

function Value({ name, value }: { name: string; value: string | undefined }) {
  return (
    <>
      <dt className="text-ink-soft">{name}</dt>
      <dd className="min-w-0 [overflow-wrap:anywhere]">{value === undefined ? "–" : <code>{value}</code>}</dd>
    </>
  );
}

/** What protects the owner's files, what would bring them back, and what is wrong with either. */
import { useQueryClient } from "@tanstack/react-query";
import { CircleAlert, CircleCheck, Lock, TriangleAlert } from "lucide-react";
import { useState, type ReactNode } from "react";
import { device } from "../api/device.ts";
import { keys } from "../api/keys.ts";
import { useBoot, useSecurity, type Session } from "../api/queries.ts";
import { Button, buttonClass } from "../design/button.tsx";
import { Group, Row } from "../design/group.tsx";
import { ProblemNote, Skeleton } from "../design/notes.tsx";
import { Switch } from "../design/switch.tsx";
import { useToast } from "../design/toasts.tsx";
import { hrefOf } from "../navigation.ts";
import type { SecurityPart } from "../routes.ts";
import { ChangePassword } from "../session/change-password.tsx";
import { useLock } from "../session/use-lock.ts";
import { momentInWords, whenInWords } from "../wording/time.ts";
import { BackupGroup } from "./backup-group.tsx";
import { BootGroup } from "./boot-group.tsx";
import { bootConcernsOf } from "./boot-words.ts";
import { Fingerprint } from "./fingerprint.tsx";
import { FailedRelease } from "./failed-release.tsx";
import { NewKeys } from "./new-keys.tsx";
import { PasswordDialog } from "./password-dialog.tsx";
import { StateText } from "./state-text.tsx";
import {
  chipCertificatesInWords,
  chipInWords,
  concernsOf,
  copiesInWords,
  passwordCostInWords,
  staleInWords,
  volumeInWords,
  type Security,
  type Sentence,
} from "./words.ts";

export function SecurityScreen({ session }: { session: Session }) {
  const security = useSecurity(true);
  const lock = useLock();
  const { data } = security;
  return (
    <div className="flex max-w-2xl flex-col gap-6">
      <header className="flex flex-wrap items-center justify-between gap-3">
        <h1 className="text-2xl font-semibold">Security</h1>
        <Button
          icon={<Lock aria-hidden="true" className="size-4" />}
          busy={lock.isPending}
          onClick={() => lock.mutate()}
        >
          Lock now
        </Button>
      </header>
      {data === undefined ? (
        security.isError ? (
          <ProblemNote error={security.error} onRetry={() => void security.refetch()} />
        ) : (
          <div className="flex flex-col gap-6" aria-busy="true">
            <Skeleton className="h-24 w-full rounded-2xl" />
            <Skeleton className="h-56 w-full rounded-2xl" />
            <Skeleton className="h-56 w-full rounded-2xl" />
          </div>
        )
      ) : (
        // Ages are those of the moment in which the answer came.
        <Parts security={data} session={session} nowMs={security.dataUpdatedAt} />
      )}
    </div>
  );
}

function Parts({ security, session, nowMs }: { security: Security; session: Session; nowMs: number }) {
  const { slots, tpm, volume, backup, insecure } = security;
  const { phraseConfirmed } = session;
  const boot = useBoot();
  return (
    <>
      <Verdict concerns={[...bootConcernsOf(boot.data), ...concernsOf(security, phraseConfirmed)]} />
      {boot.data?.failedRelease === undefined ? null : (
        <FailedRelease failed={boot.data.failedRelease} boot={boot.data} />
      )}
      {security.mayBeStale === undefined ? null : <Stale stale={security.mayBeStale} nowMs={nowMs} />}
      <Group title="Recovery phrase">
        <Row name="Written down">
          {phraseConfirmed ? "Confirmed" : <StateText sentence={{ tone: "warn", text: "Not confirmed yet" }} />}
        </Row>
        <Row name="Made">{momentInWords(slots.phrase.madeAtMs)}</Row>
        <Row name="Can be found">{copiesInWords(slots.phrase)}</Row>
        <div className="flex flex-col gap-4 py-4">
          <p className="text-sm text-ink-soft">
            With its 24 words a new device brings everything back. Without them and without this device nobody can, not
            even we.
          </p>
          <div className="flex flex-wrap gap-2">
            <To part="check" look={phraseConfirmed ? "secondary" : "primary"}>
              {phraseConfirmed ? "Check my phrase" : "Confirm my phrase"}
            </To>
            <To part="new-phrase">New phrase</To>
            <To part="sheet">Recovery sheet</To>
          </div>
        </div>
      </Group>
      <Group title="Password">
        <Row name={`Changed ${whenInWords(slots.password.changedAtMs, nowMs)}`}>
          <ChangePassword />
        </Row>
        <AskAtBoot enabled={security.askAtBoot} />
        {passwordCostInWords(slots.password) === "" ? null : (
          <p className="py-3 text-sm text-ink-soft">
            It works on this device only. {passwordCostInWords(slots.password)}, so that guessing is slow.
          </p>
        )}
      </Group>
      <BackupGroup backup={backup} nowMs={nowMs} />
      <Group title="This device">
        <Row name="Security chip">
          <StateText sentence={chipInWords(tpm)} />
        </Row>
        {tpm === undefined ? null : (
          <Row
            name="The chip's key"
            note={tpm.identity === undefined ? undefined : chipCertificatesInWords(tpm.identity)}
          >
            {tpm.identity === undefined ? (
              "The chip does not tell it"
            ) : (
              <Fingerprint of={tpm.identity.endorsementKey.match(/.{2}/g)?.join(":").toUpperCase() ?? ""} />
            )}
          </Row>
        )}
        <Row name="Disk">
          <StateText sentence={volumeInWords(volume)} />
        </Row>
        <Row name="Protection">
          {insecure.length === 0 ? (
            "Complete"
          ) : (
            <StateText sentence={{ tone: "danger", text: "Incomplete; the reasons are above" }} />
          )}
        </Row>
      </Group>
      <BootGroup />
      <Group title="When something has happened">
        <Action
          title="Somebody may know my phrase"
          text={
            slots.rekey === "none"
              ? "A new phrase alone does not help then. Change the key: all files' keys are locked with a new one."
              : slots.rekey === "running"
                ? "The key is being changed now. Keep both papers until it is done."
                : "Changing the key was interrupted and goes on by itself. Keep both papers until it is done."
          }
        >
          {slots.rekey === "none" ? <To part="re-key">Change the key</To> : null}
        </Action>
        {slots.rekey === "none" ? <NewKeys reencryption={security.reencryption} /> : null}
        <Action title="I give this device away" text="Removes everything from it. Your files stay with your network.">
          <To part="reset">Reset this device</To>
        </Action>
        <p className="py-3 text-sm text-ink-faint">
          Key number {slots.epoch}, phrase number {slots.phrase.number}
        </p>
      </Group>
    </>
  );
}

function To({
  part,
  look = "secondary",
  children,
}: {
  part: SecurityPart;
  look?: Parameters<typeof buttonClass>[0];
  children: ReactNode;
}) {
  return (
    <a href={hrefOf({ screen: "security", part })} className={buttonClass(look)}>
      {children}
    </a>
  );
}

function Action({ title, text, children }: { title: string; text: string; children: ReactNode }) {
  return (
    <div className="flex flex-wrap items-center justify-between gap-x-4 gap-y-3 border-b border-line py-4">
      <div className="min-w-0 grow basis-64">
        <p className="font-medium">{title}</p>
        <p className="text-sm text-ink-soft">{text}</p>
      </div>
      {children}
    </div>
  );
}

const marks = { good: CircleCheck, calm: CircleCheck, warn: TriangleAlert, danger: CircleAlert } as const;

function Verdict({ concerns }: { concerns: readonly Sentence[] }) {
  if (concerns.length === 0)
    return (
      <div className="flex items-center gap-3.5 rounded-2xl bg-accent-soft px-5 py-4 text-accent">
        <CircleCheck aria-hidden="true" className="size-6 shrink-0" />
        <p className="font-medium">Everything is in place.</p>
      </div>
    );
  const worst = concerns.some(({ tone }) => tone === "danger") ? "danger" : "warn";
  return (
    <ul
      aria-label="What needs your attention"
      className={`flex flex-col gap-2.5 rounded-2xl px-5 py-4 ${worst === "danger" ? "bg-danger-soft" : "bg-warn-soft"}`}
    >
      {concerns.map(({ tone, text }) => {
        const Icon = marks[tone];
        return (
          <li key={text} className={`flex gap-3 ${tone === "danger" ? "text-danger" : "text-warn"}`}>
            <Icon aria-hidden="true" className="mt-0.5 size-5 shrink-0" />
            {text}
          </li>
        );
      })}
    </ul>
  );
}

function Stale({ stale, nowMs }: { stale: NonNullable<Security["mayBeStale"]>; nowMs: number }) {
  const client = useQueryClient();
  const [asking, setAsking] = useState(false);
  return (
    <section className="flex flex-col gap-4 rounded-2xl border border-line bg-surface p-5 shadow-soft">
      <div className="flex flex-col gap-1.5">
        <h2 className="text-lg font-semibold">What was recovered may not be the newest</h2>
        <p className="text-ink-soft">{staleInWords(stale, nowMs)}</p>
        <p className="text-ink-soft">
          Until more answer, you can open your files but not change them, and nothing is deleted. If you accept, what
          may have been changed later is lost.
        </p>
      </div>
      <Button className="self-start" onClick={() => setAsking(true)}>
        Accept this state
      </Button>
      {asking ? (
        <PasswordDialog
          title="Accept what was found?"
          text="This becomes the newest state. Changes made after it, if there were any, are lost for ever. Waiting for more devices loses nothing."
          submit="Accept"
          onClose={() => setAsking(false)}
          onPassword={async (password) => {
            await device.call("POST /security/accept-recovery", { body: { password } });
            await client.invalidateQueries();
          }}
        />
      ) : null}
    </section>
  );
}

function AskAtBoot({ enabled }: { enabled: boolean }) {
  const client = useQueryClient();
  const say = useToast();
  const [wanted, setWanted] = useState<boolean>();
  return (
    <div className="flex items-center justify-between gap-4 border-b border-line py-3 last:border-none">
      <div className="min-w-0">
        <p>Ask at each start</p>
        <p className="text-sm text-ink-soft">
          The disk then opens only with your password too. After a power cut the device does nothing until you come.
        </p>
      </div>
      <Switch name="Ask at each start" checked={enabled} onChange={setWanted} />
      {wanted === undefined ? null : (
        <PasswordDialog
          title={wanted ? "Ask for the password at each start?" : "Start without the password?"}
          text={
            wanted
              ? "Good against a thief who takes the whole device. After each start it does nothing, for you or for others, until the password is entered."
              : "The security chip alone opens the disk at a start. Your files stay locked until you sign in."
          }
          submit={wanted ? "Ask at each start" : "Start without"}
          onClose={() => setWanted(undefined)}
          onPassword={async (password) => {
            await device.call("POST /security/ask-at-boot", { body: { enabled: wanted, password } });
            say({ text: wanted ? "The password is asked at each start." : "The device starts by itself." });
            await client.invalidateQueries({ queryKey: keys.security });
          }}
        />
      )}
    </div>
  );
}

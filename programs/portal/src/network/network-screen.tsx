import { ChevronDown } from "lucide-react";
import { useState, type ReactNode } from "react";
import type { Member, NetworkView } from "../api/queries.ts";
import { Banner, Empty, Progress } from "../design/notes.tsx";
import { Ring } from "../design/ring.tsx";
import { JoinChoices, useJoin } from "../session/join.tsx";
import { texts } from "../session/texts.ts";
import { bytesInWords, progressInWords } from "../wording/bytes.ts";
import { codeInWords, ninesAsPercent, safetyInWords, yearlyLossInWords } from "../wording/durability.ts";
import { momentInWords } from "../wording/time.ts";
import { Invitations } from "./invitations.tsx";
import { memberInWords, othersOf, pathInWords, presenceInWords } from "./words.ts";

export function NetworkScreen({ network }: { network: NetworkView }) {
  const join = useJoin(network);
  if (network.state !== "member")
    return (
      <div className="mx-auto flex w-full max-w-[27rem] flex-col gap-6 py-6">
        <header className="flex flex-col gap-2">
          <h1 className="text-2xl font-semibold">{join.running ? texts.joinTitle : texts.noInvitation}</h1>
          <p className="text-ink-soft">{texts.noInvitationText}</p>
        </header>
        <JoinChoices network={network} join={join} />
      </div>
    );
  const others = othersOf(network);
  return (
    <div className="flex max-w-4xl flex-col gap-8">
      <header className="flex flex-wrap items-center gap-x-6 gap-y-4">
        <Ring
          className="size-24"
          dots={
            others.length === 0 ? ["empty", "empty", "empty"] : others.map(({ online }) => (online ? "here" : "away"))
          }
        />
        <div className="min-w-0">
          <h1 className="text-2xl font-semibold [overflow-wrap:anywhere]">{network.name}</h1>
          <p className="text-ink-soft">{presenceInWords(network)}</p>
        </div>
      </header>
      {network.centralReachable ? null : (
        <Banner tone="calm">
          The directory on the internet cannot be reached right now. Your files are not affected; devices may take
          longer to find each other.
        </Banner>
      )}
      <Promises network={network} />
      <section className="flex flex-col gap-3">
        <h2 className="text-lg font-semibold">Devices</h2>
        {others.length === 0 ? (
          <Empty
            picture={<Ring className="size-20" dots={["empty", "empty", "empty", "empty"]} />}
            title="Nobody else is here yet"
          >
            <p>Invite others, so that there are devices to store your files.</p>
          </Empty>
        ) : (
          <ul className="overflow-hidden rounded-2xl border border-line bg-surface shadow-soft">
            {others
              .toSorted((a, b) => Number(b.online) - Number(a.online) || a.name.localeCompare(b.name))
              .map((member) => (
                <MemberRow key={member.account} member={member} />
              ))}
          </ul>
        )}
      </section>
      <Invitations />
    </div>
  );
}

function Card({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="flex flex-col gap-2 rounded-2xl border border-line bg-surface p-5 shadow-soft">
      <h2 className="text-sm font-semibold text-ink-soft">{title}</h2>
      {children}
    </section>
  );
}

function Promises({ network }: { network: NetworkView }) {
  const { policy, held, spool } = network;
  return (
    <div className="grid gap-4 lg:grid-cols-2">
      <Card title="Your files">
        {policy === undefined ? (
          <p>With so few devices, new files stay on this device until others join.</p>
        ) : (
          <>
            <p className="text-[1.0625rem] font-medium">{safetyInWords(policy.survives)}</p>
            <p className="text-ink-soft">{codeInWords(policy.k, policy.n)}</p>
            <details className="group mt-1">
              <summary className="flex min-h-11 list-none items-center gap-1.5 text-sm font-medium text-ink-soft md:min-h-8">
                In numbers
                <ChevronDown aria-hidden="true" className="size-4 transition-transform group-open:rotate-180" />
              </summary>
              <p className="text-sm text-ink-soft">
                A file stays for a year with {ninesAsPercent(policy.ninesPerYear)}: about{" "}
                {yearlyLossInWords(policy.ninesPerYear)} is lost. It takes {Math.round(policy.expansion * 100) / 100}{" "}
                times its size in all.
              </p>
            </details>
          </>
        )}
      </Card>
      <Card title="What you store for others">
        <p className="text-[1.0625rem] font-medium">{progressInWords(held.usedBytes, held.quotaBytes)}</p>
        <Progress name="Space used for others" done={held.usedBytes} total={held.quotaBytes} />
        <p className="text-sm text-ink-soft">
          {held.fragments.toLocaleString("en")} encrypted pieces. You cannot read them, and they cannot read yours.
        </p>
        {spool.usedBytes === 0 ? null : (
          <Banner tone="warn">
            {progressInWords(spool.usedBytes, spool.limitBytes)} of yours wait on this device. {spool.reason}
          </Banner>
        )}
      </Card>
    </div>
  );
}

function MemberRow({ member }: { member: Member }) {
  const [now] = useState(() => Date.now());
  const way = pathInWords(member);
  return (
    <li className="flex min-h-16 items-center gap-4 border-b border-line px-4 py-2.5 last:border-none sm:px-5">
      <span
        aria-hidden="true"
        className={`size-2.5 shrink-0 rounded-full ${member.online ? "bg-accent" : "border-2 border-ink-faint"}`}
      />
      <div className="min-w-0 grow">
        <p className="truncate font-medium">{member.name}</p>
        <p className="text-sm text-ink-soft" title={`Member since ${momentInWords(member.joinedAtMs)}`}>
          {memberInWords(member, now)}
          {way === "" ? null : <span className="max-sm:hidden">. {way}</span>}
        </p>
      </div>
      <p className="shrink-0 text-right text-sm text-ink-soft">
        <span className="block text-ink tabular-nums">{bytesInWords(member.holdsBytes)}</span>
        of yours
      </p>
    </li>
  );
}

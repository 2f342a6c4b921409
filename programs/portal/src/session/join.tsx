/** How a device comes into a network: the waiting invitation in one click, everything else behind a link. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { ChevronDown } from "lucide-react";
import { useState, type ReactNode } from "react";
import { device } from "../api/device.ts";
import { keys } from "../api/keys.ts";
import { useTask, useTasks, type NetworkView, type Task } from "../api/queries.ts";
import { Button } from "../design/button.tsx";
import { Field, TextArea } from "../design/field.tsx";
import { Banner, ProblemNote, Progress } from "../design/notes.tsx";
import { Ring } from "../design/ring.tsx";
import { QuietPage } from "./page.tsx";
import { texts } from "./texts.ts";

type Way = { readonly way: "join"; readonly invitation?: string } | { readonly way: "found"; readonly name: string };

const isJoining = (task: Task): boolean => task.kind === "join-network" || task.kind === "found-network";

export function useJoin(network: NetworkView) {
  const client = useQueryClient();
  const [started, setStarted] = useState<string>();
  // After a reload the task is found again among those that run.
  const tasks = useTasks(started === undefined && network.state === "joining");
  const id = started ?? tasks.data?.tasks.find((task) => isJoining(task) && task.state === "running")?.id;
  const task = useTask(id).data;
  const start = useMutation({
    mutationFn: (way: Way) =>
      way.way === "join"
        ? device.call("POST /network/join", {
            body: way.invitation === undefined ? {} : { invitation: way.invitation },
          })
        : device.call("POST /network/found", { body: { name: way.name } }),
    onSuccess: async (accepted) => {
      client.setQueryData(keys.task(accepted.id), accepted);
      setStarted(accepted.id);
      await client.invalidateQueries({ queryKey: keys.network });
    },
  });
  return { start, task, running: start.isPending || task?.state === "running" };
}

/** What was typed beside the invitation that waits. */
interface Typed {
  readonly invitation: string;
  readonly name: string;
}

/** The choices, or the progress of the one taken. */
export function JoinChoices({ network, join }: { network: NetworkView; join: ReturnType<typeof useJoin> }) {
  const { start, task, running } = join;
  // Here, because the network refuses late: the forms are away meanwhile, and what was typed is mended, not typed again.
  const [typed, setTyped] = useState<Typed>({ invitation: "", name: "" });
  const invitation = network.waitingInvitation;
  if (running)
    return (
      <div className="flex flex-col gap-3 rounded-2xl border border-line bg-surface p-5 shadow-soft" aria-live="polite">
        <p className="font-medium">{start.variables?.way === "found" ? texts.founding : texts.joining}</p>
        <Progress name={texts.joining} done={task?.doneUnits ?? 0} total={task?.totalUnits ?? 0} />
        <p className="min-h-5 text-sm text-ink-soft">{task?.step ?? ""}</p>
      </div>
    );
  return (
    <div className="flex flex-col gap-5">
      {start.isError ? <ProblemNote error={start.error} onRetry={() => start.mutate(start.variables)} /> : null}
      {task?.state === "failed" ? (
        <Banner tone="danger" role="alert">
          {task.error?.detail ?? "It did not work. Try again."}
        </Banner>
      ) : null}
      {invitation === undefined ? null : (
        <div className="flex flex-col gap-4 rounded-2xl border border-line bg-surface p-5 shadow-soft">
          <div>
            <p className="text-lg font-semibold [overflow-wrap:anywhere]">{invitation.networkName}</p>
            <p className="text-ink-soft">{texts.invitedBy(invitation.invitedBy)}</p>
          </div>
          <Button
            look="primary"
            className="whitespace-normal md:min-h-11"
            onClick={() => start.mutate({ way: "join" })}
          >{`Join ${invitation.networkName}`}</Button>
        </div>
      )}
      <OtherWays
        invited={invitation !== undefined}
        typed={typed}
        onTyped={setTyped}
        start={(way) => start.mutate(way)}
      />
    </div>
  );
}

function Way({ title, open, children }: { title: string; open: boolean; children: ReactNode }) {
  return (
    <details open={open} name="way" className="group rounded-xl border border-line bg-surface">
      <summary className="flex min-h-12 list-none items-center justify-between gap-3 rounded-xl px-4 font-medium">
        {title}
        <ChevronDown aria-hidden="true" className="size-4 text-ink-soft transition-transform group-open:rotate-180" />
      </summary>
      <div className="px-4 pb-4">{children}</div>
    </details>
  );
}

function OtherWays({
  invited,
  typed,
  onTyped,
  start,
}: {
  invited: boolean;
  typed: Typed;
  onTyped: (typed: Typed) => void;
  start: (way: Way) => void;
}) {
  const { invitation, name } = typed;
  const [asked, setAsked] = useState(false);
  // Which form had been filled in when it was refused: it is open again.
  const [refused] = useState(invitation !== "" ? "join" : name !== "" ? "found" : undefined);
  // The invitation that waits is known a moment after the page; it steps in front, but never closes what is typed in.
  const open = !invited || invitation !== "" || name !== "";
  if (!open && !asked)
    return (
      <button
        type="button"
        onClick={() => setAsked(true)}
        className="min-h-11 self-start rounded-lg text-sm font-medium text-accent underline-offset-4 hover:underline"
      >
        {texts.otherWays}
      </button>
    );
  return (
    <div className="flex flex-col gap-3">
      <Way
        title={invited ? texts.pasteOtherTitle : texts.pasteTitle}
        open={refused === undefined ? !invited : refused === "join"}
      >
        <form
          className="flex flex-col gap-4"
          onSubmit={(event) => {
            event.preventDefault();
            start({ way: "join", invitation: invitation.trim() });
          }}
        >
          <TextArea
            label={texts.pasteLabel}
            hint={texts.pasteHint}
            required
            maxLength={4096}
            spellCheck={false}
            value={invitation}
            onChange={(event) => onTyped({ ...typed, invitation: event.currentTarget.value })}
          />
          <Button type="submit" disabled={invitation.trim() === ""}>
            {texts.pasteJoin}
          </Button>
        </form>
      </Way>
      <Way title={texts.foundTitle} open={refused === "found"}>
        <form
          className="flex flex-col gap-4"
          onSubmit={(event) => {
            event.preventDefault();
            start({ way: "found", name: name.trim() });
          }}
        >
          <Field
            label={texts.foundLabel}
            hint={texts.foundHint}
            required
            maxLength={200}
            value={name}
            onChange={(event) => onTyped({ ...typed, name: event.currentTarget.value })}
          />
          <Button type="submit" disabled={name.trim() === ""}>
            {texts.found}
          </Button>
        </form>
      </Way>
    </div>
  );
}

/** The step after the set-up. It may be left for later; the network screen has the same choices. */
export function JoinPage({ network, onDone }: { network: NetworkView; onDone: () => void }) {
  const join = useJoin(network);
  if (network.state === "member") {
    const others = network.members.filter(({ self }) => !self);
    return (
      <QuietPage title={texts.joined(network.name)} text={texts.joinedText(others.length)}>
        <div className="flex justify-center py-2">
          <Ring
            className="size-52"
            dots={
              others.length === 0 ? ["empty", "empty", "empty"] : others.map(({ online }) => (online ? "here" : "away"))
            }
          >
            <span className="px-8 text-center text-sm text-ink-soft">{others.length === 0 ? "" : "Your files"}</span>
          </Ring>
        </div>
        <Button look="primary" autoFocus onClick={onDone} className="md:min-h-11">
          {texts.openFiles}
        </Button>
      </QuietPage>
    );
  }
  const invited = network.waitingInvitation !== undefined;
  return (
    <QuietPage
      title={invited || join.running ? texts.joinTitle : texts.noInvitation}
      text={invited || join.running ? texts.joinText : texts.noInvitationText}
    >
      <JoinChoices network={network} join={join} />
      {join.running ? null : (
        <Button look="quiet" className="self-center" onClick={onDone}>
          {texts.later}
        </Button>
      )}
    </QuietPage>
  );
}

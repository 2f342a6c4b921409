/**
 * Three ways to a new phrase, which look alike and do different things: other words for the same keys, new keys because
 * somebody may know the words, and taking the account back from a device that replaced this one.
 */
import { useQueryClient } from "@tanstack/react-query";
import { CircleCheck } from "lucide-react";
import { useEffect, useState } from "react";
import { device } from "../api/device.ts";
import { keys } from "../api/keys.ts";
import { useTask } from "../api/queries.ts";
import { useCall } from "../api/use-call.ts";
import { Button, buttonClass } from "../design/button.tsx";
import { Banner, ProblemNote, Skeleton } from "../design/notes.tsx";
import { hrefOf } from "../navigation.ts";
import { PasswordEntry } from "../session/password-entry.tsx";
import type { AskedWord } from "./asked-words.tsx";
import { ShowPhrase, type NewPhrase } from "./show-phrase.tsx";
import { SubPage } from "./sub-page.tsx";
import { TaskSteps } from "./task-steps.tsx";
import { useKeyChange } from "./use-key-change.ts";
import { useSecret } from "./use-secret.ts";

type Purpose = "new-phrase" | "re-key" | "reclaim";

interface Texts {
  readonly title: string;
  readonly why: readonly string[];
  readonly submit: string;
  readonly working: string;
  readonly done: string;
  readonly after: readonly string[];
}

const texts: Readonly<Record<Purpose, Texts>> = {
  "new-phrase": {
    title: "New recovery phrase",
    why: [
      "You get 24 new words. As soon as you have confirmed them, they take the place of the old ones, which you can throw away.",
      "Your keys stay the same. If somebody else may have seen the old words, this is not enough: choose “Change the key” instead.",
    ],
    submit: "Use the new phrase",
    working: "",
    done: "The new phrase counts from now on",
    after: ["The old words bring nothing back any more. Destroy the old paper, so that it is not taken for this one."],
  },
  "re-key": {
    title: "Change the key",
    why: [
      "Do this when somebody else may have seen your recovery phrase. Your device makes a new key and a new phrase, and locks every file's key with it.",
      "Your files stay where they are and can be used meanwhile. The old phrase goes on working until your network's devices have the new one; then it opens nothing.",
      "Whoever copied your files with the old phrase before keeps what was copied. Nobody can take that back.",
    ],
    submit: "Change the key",
    working: "Changing the key",
    done: "The key is changed",
    after: [
      "The old phrase opens nothing any more. Destroy the old paper.",
      "The new words alone bring your files back from now on.",
      "Files from before keep the keys they had. If somebody may have used the old phrase, give them new keys, too: the security page offers it.",
    ],
  },
  reclaim: {
    title: "Take my account back",
    why: [
      "Somebody took your account over with your recovery phrase. This device makes a new key and a new phrase, and tells your network that it is yours again. The other device is shut out.",
      "Be quick: until then the other device can read and delete your files in your name.",
    ],
    submit: "Take it back",
    working: "Taking your account back",
    done: "Your account is yours again",
    after: [
      "The other device is shut out, and the old phrase opens nothing any more. Destroy the old paper.",
      "Look through your files and the trash: what the other device deleted lies there for 30 days. Whoever had it may have read your files.",
    ],
  },
};

interface Begun {
  readonly password: string;
  readonly phrase: NewPhrase;
}

export function NewPhraseWizard({ purpose }: { purpose: Purpose }) {
  const client = useQueryClient();
  const [begun, setBegun] = useSecret<Begun | undefined>(undefined);
  const [taskId, setTaskId] = useState<string>();
  const [done, setDone] = useState(false);
  const task = useTask(taskId).data;
  const words = texts[purpose];
  const change = useKeyChange(purpose);
  const [wasRekeying, setWasRekeying] = useState(false);
  if (purpose === "re-key" && change.isRekeying && !wasRekeying) setWasRekeying(true);
  // After a reload the task is found again, and after a restart the one that goes on with it.
  if (change.taskId !== undefined && change.taskId !== taskId && task?.state !== "running") setTaskId(change.taskId);
  const ended = done || task?.state === "done" || (wasRekeying && !change.isRekeying);

  const confirm = useCall(async (asked: AskedWord[]) => {
    const confirmation = { words: asked };
    const password = begun?.password ?? "";
    if (purpose === "new-phrase") {
      await device.call("POST /security/phrase/confirm", { body: confirmation });
      setDone(true);
    } else {
      const call = purpose === "re-key" ? ("POST /security/rekey" as const) : ("POST /security/reclaim" as const);
      const accepted = await device.call(call, { body: { password, confirmation } });
      client.setQueryData(keys.task(accepted.id), accepted);
      setTaskId(accepted.id);
    }
    setBegun(undefined);
  });

  useEffect(() => {
    if (!ended) return;
    for (const queryKey of [keys.session, keys.security, keys.status, keys.tasks])
      void client.invalidateQueries({ queryKey });
  }, [client, ended]);

  // Words shown here while another page began a change open nothing.
  const { isUnderWay } = change;
  const { pending } = confirm;
  useEffect(() => {
    if (isUnderWay && !pending) setBegun(undefined);
  }, [isUnderWay, pending, setBegun]);

  if (ended)
    return (
      <SubPage title={words.done}>
        <div role="status" className="flex items-start gap-3 rounded-2xl border border-line bg-surface p-5 shadow-soft">
          <CircleCheck aria-hidden="true" className="mt-0.5 size-5 shrink-0 text-accent" />
          <div className="flex flex-col gap-2">
            {words.after.map((text) => (
              <p key={text}>{text}</p>
            ))}
          </div>
        </div>
        <a href={hrefOf({ screen: "security" })} className={buttonClass("primary", "self-start md:min-h-11")}>
          Done
        </a>
      </SubPage>
    );
  const hasFailed = (task?.state === "failed" || task?.state === "cancelled") && !change.isUnderWay;
  if (hasFailed)
    return (
      <SubPage title="It did not work">
        <Banner tone="danger" role="alert">
          {task.error?.detail ?? "It was broken off."} Keep both papers.
        </Banner>
        <TaskSteps key={taskId} task={task} name={words.working} />
        <Button look="primary" className="self-start md:min-h-11" onClick={() => setTaskId(undefined)}>
          Try again
        </Button>
      </SubPage>
    );
  if (taskId !== undefined || change.isUnderWay)
    return (
      <SubPage
        title={words.working}
        text="You can leave this page; the device goes on, also after a restart. Keep both papers until it is done."
      >
        {task?.state !== "running" && change.isUnderWay ? (
          <Banner tone="calm">It was interrupted, and goes on by itself.</Banner>
        ) : (
          <TaskSteps key={taskId} task={task} name={words.working} />
        )}
      </SubPage>
    );
  if (begun !== undefined)
    return (
      <SubPage title={words.title} text="Write these 24 words down, in their order.">
        <ShowPhrase
          phrase={begun.phrase}
          submit={words.submit}
          busy={confirm.pending}
          error={confirm.error}
          onConfirm={confirm.run}
          onAgain={confirm.forgetError}
        />
      </SubPage>
    );
  if (!change.isKnown)
    return (
      <SubPage title={words.title}>
        {change.error === undefined ? <Skeleton className="h-40" /> : <ProblemNote error={change.error} />}
      </SubPage>
    );
  if (purpose === "reclaim" && change.isReplaced === false)
    return (
      <SubPage title="Your account is yours" text="No other device has this one's place.">
        {change.isRekeying ? (
          <Banner tone="calm">The key is still being changed: keep both papers until that is done.</Banner>
        ) : null}
        <p className="text-ink-soft">
          If you have just taken it back, look through your files and the trash: what the other device deleted lies
          there for 30 days. Whoever had it may have read your files.
        </p>
        <a href={hrefOf({ screen: "security" })} className={buttonClass("primary", "self-start md:min-h-11")}>
          Done
        </a>
      </SubPage>
    );
  return (
    <SubPage title={words.title}>
      <div className="flex flex-col gap-3 text-ink-soft">
        {words.why.map((text) => (
          <p key={text}>{text}</p>
        ))}
      </div>
      <PasswordEntry
        submit="Show the new words"
        onPassword={async (password) => {
          const phrase = await device.call("POST /security/phrase", { body: { password } });
          setBegun({ password, phrase });
        }}
      />
    </SubPage>
  );
}

/** An owner comes to a device without one, with a phrase: everything is brought here. */
import { ChevronLeft } from "lucide-react";
import { useEffect, useState } from "react";
import { device, setCsrfToken } from "../api/device.ts";
import { useSecurity, useTask, useTasks, type Task } from "../api/queries.ts";
import { troubleOf } from "../api/problem.ts";
import { useCall } from "../api/use-call.ts";
import { Button } from "../design/button.tsx";
import { TextArea } from "../design/field.tsx";
import { Fold } from "../design/fold.tsx";
import { Banner, ProblemNote } from "../design/notes.tsx";
import { hrefOf } from "../navigation.ts";
import { home } from "../routes.ts";
import { PhraseEntry } from "../security/phrase-entry.tsx";
import { wordsOf } from "../security/phrase-text.ts";
import { recoveryTroubleInWords } from "../security/recovery-words.ts";
import { ResetForm } from "../security/reset-form.tsx";
import { TaskSteps } from "../security/task-steps.tsx";
import { useSecret } from "../security/use-secret.ts";
import { staleInWords } from "../security/words.ts";
import { ClaimCodeField, useClaimCode, type ClaimCode } from "./claim-code.tsx";
import type { ClaimLink } from "./claim-link.ts";
import { textOf } from "./form-text.ts";
import { QuietPage } from "./page.tsx";
import { PasswordChoice } from "./password-choice.tsx";
import { texts } from "./texts.ts";

interface Ended {
  readonly code: string;
  readonly detail: string;
}

/** `begun`: a recovery was begun before this page was loaded. */
export function Recover({
  deviceName,
  link,
  begun,
  onReset,
  onRunning,
  onDone,
}: {
  deviceName: string;
  link: ClaimLink | undefined;
  begun: boolean;
  onReset: () => void;
  onRunning: (running: boolean) => void;
  onDone: () => void;
}) {
  // The words stay until the recovery worked: who gave a wrong address should not have to type them again.
  const [phrase, setPhrase] = useSecret("");
  // So does what was typed beside them; a new password is chosen anew each time.
  const [place, setPlace] = useSecret("");
  const claimCode = useClaimCode(link);
  const [taskId, setTaskId] = useState<string>();
  const [ended, setEnded] = useState<Ended>();
  const tasks = useTasks(begun && taskId === undefined);
  // The newest: it may have failed while nobody looked, and then says why.
  const found = tasks.data?.tasks
    .filter(({ kind }) => kind === "recover")
    .toSorted((a, b) => b.startedAtMs - a.startedAtMs)[0];
  const task = useTask(taskId ?? found?.id);
  const { data, error } = task;
  const failed = data?.state === "failed" || data?.state === "cancelled";
  // A session that is over while the task is followed means that the task failed.
  const lost = error !== null && troubleOf(error).code === "sign-in-required";

  const goesOn = data?.state === "running" && !lost;
  useEffect(() => {
    // Also one that was found again after a reload: its end is shown although the device is another one by then.
    if (goesOn) onRunning(true);
  }, [goesOn, onRunning]);
  useEffect(() => {
    if (data?.state === "done") setPhrase("");
  }, [data?.state, setPhrase]);
  useEffect(() => {
    if (!failed && !lost) return;
    setEnded(data?.error ?? { code: "recovery-ended", detail: "" });
    setTaskId(undefined);
    onRunning(false);
  }, [failed, lost, data, onRunning]);

  if (data?.state === "done") return <Recovered onDone={onDone} />;
  const running = taskId !== undefined || found !== undefined;
  if (running && !failed && !lost) return <Running task={data} />;
  return (
    <RecoverForm
      deviceName={deviceName}
      onReset={onReset}
      claimCode={claimCode}
      phrase={phrase}
      setPhrase={setPhrase}
      place={place}
      setPlace={setPlace}
      ended={ended}
      onStarted={(id) => {
        setEnded(undefined);
        onRunning(true);
        setTaskId(id);
      }}
    />
  );
}

function RecoverForm({
  deviceName,
  onReset,
  claimCode,
  phrase,
  setPhrase,
  place,
  setPlace,
  ended,
  onStarted,
}: {
  deviceName: string;
  onReset: () => void;
  claimCode: ClaimCode;
  phrase: string;
  setPhrase: (phrase: string) => void;
  place: string;
  setPlace: (place: string) => void;
  ended: Ended | undefined;
  onStarted: (taskId: string) => void;
}) {
  const recover = useCall(async (form: FormData) => {
    const { task, session } = await device
      .call("POST /recover", {
        body: {
          claimCode: claimCode.code,
          phrase: wordsOf(phrase).join(" "),
          newPassword: textOf(form, "new-password"),
          ...(place.trim() === "" ? {} : { place: place.trim() }),
        },
      })
      .catch((error: unknown) => {
        claimCode.met(error);
        throw error;
      });
    setCsrfToken(session.csrf);
    onStarted(task.id);
  });
  const trouble = ended === undefined || recover.pending ? undefined : recoveryTroubleInWords(ended);
  const asksPlace = trouble?.asksPlace === true;
  return (
    <QuietPage
      title="Bring your files back"
      text="Your recovery phrase finds your network and makes this device yours. The device it replaces stops by itself."
    >
      {trouble === undefined ? null : (
        <Banner tone="danger" role="alert">
          {trouble.text}
        </Banner>
      )}
      {trouble?.resets === true ? (
        <Fold title="Reset this device">
          <ResetForm deviceName={deviceName} proof={{ by: "code", code: claimCode.code }} onReset={onReset} />
        </Fold>
      ) : null}
      <form
        autoComplete="off"
        className="flex flex-col gap-5"
        onSubmit={(event) => {
          event.preventDefault();
          recover.run(new FormData(event.currentTarget));
        }}
      >
        <PhraseEntry text={phrase} onChange={setPhrase} error={recover.error} autoFocus />
        <ClaimCodeField claimCode={claimCode} />
        <PasswordChoice label={texts.newPassword} />
        <details open={asksPlace} className="group">
          <summary className="flex min-h-11 list-none items-center rounded-lg text-sm font-medium text-accent underline-offset-4 hover:underline">
            I know where my network is
          </summary>
          <div className="pt-2">
            <TextArea
              label="Recovery sheet or address"
              hint="The last line of your recovery sheet, or the address of one member's device. Needed only where your network is not found by itself."
              value={place}
              onChange={(event) => setPlace(event.currentTarget.value)}
              rows={3}
              maxLength={4096}
              autoCapitalize="none"
              autoComplete="off"
              spellCheck={false}
            />
          </div>
        </details>
        {recover.error === undefined ? null : <ProblemNote error={recover.error} />}
        <Button
          look="primary"
          type="submit"
          busy={recover.pending}
          disabled={phrase.trim() === ""}
          className="md:min-h-11"
        >
          Bring my files back
        </Button>
        <a
          href={hrefOf(home)}
          className="inline-flex min-h-11 items-center gap-1 self-center rounded-lg px-3 text-sm font-medium text-ink-soft hover:text-ink"
        >
          <ChevronLeft aria-hidden="true" className="size-4" />
          Set up a new device instead
        </a>
      </form>
    </QuietPage>
  );
}

function Running({ task }: { task: Task | undefined }) {
  return (
    <QuietPage
      title="Bringing your files back"
      text="You can leave this page; the device goes on. Your files can be opened as soon as their list is here."
    >
      <TaskSteps task={task} name="Recovery" />
    </QuietPage>
  );
}

function Recovered({ onDone }: { onDone: () => void }) {
  const { data } = useSecurity();
  const [now] = useState(() => Date.now());
  const stale = data?.mayBeStale;
  return (
    <QuietPage
      title={stale === undefined ? "Your files are back" : "Found, but perhaps not the newest"}
      text={
        stale === undefined
          ? "This device has taken the place of your old one, which stops by itself and can do no more in your name."
          : "Too few devices answered to be sure that there is nothing newer."
      }
    >
      {stale === undefined ? null : (
        <Banner tone="warn">
          {staleInWords(stale, now)} Until enough have answered, or you accept this state on the page “Security”, you
          can open your files but not change them, and nothing is deleted.
        </Banner>
      )}
      <Button look="primary" autoFocus onClick={onDone} className="md:min-h-11">
        {texts.openFiles}
      </Button>
    </QuietPage>
  );
}

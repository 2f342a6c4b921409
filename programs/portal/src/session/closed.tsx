/** A device whose disk is closed: why, what opens it, and the way to start anew. */
import { ChevronDown } from "lucide-react";
import { useState, type ReactNode } from "react";
import { device } from "../api/device.ts";
import type { Status } from "../api/queries.ts";
import { useCall } from "../api/use-call.ts";
import { Button } from "../design/button.tsx";
import { Banner, ProblemNote } from "../design/notes.tsx";
import { closedInWords } from "../security/closed-words.ts";
import { PhraseEntry } from "../security/phrase-entry.tsx";
import { wordsOf } from "../security/phrase-text.ts";
import { ResetForm } from "../security/reset-form.tsx";
import { useSecret } from "../security/use-secret.ts";
import type { ClaimLink } from "./claim-link.ts";
import { textOf } from "./form-text.ts";
import { QuietPage } from "./page.tsx";
import { PasswordChoice } from "./password-choice.tsx";
import { PasswordEntry } from "./password-entry.tsx";
import { texts } from "./texts.ts";
import { useOpened } from "./use-opened.ts";

export function Closed({
  status,
  link,
  onReset,
}: {
  status: Status;
  link: ClaimLink | undefined;
  onReset: () => void;
}) {
  const opened = useOpened();
  const { title, text, instead } = closedInWords(status);
  const byPassword = status.opensWith.includes("password");
  const byPhrase = status.opensWith.includes("phrase");
  return (
    <QuietPage title={title} text={text}>
      {instead === "" ? null : <Banner tone="warn">{instead}</Banner>}
      {byPassword || byPhrase ? <Banner tone="warn">{texts.beforeSecret}</Banner> : null}
      {byPassword ? (
        <PasswordEntry
          submit={texts.start}
          onPassword={async (password) => opened(await device.call("POST /unlock", { body: { password } }))}
        />
      ) : null}
      {byPhrase ? (
        byPassword ? (
          <Fold title="Use the recovery phrase instead">
            <ByPhrase />
          </Fold>
        ) : (
          <ByPhrase />
        )
      ) : null}
      {status.resets ? (
        <Fold title="Reset this device">
          <ResetForm
            deviceName={status.deviceName}
            proof={{ by: "code", code: link?.claimCode ?? "" }}
            onReset={onReset}
          />
        </Fold>
      ) : null}
    </QuietPage>
  );
}

function Fold({ title, children }: { title: string; children: ReactNode }) {
  return (
    <details className="group rounded-xl border border-line bg-surface">
      <summary className="flex min-h-12 list-none items-center justify-between gap-3 rounded-xl px-4 font-medium">
        {title}
        <ChevronDown aria-hidden="true" className="size-4 text-ink-soft transition-transform group-open:rotate-180" />
      </summary>
      <div className="px-4 pt-1 pb-4">{children}</div>
    </details>
  );
}

function ByPhrase() {
  const [text, setText] = useSecret("");
  // The choice of a password waits until there is a phrase: one question at a time.
  const [begun, setBegun] = useState(false);
  const open = useCall(async (newPassword: string) => {
    await device.call("POST /open-volume", { body: { phrase: wordsOf(text).join(" "), newPassword } });
    setText("");
    // From now on the device shows the certificates of its own authority, which the browser asks about when a page is loaded.
    globalThis.location.assign("/");
  });
  return (
    <form
      autoComplete="off"
      className="flex flex-col gap-5"
      onSubmit={(event) => {
        event.preventDefault();
        open.run(textOf(new FormData(event.currentTarget), "new-password"));
      }}
    >
      <PhraseEntry
        text={text}
        error={open.error}
        onChange={(now) => {
          setBegun(true);
          setText(now);
        }}
      />
      {begun ? <PasswordChoice label={texts.newPassword} /> : null}
      {open.error === undefined ? null : <ProblemNote error={open.error} />}
      <Button look="primary" type="submit" busy={open.pending} disabled={text.trim() === ""} className="md:min-h-11">
        {texts.openDevice}
      </Button>
    </form>
  );
}

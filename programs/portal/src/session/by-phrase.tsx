/** The recovery phrase in the place of a password, with the password that is to be used from now on. */
import { useState } from "react";
import { useCall } from "../api/use-call.ts";
import { Button } from "../design/button.tsx";
import { Banner, ProblemNote } from "../design/notes.tsx";
import { PhraseEntry } from "../security/phrase-entry.tsx";
import { wordsOf } from "../security/phrase-text.ts";
import { useSecret } from "../security/use-secret.ts";
import { textOf } from "./form-text.ts";
import { PasswordChoice } from "./password-choice.tsx";
import { texts } from "./texts.ts";
import { useWait } from "./wait.ts";

export function ByPhrase({
  submit,
  onPhrase,
}: {
  submit: string;
  onPhrase: (phrase: string, newPassword: string) => Promise<void>;
}) {
  const [text, setText] = useSecret("");
  // The choice of a password waits until there is a phrase: one question at a time.
  const [begun, setBegun] = useState(false);
  const wait = useWait();
  const call = useCall(async (newPassword: string) => {
    try {
      await onPhrase(wordsOf(text).join(" "), newPassword);
      setText("");
    } catch (error) {
      wait.note(error);
      throw error;
    }
  });
  return (
    <form
      autoComplete="off"
      className="flex flex-col gap-5"
      onSubmit={(event) => {
        event.preventDefault();
        if (wait.seconds === 0) call.run(textOf(new FormData(event.currentTarget), "new-password"));
      }}
    >
      <PhraseEntry
        text={text}
        error={call.error}
        onChange={(now) => {
          setBegun(true);
          setText(now);
        }}
      />
      {begun ? <PasswordChoice label={texts.newPassword} /> : null}
      {wait.seconds > 0 ? (
        <Banner tone="warn">
          <span role="timer">{texts.wrongWait(wait.seconds)}</span>
        </Banner>
      ) : call.error !== undefined && !wait.refused ? (
        <ProblemNote error={call.error} />
      ) : null}
      <Button
        look="primary"
        type="submit"
        busy={call.pending}
        disabled={wait.seconds > 0 || text.trim() === ""}
        className="md:min-h-11"
      >
        {submit}
      </Button>
    </form>
  );
}

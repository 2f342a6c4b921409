/** The password of this device, with the wait after wrong ones. */
import { useState } from "react";
import { useCall } from "../api/use-call.ts";
import { Button } from "../design/button.tsx";
import { PasswordField } from "../design/field.tsx";
import { Banner, ProblemNote } from "../design/notes.tsx";
import { texts } from "./texts.ts";
import { useWait } from "./wait.ts";

export function PasswordEntry({
  submit,
  onPassword,
}: {
  submit: string;
  onPassword: (password: string) => Promise<void>;
}) {
  const [password, setPassword] = useState("");
  const wait = useWait();
  const call = useCall(async () => {
    try {
      await onPassword(password);
    } catch (error) {
      wait.note(error);
      throw error;
    }
  });
  return (
    <form
      className="flex flex-col gap-5"
      onSubmit={(event) => {
        event.preventDefault();
        if (wait.seconds === 0) call.run();
      }}
    >
      <input type="text" name="username" autoComplete="username" value="owner" readOnly hidden />
      <PasswordField
        label={texts.password}
        name="password"
        autoComplete="current-password"
        required
        autoFocus
        value={password}
        onChange={(event) => setPassword(event.currentTarget.value)}
      />
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
        disabled={wait.seconds > 0 || password === ""}
        className="md:min-h-11"
      >
        {submit}
      </Button>
    </form>
  );
}

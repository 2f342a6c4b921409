/** A change that the owner's password stands for. */
import { useState, type ReactNode } from "react";
import { useCall } from "../api/use-call.ts";
import { Button } from "../design/button.tsx";
import { Dialog, DialogButtons } from "../design/dialog.tsx";
import { PasswordField } from "../design/field.tsx";
import { ProblemNote } from "../design/notes.tsx";
import { texts } from "../session/texts.ts";

export function PasswordDialog({
  title,
  text,
  submit,
  onPassword,
  onClose,
}: {
  title: string;
  text: ReactNode;
  submit: string;
  onPassword: (password: string) => Promise<void>;
  onClose: () => void;
}) {
  const [password, setPassword] = useState("");
  const call = useCall(() => onPassword(password), onClose);
  return (
    <Dialog onClose={onClose} title={title} text={text}>
      <form
        className="flex flex-col gap-5"
        onSubmit={(event) => {
          event.preventDefault();
          call.run();
        }}
      >
        <input type="text" name="username" autoComplete="username" value="owner" readOnly hidden />
        <PasswordField
          label={texts.password}
          name="password"
          autoComplete="current-password"
          required
          data-first-focus
          value={password}
          onChange={(event) => setPassword(event.currentTarget.value)}
        />
        {call.error === undefined ? null : <ProblemNote error={call.error} />}
        <DialogButtons>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" type="submit" busy={call.pending} disabled={password === ""}>
            {submit}
          </Button>
        </DialogButtons>
      </form>
    </Dialog>
  );
}

import { useState } from "react";
import { device } from "../api/device.ts";
import { useCall } from "../api/use-call.ts";
import { Button } from "../design/button.tsx";
import { Dialog, DialogButtons } from "../design/dialog.tsx";
import { PasswordField } from "../design/field.tsx";
import { ProblemNote } from "../design/notes.tsx";
import { useToast } from "../design/toasts.tsx";
import { textOf } from "./form-text.ts";
import { PasswordChoice } from "./password-choice.tsx";

export function ChangePassword() {
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button onClick={() => setOpen(true)}>Change password</Button>
      {open ? <ChangeDialog onClose={() => setOpen(false)} /> : null}
    </>
  );
}

function ChangeDialog({ onClose }: { onClose: () => void }) {
  const say = useToast();
  const change = useCall(async (form: FormData) => {
    await device.call("POST /session/password", {
      body: { oldPassword: textOf(form, "password"), newPassword: textOf(form, "new-password") },
    });
    say({ text: "The new password counts from now on." });
  }, onClose);
  return (
    <Dialog onClose={onClose} title="Change password">
      <form
        className="flex flex-col gap-5"
        onSubmit={(event) => {
          event.preventDefault();
          change.run(new FormData(event.currentTarget));
        }}
      >
        <PasswordField label="Current password" name="password" autoComplete="current-password" required />
        <PasswordChoice label="New password" />
        {change.error === undefined ? null : <ProblemNote error={change.error} />}
        <DialogButtons>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" type="submit" busy={change.pending}>
            Change password
          </Button>
        </DialogButtons>
      </form>
    </Dialog>
  );
}

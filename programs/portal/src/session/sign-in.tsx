import { device } from "../api/device.ts";
import { Banner } from "../design/notes.tsx";
import { ForgottenPassword } from "./forgotten-password.tsx";
import { QuietPage } from "./page.tsx";
import { PasswordEntry } from "./password-entry.tsx";
import { texts } from "./texts.ts";
import { useOpened } from "./use-opened.ts";

export function SignIn({ deviceName, note }: { deviceName: string; note: string | undefined }) {
  const opened = useOpened();
  return (
    <QuietPage title={`${texts.signInTo} ${deviceName}`}>
      {note === undefined ? null : <Banner tone="calm">{note}</Banner>}
      <PasswordEntry
        submit={texts.signIn}
        onPassword={async (password) => opened(await device.call("POST /session", { body: { password } }))}
      />
      <ForgottenPassword />
    </QuietPage>
  );
}

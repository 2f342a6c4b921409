/** Signing in where the keys are not in memory, after a start or because somebody locked the device. */
import { Check, Lock } from "lucide-react";
import { device } from "../api/device.ts";
import { Banner } from "../design/notes.tsx";
import { ForgottenPassword } from "./forgotten-password.tsx";
import { QuietPage } from "./page.tsx";
import { PasswordEntry } from "./password-entry.tsx";
import { texts } from "./texts.ts";
import { useOpened } from "./use-opened.ts";

const goesOn = ["Storing and repairing for you and the others", "Backing up what you changed before", "Updates"];
const waits = [
  "Seeing, opening and changing your files",
  "Uploads; those that were under way go on afterwards",
  "Inviting others",
];

export function Locked({ deviceName, note }: { deviceName: string; note: string | undefined }) {
  const opened = useOpened();
  return (
    <QuietPage
      title={`${deviceName} is locked`}
      text="The keys to your files are not in its memory. Your password brings them back."
    >
      {note === undefined ? null : <Banner tone="calm">{note}</Banner>}
      <PasswordEntry
        submit={texts.unlock}
        onPassword={async (password) => opened(await device.call("POST /unlock", { body: { password } }))}
      />
      <ForgottenPassword />
      <div className="grid gap-4 rounded-2xl border border-line bg-surface p-5 text-sm shadow-soft">
        <section>
          <h2 className="mb-1.5 font-semibold">Goes on while it is locked</h2>
          <ul className="flex flex-col gap-1 text-ink-soft">
            {goesOn.map((text) => (
              <li key={text} className="flex gap-2.5">
                <Check aria-hidden="true" className="mt-0.5 size-4 shrink-0 text-accent" />
                {text}
              </li>
            ))}
          </ul>
        </section>
        <section>
          <h2 className="mb-1.5 font-semibold">Waits for your password</h2>
          <ul className="flex flex-col gap-1 text-ink-soft">
            {waits.map((text) => (
              <li key={text} className="flex gap-2.5">
                <Lock aria-hidden="true" className="mt-0.5 size-4 shrink-0 text-ink-faint" />
                {text}
              </li>
            ))}
          </ul>
        </section>
      </div>
    </QuietPage>
  );
}

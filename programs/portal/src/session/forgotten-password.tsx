/** The way in for an owner who has the paper with the words and not the password. */
import { device } from "../api/device.ts";
import { Fold } from "../design/fold.tsx";
import { ByPhrase } from "./by-phrase.tsx";
import { texts } from "./texts.ts";
import { useOpened } from "./use-opened.ts";

export function ForgottenPassword() {
  const opened = useOpened();
  return (
    <Fold title={texts.forgotten}>
      <p className="mb-4 text-sm text-ink-soft">{texts.forgottenText}</p>
      <ByPhrase
        submit={texts.setPassword}
        onPhrase={async (phrase, newPassword) =>
          opened(await device.call("POST /reset-login", { body: { phrase, newPassword } }))
        }
      />
    </Fold>
  );
}

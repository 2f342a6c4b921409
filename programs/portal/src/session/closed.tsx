/** A device whose disk is closed: why, what opens it, and the way to start anew. */
import { device } from "../api/device.ts";
import type { Status } from "../api/queries.ts";
import { Fold } from "../design/fold.tsx";
import { Banner } from "../design/notes.tsx";
import { closedInWords } from "../security/closed-words.ts";
import { ResetForm } from "../security/reset-form.tsx";
import { ByPhrase } from "./by-phrase.tsx";
import type { ClaimLink } from "./claim-link.ts";
import { QuietPage } from "./page.tsx";
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
  const byThePhrase = (
    <ByPhrase
      submit={texts.openDevice}
      onPhrase={async (phrase, newPassword) => {
        await device.call("POST /open-volume", { body: { phrase, newPassword } });
        // From now on the device shows the certificates of its own authority, which the browser asks about when a page is loaded.
        globalThis.location.assign("/");
      }}
    />
  );
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
      {byPhrase ? byPassword ? <Fold title="Use the recovery phrase instead">{byThePhrase}</Fold> : byThePhrase : null}
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

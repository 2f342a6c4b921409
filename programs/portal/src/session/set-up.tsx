import { device } from "../api/device.ts";
import { useCall } from "../api/use-call.ts";
import { Button } from "../design/button.tsx";
import { Field } from "../design/field.tsx";
import { ProblemNote } from "../design/notes.tsx";
import { hrefOf } from "../navigation.ts";
import type { NewPhrase } from "../security/show-phrase.tsx";
import { ClaimCodeField, useClaimCode } from "./claim-code.tsx";
import type { ClaimLink } from "./claim-link.ts";
import { textOf } from "./form-text.ts";
import { QuietPage } from "./page.tsx";
import { PasswordChoice } from "./password-choice.tsx";
import { texts } from "./texts.ts";
import { useOpened } from "./use-opened.ts";

export function SetUp({ link, onPhrase }: { link: ClaimLink | undefined; onPhrase: (phrase: NewPhrase) => void }) {
  const opened = useOpened();
  const claimCode = useClaimCode(link);
  const claim = useCall(async (form: FormData) => {
    const claimed = await device
      .call("POST /claim", {
        body: {
          claimCode: claimCode.code,
          ownerName: textOf(form, "owner-name").trim(),
          password: textOf(form, "new-password"),
        },
      })
      .catch((error: unknown) => {
        claimCode.met(error);
        throw error;
      });
    if (claimed.phrase !== undefined) onPhrase(claimed.phrase);
    await opened(claimed);
  });
  return (
    <QuietPage title={texts.welcome} text={texts.welcomeText}>
      <form
        className="flex flex-col gap-5"
        onSubmit={(event) => {
          event.preventDefault();
          claim.run(new FormData(event.currentTarget));
        }}
      >
        <ClaimCodeField claimCode={claimCode} autoFocus />
        <Field
          label={texts.name}
          hint={texts.nameHint}
          name="owner-name"
          required
          maxLength={200}
          autoComplete="name"
          defaultValue={link?.ownerName ?? "You"}
        />
        {/* Lets password managers file the password under a name. */}
        <input type="text" name="username" autoComplete="username" value="owner" readOnly hidden />
        <PasswordChoice label={texts.password} autoFocus={link !== undefined} />
        {claim.error === undefined ? null : <ProblemNote error={claim.error} />}
        <Button look="primary" type="submit" busy={claim.pending} className="md:min-h-11">
          {texts.setUp}
        </Button>
      </form>
      <a
        href={hrefOf({ screen: "recover" })}
        className="inline-flex min-h-11 items-center self-center rounded-lg px-3 text-sm font-medium text-accent underline-offset-4 hover:underline"
      >
        {texts.havePhrase}
      </a>
    </QuietPage>
  );
}

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { device, setCsrfToken } from "../api/device.ts";
import { keys } from "../api/keys.ts";
import { troubleOf } from "../api/problem.ts";
import { Button } from "../design/button.tsx";
import { Field } from "../design/field.tsx";
import { ProblemNote } from "../design/notes.tsx";
import { claimCodeOf, type ClaimLink } from "./claim-link.ts";
import { textOf } from "./form-text.ts";
import { QuietPage } from "./page.tsx";
import { PasswordChoice } from "./password-choice.tsx";
import { texts } from "./texts.ts";

export function SetUp({ link }: { link: ClaimLink | undefined }) {
  const client = useQueryClient();
  const claim = useMutation({
    mutationFn: (form: FormData) =>
      device.call("POST /claim", {
        body: {
          claimCode: claimCodeOf(textOf(form, "claim-code")) || (link?.claimCode ?? ""),
          ownerName: textOf(form, "owner-name").trim(),
          password: textOf(form, "new-password"),
        },
      }),
    onSuccess: async (session) => {
      setCsrfToken(session.csrf);
      client.setQueryData(keys.session, session);
      await client.invalidateQueries({ queryKey: keys.status });
    },
  });
  // A link may be an old one: then the right code has to be typed.
  const asksCode = link === undefined || (claim.isError && troubleOf(claim.error).code === "wrong-claim-code");
  return (
    <QuietPage title={texts.welcome} text={texts.welcomeText}>
      <form
        className="flex flex-col gap-5"
        onSubmit={(event) => {
          event.preventDefault();
          claim.mutate(new FormData(event.currentTarget));
        }}
      >
        {asksCode ? (
          <Field
            label={texts.code}
            hint={texts.codeHint}
            name="claim-code"
            required
            autoFocus
            autoComplete="off"
            autoCapitalize="off"
            spellCheck={false}
          />
        ) : null}
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
        {claim.isError ? <ProblemNote error={claim.error} /> : null}
        <Button look="primary" type="submit" busy={claim.isPending} className="md:min-h-11">
          {texts.setUp}
        </Button>
      </form>
    </QuietPage>
  );
}

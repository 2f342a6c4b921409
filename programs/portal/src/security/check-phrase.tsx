/** Whether what is on the paper is the phrase that counts. */
import { useQueryClient } from "@tanstack/react-query";
import { CircleCheck } from "lucide-react";
import { useState } from "react";
import { device } from "../api/device.ts";
import { keys } from "../api/keys.ts";
import { useCall } from "../api/use-call.ts";
import { Button, buttonClass } from "../design/button.tsx";
import { ProblemNote } from "../design/notes.tsx";
import { hrefOf } from "../navigation.ts";
import { PhraseEntry } from "./phrase-entry.tsx";
import { wordsOf } from "./phrase-text.ts";
import { SubPage } from "./sub-page.tsx";
import { useSecret } from "./use-secret.ts";

export function CheckPhrase() {
  const client = useQueryClient();
  const [text, setText] = useSecret("");
  const [right, setRight] = useState(false);
  const check = useCall(async () => {
    await device.call("POST /security/phrase/confirm", { body: { phrase: wordsOf(text).join(" ") } });
    setText("");
    setRight(true);
    await Promise.all([
      client.invalidateQueries({ queryKey: keys.session }),
      client.invalidateQueries({ queryKey: keys.security }),
    ]);
  });
  if (right)
    return (
      <SubPage title="Your phrase is right">
        <div role="status" className="flex items-start gap-3 rounded-2xl border border-line bg-surface p-5 shadow-soft">
          <CircleCheck aria-hidden="true" className="mt-0.5 size-5 shrink-0 text-accent" />
          <p>These words bring your files back on a new device. Put the paper back where nobody else looks.</p>
        </div>
        <a href={hrefOf({ screen: "security" })} className={buttonClass("primary", "self-start md:min-h-11")}>
          Done
        </a>
      </SubPage>
    );
  return (
    <SubPage
      title="Check my phrase"
      text="Type the words from your paper. Nothing changes by it, and nothing of them is kept."
    >
      <form
        autoComplete="off"
        className="flex flex-col gap-5"
        onSubmit={(event) => {
          event.preventDefault();
          check.run();
        }}
      >
        <PhraseEntry text={text} onChange={setText} error={check.error} autoFocus />
        {check.error === undefined ? null : <ProblemNote error={check.error} />}
        <div className="flex flex-col gap-2 sm:flex-row">
          <Button
            look="primary"
            type="submit"
            busy={check.pending}
            disabled={text.trim() === ""}
            className="md:min-h-11"
          >
            Check
          </Button>
          <a href={hrefOf({ screen: "security", part: "new-phrase" })} className={buttonClass("quiet", "md:min-h-11")}>
            I do not have them any more
          </a>
        </div>
      </form>
    </SubPage>
  );
}

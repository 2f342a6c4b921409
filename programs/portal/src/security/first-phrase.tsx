/** The step of the set-up that decides whether files survive the device. */
import { useQueryClient } from "@tanstack/react-query";
import { device } from "../api/device.ts";
import { keys } from "../api/keys.ts";
import { useCall } from "../api/use-call.ts";
import { Button } from "../design/button.tsx";
import { QuietPage } from "../session/page.tsx";
import type { AskedWord } from "./asked-words.tsx";
import { ShowPhrase, type NewPhrase } from "./show-phrase.tsx";

export function FirstPhrase({ phrase, onDone }: { phrase: NewPhrase; onDone: () => void }) {
  const client = useQueryClient();
  const confirm = useCall(async (words: AskedWord[]) => {
    await device.call("POST /security/phrase/confirm", { body: { words } });
    await client.invalidateQueries({ queryKey: keys.session });
    onDone();
  });
  return (
    <QuietPage
      wide
      title="Write down your recovery phrase"
      text="With these 24 words a new device brings everything back, should this one be lost, broken or stolen."
    >
      <ShowPhrase
        phrase={phrase}
        submit="Confirm"
        busy={confirm.pending}
        error={confirm.error}
        onConfirm={confirm.run}
        onAgain={confirm.forgetError}
        later={
          <Button look="quiet" onClick={onDone} className="md:min-h-11">
            I will do it later
          </Button>
        }
      />
    </QuietPage>
  );
}

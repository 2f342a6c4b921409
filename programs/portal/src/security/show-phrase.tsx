/** The one time a new phrase is seen: the words, then some of them asked back. Whoever holds the words clears them. */
import { Copy, Printer } from "lucide-react";
import { useState, type ReactNode } from "react";
import type { CallOutput } from "@piccolo/device-api/client";
import { useSheet } from "../api/queries.ts";
import { Button } from "../design/button.tsx";
import { Banner, ProblemNote } from "../design/notes.tsx";
import { useToast } from "../design/toasts.tsx";
import { AskedWords, type AskedWord } from "./asked-words.tsx";
import { Fingerprint } from "./fingerprint.tsx";
import { PhraseList } from "./phrase-list.tsx";
import { PrintedSheet } from "./sheet-paper.tsx";
import { useLeaveWarning } from "./use-leave-warning.ts";

export type NewPhrase = CallOutput<"POST /security/phrase">;

export const nobodyCanHelp =
  "Without these words and without this device nobody can bring your files back, not even we.";

export function ShowPhrase({
  phrase,
  submit,
  busy,
  error,
  onConfirm,
  onAgain,
  later,
}: {
  phrase: NewPhrase;
  /** Name of the last button. */
  submit: string;
  busy: boolean;
  error: unknown;
  onConfirm: (words: AskedWord[]) => void;
  /** The words are looked at again: what went wrong before is of no matter any more. */
  onAgain: () => void;
  later?: ReactNode;
}) {
  const [asking, setAsking] = useState(false);
  useLeaveWarning();
  if (asking)
    return (
      <div className="flex flex-col gap-5">
        <p className="text-ink-soft">
          Type these two from your paper, so that you know that it is right. The others stay with you.
        </p>
        <AskedWords
          positions={phrase.askedBack}
          submit={submit}
          busy={busy}
          onSubmit={onConfirm}
          onBack={() => {
            onAgain();
            setAsking(false);
          }}
        >
          {error === undefined ? null : <ProblemNote error={error} />}
        </AskedWords>
        <PrintedSheet />
      </div>
    );
  return (
    <div className="flex flex-col gap-5">
      <PhraseList words={phrase.words} />
      <Banner tone="warn">
        <strong className="font-semibold">{nobodyCanHelp}</strong> They are shown this once. Write them on paper, and
        keep it where nobody else looks.
      </Banner>
      <BesideThem />
      <div className="flex flex-wrap gap-2">
        <Button icon={<Printer aria-hidden="true" className="size-4" />} onClick={() => window.print()}>
          Print a sheet to write on
        </Button>
        <CopyWords words={phrase.words} />
      </div>
      <div className="flex flex-col gap-2 pt-1 sm:flex-row-reverse sm:justify-start">
        <Button look="primary" onClick={() => setAsking(true)} className="md:min-h-11">
          I have written them down
        </Button>
        {later}
      </div>
      <PrintedSheet />
    </div>
  );
}

/** While the device is closed nothing but this tells its own page from one that only looks like it. */
function BesideThem() {
  const fingerprint = useSheet().data?.authorityFingerprint;
  if (fingerprint === undefined) return null;
  return (
    <section aria-labelledby="beside-them" className="flex flex-col gap-1.5 rounded-2xl border border-line px-4 py-3.5">
      <h2 id="beside-them" className="font-medium">
        Beside them: how you know this device
      </h2>
      <Fingerprint of={fingerprint} />
      <p className="text-sm text-ink-soft">
        The SHA-256 fingerprint of this device&apos;s authority. Its screen shows it too: if they differ, somebody
        stands between you and the device. Should it ever ask for the words, type them only where the page&apos;s
        certificate comes from this authority. The printed sheet has it.
      </p>
    </section>
  );
}

/** Paper is safer, but whoever keeps a password manager should not have to type 24 words. */
function CopyWords({ words }: { words: readonly string[] }) {
  const say = useToast();
  // Browsers give the clipboard to pages only that came over an encrypted connection or from the same machine.
  if (!window.isSecureContext) return null;
  const copy = (): void => {
    navigator.clipboard.writeText(words.join(" ")).then(
      () => say({ text: "Copied. Other programs can read it until you copy something else; paper is safer." }),
      () => say({ text: "The browser did not let it copy. Write the words down.", tone: "danger" }),
    );
  };
  return (
    <Button look="quiet" icon={<Copy aria-hidden="true" className="size-4" />} onClick={copy}>
      Copy for a password manager
    </Button>
  );
}

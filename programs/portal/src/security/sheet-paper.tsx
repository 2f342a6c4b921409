/**
 * The recovery sheet: where the network is found again, and empty lines for the words. Nothing on it is a secret until
 * somebody writes on it, so it may pass through any printer.
 */
import { createPortal } from "react-dom";
import { useSheet } from "../api/queries.ts";
import { momentInWords } from "../wording/time.ts";
import { Fingerprint } from "./fingerprint.tsx";
import { phraseWords } from "./phrase-text.ts";
import type { Sheet } from "./words.ts";

/** What the printer gets in place of the page, whoever asks it to print: never the words on the screen. */
export function PrintedSheet() {
  const sheet = useSheet();
  return createPortal(
    <div data-sheet className="hidden bg-white text-black print:block">
      <SheetPaper sheet={sheet.data} />
    </div>,
    document.body,
  );
}

const steps = [
  "Start a new Piccolo device and open its page in a browser.",
  "Choose “I have a recovery phrase” and type the words below, in their order.",
  "If your network is not found by itself, add the line at the bottom of this sheet.",
];

export function SheetPaper({ sheet }: { sheet: Sheet | undefined }) {
  return (
    <article className="flex flex-col gap-5 text-[0.875rem] leading-snug">
      <header className="flex flex-wrap items-end justify-between gap-x-6 gap-y-1 border-b-2 border-current pb-3">
        <h1 className="text-[1.5rem] leading-tight font-semibold">Piccolo recovery sheet</h1>
        {sheet === undefined ? null : (
          <p>
            {sheet.ownerName}
            {sheet.networkName === "" ? "" : `, ${sheet.networkName}`}. Made on {momentInWords(sheet.madeAtMs)}.
          </p>
        )}
      </header>
      <section>
        <h2 className="mb-1 font-semibold">When your device is lost, broken or stolen</h2>
        <ol className="list-decimal pl-5">
          {steps.map((step) => (
            <li key={step}>{step}</li>
          ))}
        </ol>
      </section>
      <section>
        <h2 className="font-semibold">Your 24 words, by hand</h2>
        <ol className="mt-1 grid grid-flow-col grid-cols-2 grid-rows-12 gap-x-8 sm:grid-cols-3 sm:grid-rows-8 print:grid-cols-3 print:grid-rows-8">
          {Array.from({ length: phraseWords }, (_, index) => (
            <li key={index} className="flex h-9 items-end gap-2">
              <span className="w-5 shrink-0 text-right tabular-nums">{index + 1}</span>
              <span className="mb-1 h-px grow border-b border-current opacity-50" />
            </li>
          ))}
        </ol>
        <p className="mt-3">
          Without these words and without your device nobody can bring your files back, not even we. Whoever has the
          words can read all your files: keep this sheet like the key to your home.
        </p>
      </section>
      {sheet?.authorityFingerprint === undefined ? null : (
        <section className="flex break-inside-avoid flex-col gap-1 border-t border-current pt-3">
          <h2 className="font-semibold">How you know this device</h2>
          <p>
            If it asks for the words one day, type them only where the browser knew its page before, or where the
            authority in the page&apos;s certificate has this SHA-256 fingerprint. A device that was reset has another
            one.
          </p>
          <Fingerprint of={sheet.authorityFingerprint} />
        </section>
      )}
      {sheet === undefined || sheet.networkId === "" ? null : <Whereabouts sheet={sheet} />}
    </article>
  );
}

function Whereabouts({ sheet }: { sheet: Sheet }) {
  return (
    <section className="flex flex-col gap-2 border-t border-current pt-3">
      <h2 className="font-semibold">Where your network is found</h2>
      <ul className="flex flex-col gap-1.5">
        {sheet.members.map((member) => (
          <li key={member.keyHash} className="break-inside-avoid">
            <span className="font-medium">{member.name}</span>
            <span className="block font-mono text-[0.75rem] break-all">{member.addresses.join(", ")}</span>
          </li>
        ))}
      </ul>
      <p>All of it as one line, which a new device can read:</p>
      <p className="font-mono text-[0.75rem] break-all">{sheet.text}</p>
    </section>
  );
}

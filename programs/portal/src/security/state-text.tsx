import type { Sentence, StateTone } from "./words.ts";

const looks: Readonly<Record<StateTone, string>> = {
  good: "",
  calm: "text-ink-soft",
  warn: "text-warn",
  danger: "font-medium text-danger",
};

export function StateText({ sentence }: { sentence: Sentence }) {
  return <span className={looks[sentence.tone]}>{sentence.text}</span>;
}

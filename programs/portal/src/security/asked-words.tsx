/** Some words of a phrase, asked back by their position. */
import { useState, type ReactNode } from "react";
import { Button } from "../design/button.tsx";
import { Field } from "../design/field.tsx";
import { secretInput } from "./secret-input.ts";

export interface AskedWord {
  readonly position: number;
  readonly word: string;
}

export function AskedWords({
  positions,
  submit,
  busy,
  onSubmit,
  onBack,
  children,
}: {
  positions: readonly number[];
  submit: string;
  busy: boolean;
  onSubmit: (words: AskedWord[]) => void;
  onBack: () => void;
  children?: ReactNode;
}) {
  const [typed, setTyped] = useState<ReadonlyMap<number, string>>(new Map());
  const complete = positions.every((position) => (typed.get(position) ?? "").trim() !== "");
  return (
    <form
      autoComplete="off"
      className="flex flex-col gap-5"
      onSubmit={(event) => {
        event.preventDefault();
        onSubmit(positions.map((position) => ({ position, word: (typed.get(position) ?? "").trim().toLowerCase() })));
      }}
    >
      <div className="grid gap-5 sm:grid-cols-2">
        {positions.map((position, index) => (
          <Field
            {...secretInput}
            key={position}
            label={`Word ${position}`}
            required
            maxLength={40}
            autoFocus={index === 0}
            value={typed.get(position) ?? ""}
            onChange={(event) => setTyped(new Map(typed).set(position, event.currentTarget.value))}
          />
        ))}
      </div>
      {children}
      <div className="flex flex-col gap-2 sm:flex-row-reverse sm:justify-start">
        <Button look="primary" type="submit" busy={busy} disabled={!complete} className="md:min-h-11">
          {submit}
        </Button>
        <Button look="quiet" onClick={onBack} className="md:min-h-11">
          Show the words again
        </Button>
      </div>
    </form>
  );
}

/** Removing everything from the device, for ever. The typed name keeps it from happening by accident. */
import { useId, useState, type ReactNode } from "react";
import { device } from "../api/device.ts";
import { useCall } from "../api/use-call.ts";
import { Button } from "../design/button.tsx";
import { Field, PasswordField } from "../design/field.tsx";
import { ProblemNote } from "../design/notes.tsx";
import { claimCodeOf } from "../session/claim-link.ts";
import { texts } from "../session/texts.ts";
import { PhraseEntry } from "./phrase-entry.tsx";
import { wordsOf } from "./phrase-text.ts";
import { useSecret } from "./use-secret.ts";

export type ResetProof =
  /** Of somebody who is signed in. `network`: its name, where there are others in it; undefined = there is nobody to leave. */
  { readonly by: "owner"; readonly network: string | undefined } | { readonly by: "code"; readonly code: string };

export function ResetForm({
  deviceName,
  proof,
  onReset,
}: {
  deviceName: string;
  proof: ResetProof;
  onReset: () => void;
}) {
  const [name, setName] = useState("");
  const [secret, setSecret] = useSecret(proof.by === "code" ? proof.code : "");
  const [phrase, setPhrase] = useSecret("");
  const [byPhrase, setByPhrase] = useState(false);
  const [leaves, setLeaves] = useState(false);
  const network = proof.by === "owner" ? proof.network : undefined;
  const reset = useCall(async () => {
    const body = { confirmation: name.trim(), ...(leaves ? { leaveNetwork: true } : {}) };
    const proven =
      proof.by === "code"
        ? { claimCode: claimCodeOf(secret) }
        : byPhrase
          ? { phrase: wordsOf(phrase).join(" ") }
          : { password: secret };
    await device.call("POST /factory-reset", { body: { ...body, ...proven } });
    setSecret("");
    setPhrase("");
    onReset();
  });
  const isProven = byPhrase ? phrase.trim() !== "" : secret !== "";
  return (
    <form
      autoComplete="off"
      className="flex flex-col gap-5"
      onSubmit={(event) => {
        event.preventDefault();
        reset.run();
      }}
    >
      <div className="flex flex-col gap-2 text-[0.9375rem] text-ink-soft">
        <p>Everything on this device is removed for ever:</p>
        <ul className="flex list-disc flex-col gap-1 pl-5">
          <li>the keys and the list of your files, your password, all settings</li>
          <li>your apps with all their data, except their backups in your network</li>
          <li>the encrypted pieces it stores for others</li>
        </ul>
        {network === undefined ? (
          <p>
            {proof.by === "owner"
              ? "There is nobody else in a network with you: nothing brings your files back."
              : "If this device was in a network, your own files lie with the other members, and only your recovery phrase brings them back. If it was in none, nothing does."}
          </p>
        ) : null}
      </div>
      {network === undefined ? null : (
        <fieldset className="flex flex-col gap-2">
          <legend className="mb-2 text-sm font-medium">Your place in {network}</legend>
          <Choice name="Stay in the network" chosen={!leaves} onChoose={() => setLeaves(false)}>
            Your files stay with the other members. With your recovery phrase this device, or another one, brings them
            back. Make sure that you have its 24 words.
          </Choice>
          <Choice name="Leave it for good" chosen={leaves} onChoose={() => setLeaves(true)}>
            The others are told, and delete what they keep for you. Then nothing brings your files back,{" "}
            <strong className="font-semibold text-danger">also not your recovery phrase</strong>. Another device of the
            network, or Piccolo's central service, has to be in reach.
          </Choice>
        </fieldset>
      )}
      <Field
        label={`Name of the device: ${deviceName}`}
        hint="Type it to confirm."
        required
        autoComplete="off"
        autoCapitalize="off"
        spellCheck={false}
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
      />
      {proof.by === "code" ? (
        <Field
          label={texts.code}
          hint={texts.codeHint}
          required
          autoComplete="off"
          autoCapitalize="off"
          spellCheck={false}
          value={secret}
          onChange={(event) => setSecret(event.currentTarget.value)}
        />
      ) : (
        <div className="flex flex-col gap-2">
          {byPhrase ? (
            <PhraseEntry text={phrase} onChange={setPhrase} error={reset.error} autoFocus />
          ) : (
            <PasswordField
              label={texts.password}
              required
              autoComplete="current-password"
              value={secret}
              onChange={(event) => setSecret(event.currentTarget.value)}
            />
          )}
          <Button
            look="quiet"
            className="-ml-3 self-start"
            onClick={() => {
              setSecret("");
              setPhrase("");
              setByPhrase(!byPhrase);
            }}
          >
            {byPhrase ? "Use the password instead" : "I have forgotten it: use the recovery phrase"}
          </Button>
        </div>
      )}
      {reset.error === undefined ? null : <ProblemNote error={reset.error} />}
      <Button
        look="danger"
        type="submit"
        busy={reset.pending}
        disabled={name.trim() !== deviceName || !isProven}
        className="md:min-h-11"
      >
        {leaves ? "Leave the network and remove everything" : "Remove everything"}
      </Button>
    </form>
  );
}

function Choice({
  name,
  chosen,
  onChoose,
  children,
}: {
  name: string;
  chosen: boolean;
  onChoose: () => void;
  children: ReactNode;
}) {
  const id = useId();
  return (
    <label className="flex gap-3 rounded-xl border border-line bg-surface px-4 py-3 has-checked:border-accent">
      <input
        type="radio"
        name="place-in-network"
        aria-labelledby={`${id}-name`}
        aria-describedby={`${id}-meaning`}
        checked={chosen}
        onChange={onChoose}
        className="mt-1 size-[1.125rem] shrink-0 accent-accent"
      />
      <span className="flex min-w-0 flex-col gap-0.5">
        <span id={`${id}-name`} className="font-medium">
          {name}
        </span>
        <span id={`${id}-meaning`} className="text-sm text-ink-soft">
          {children}
        </span>
      </span>
    </label>
  );
}

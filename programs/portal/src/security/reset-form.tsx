/** Removing everything from the device, for ever. The typed name keeps it from happening by accident. */
import { useState } from "react";
import { device } from "../api/device.ts";
import { useCall } from "../api/use-call.ts";
import { Button } from "../design/button.tsx";
import { Field, PasswordField } from "../design/field.tsx";
import { ProblemNote } from "../design/notes.tsx";
import { claimCodeOf } from "../session/claim-link.ts";
import { texts } from "../session/texts.ts";

export type ResetProof = { readonly by: "password" } | { readonly by: "code"; readonly code: string };

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
  const [secret, setSecret] = useState(proof.by === "code" ? proof.code : "");
  const reset = useCall(async () => {
    const confirmation = name.trim();
    await device.call("POST /factory-reset", {
      body:
        proof.by === "password" ? { confirmation, password: secret } : { confirmation, claimCode: claimCodeOf(secret) },
    });
    onReset();
  });
  return (
    <form
      autoComplete="off"
      className="flex flex-col gap-5"
      onSubmit={(event) => {
        event.preventDefault();
        reset.run();
      }}
    >
      <p className="text-[0.9375rem] text-ink-soft">
        Everything on this device is removed for ever: its keys, its settings, and what it stores for others. Your own
        files lie with the other members; only your recovery phrase brings them back.
      </p>
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
      {proof.by === "password" ? (
        <PasswordField
          label={texts.password}
          required
          autoComplete="current-password"
          value={secret}
          onChange={(event) => setSecret(event.currentTarget.value)}
        />
      ) : (
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
      )}
      {reset.error === undefined ? null : <ProblemNote error={reset.error} />}
      <Button
        look="danger"
        type="submit"
        busy={reset.pending}
        disabled={name.trim() !== deviceName || secret === ""}
        className="md:min-h-11"
      >
        Remove everything
      </Button>
    </form>
  );
}

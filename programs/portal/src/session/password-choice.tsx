import { useState } from "react";
import { PasswordField } from "../design/field.tsx";
import { passwordLengthMin, passwordStrength } from "./password-strength.ts";
import { texts } from "./texts.ts";

const barLooks = ["bg-line-strong", "bg-warn", "bg-accent", "bg-accent"] as const;

/** A new password with a hint of how good it is. */
export function PasswordChoice({ label, autoFocus = false }: { label: string; autoFocus?: boolean }) {
  const [password, setPassword] = useState("");
  const { level, hint } = passwordStrength(password);
  return (
    <div className="flex flex-col gap-2">
      <PasswordField
        label={label}
        name="new-password"
        autoComplete="new-password"
        minLength={passwordLengthMin}
        required
        autoFocus={autoFocus}
        value={password}
        onChange={(event) => setPassword(event.currentTarget.value)}
        hint={hint}
      />
      <div aria-hidden="true" className="flex gap-1">
        {[1, 2, 3].map((step) => (
          <div
            key={step}
            className={`h-1 grow rounded-full transition-colors ${level >= step ? barLooks[level] : "bg-line"}`}
          />
        ))}
      </div>
      <p className="text-sm text-ink-soft">{texts.passwordNote}</p>
    </div>
  );
}

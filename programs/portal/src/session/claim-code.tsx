/** The claim code of a device without an owner: from the link, or typed. */
import { useState } from "react";
import { troubleOf } from "../api/problem.ts";
import { Field } from "../design/field.tsx";
import { useSecret } from "../security/use-secret.ts";
import { claimCodeOf, type ClaimLink } from "./claim-link.ts";
import { texts } from "./texts.ts";

export interface ClaimCode {
  /** What to send. */
  readonly code: string;
  readonly isAsked: boolean;
  readonly typed: string;
  readonly setTyped: (typed: string) => void;
  /** To be told of every refusal. */
  readonly met: (error: unknown) => void;
}

/**
 * A link may be an old one: once its code was refused, the right one has to be typed. That stays so whatever is refused
 * afterwards, because each attempt with a wrong code counts.
 */
export function useClaimCode(link: ClaimLink | undefined): ClaimCode {
  const [typed, setTyped] = useSecret("");
  const [refused, setRefused] = useState<ClaimLink>();
  const usable = link === refused ? undefined : link;
  return {
    code: usable === undefined ? claimCodeOf(typed) : usable.claimCode,
    isAsked: usable === undefined,
    typed,
    setTyped,
    met: (error) => {
      if (troubleOf(error).code === "wrong-claim-code") setRefused(link);
    },
  };
}

/** Nothing where the link's code may still be the right one. */
export function ClaimCodeField({ claimCode, autoFocus = false }: { claimCode: ClaimCode; autoFocus?: boolean }) {
  if (!claimCode.isAsked) return null;
  return (
    <Field
      label={texts.code}
      hint={texts.codeHint}
      value={claimCode.typed}
      onChange={(event) => claimCode.setTyped(event.currentTarget.value)}
      required
      autoFocus={autoFocus}
      autoComplete="off"
      autoCapitalize="off"
      spellCheck={false}
    />
  );
}

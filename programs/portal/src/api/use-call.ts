/**
 * A call whose input or answer is a secret. A mutation of the query client would keep both in its cache for minutes;
 * here nothing outlives the component.
 */
import { useState } from "react";
import { useIsShown } from "./while-shown.ts";

export interface Call<I> {
  readonly run: (input: I) => void;
  readonly pending: boolean;
  /** Undefined while nothing went wrong. */
  readonly error: unknown;
  readonly forgetError: () => void;
}

const idle = { pending: false, error: undefined };

/** `done`: what follows in the page, such as that a dialog closes; left out once the component is gone. */
export function useCall<I = void>(work: (input: I) => Promise<void>, done?: () => void): Call<I> {
  const isShown = useIsShown();
  const [state, setState] = useState<{ readonly pending: boolean; readonly error: unknown }>(idle);
  const settle = async (input: I): Promise<void> => {
    try {
      await work(input);
    } catch (error) {
      setState({ pending: false, error });
      return;
    }
    setState(idle);
    if (isShown()) done?.();
  };
  return {
    ...state,
    run: (input) => {
      setState({ pending: true, error: undefined });
      void settle(input);
    },
    forgetError: () => setState((now) => (now.pending ? now : idle)),
  };
}

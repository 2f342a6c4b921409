import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { device, setCsrfToken } from "../api/device.ts";
import { keys } from "../api/keys.ts";
import { waitOf } from "../api/problem.ts";
import { Button } from "../design/button.tsx";
import { PasswordField } from "../design/field.tsx";
import { Banner, ProblemNote } from "../design/notes.tsx";
import { QuietPage } from "./page.tsx";
import { texts } from "./texts.ts";

/** Seconds until `untilMs`, counting down. */
function useSecondsUntil(untilMs: number): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (untilMs <= Date.now()) return undefined;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer);
  }, [untilMs]);
  return Math.max(0, Math.ceil((untilMs - now) / 1000));
}

export function SignIn({ deviceName, note }: { deviceName: string; note: string | undefined }) {
  const client = useQueryClient();
  const [password, setPassword] = useState("");
  const [waitUntilMs, setWaitUntilMs] = useState(0);
  const seconds = useSecondsUntil(waitUntilMs);
  const signIn = useMutation({
    mutationFn: () => device.call("POST /session", { body: { password } }),
    onSuccess: async (session) => {
      setCsrfToken(session.csrf);
      client.setQueryData(keys.session, session);
      await client.invalidateQueries({ queryKey: keys.status });
    },
    onError: (error) => {
      const waitMs = waitOf(error);
      setWaitUntilMs(waitMs === 0 ? 0 : Date.now() + waitMs);
    },
  });
  return (
    <QuietPage title={`${texts.signInTo} ${deviceName}`}>
      <form
        className="flex flex-col gap-5"
        onSubmit={(event) => {
          event.preventDefault();
          if (seconds === 0) signIn.mutate();
        }}
      >
        {note === undefined ? null : <Banner tone="calm">{note}</Banner>}
        <input type="text" name="username" autoComplete="username" value="owner" readOnly hidden />
        <PasswordField
          label={texts.password}
          name="password"
          autoComplete="current-password"
          required
          autoFocus
          value={password}
          onChange={(event) => setPassword(event.currentTarget.value)}
        />
        {seconds > 0 ? (
          <Banner tone="warn">
            <span role="timer">{texts.wrongWait(seconds)}</span>
          </Banner>
        ) : signIn.isError && waitUntilMs === 0 ? (
          <ProblemNote error={signIn.error} />
        ) : null}
        <Button
          look="primary"
          type="submit"
          busy={signIn.isPending}
          disabled={seconds > 0 || password === ""}
          className="md:min-h-11"
        >
          {texts.signIn}
        </Button>
      </form>
    </QuietPage>
  );
}

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Check, Copy, UserPlus } from "lucide-react";
import { useRef, useState } from "react";
import { device } from "../api/device.ts";
import { keys } from "../api/keys.ts";
import { useInvitations, type Invitation } from "../api/queries.ts";
import { Button } from "../design/button.tsx";
import { ProblemNote, Skeleton } from "../design/notes.tsx";
import { useTroubleToast } from "../design/toasts.tsx";
import { invitationInWords } from "./words.ts";

export function Invitations() {
  const client = useQueryClient();
  const invitations = useInvitations(true);
  const create = useMutation({
    mutationFn: () => device.call("POST /network/invitations", {}),
    onSettled: () => client.invalidateQueries({ queryKey: keys.invitations }),
  });
  const list = invitations.data?.invitations ?? [];
  return (
    <section className="flex flex-col gap-3">
      <div className="flex flex-wrap items-center justify-between gap-3">
        <div>
          <h2 className="text-lg font-semibold">Invitations</h2>
          <p className="text-sm text-ink-soft">
            An invitation lets one device join. Hand it only to someone you trust.
          </p>
        </div>
        <Button
          icon={<UserPlus aria-hidden="true" className="size-4.5" />}
          busy={create.isPending}
          onClick={() => create.mutate()}
        >
          Invite someone
        </Button>
      </div>
      {create.isError ? <ProblemNote error={create.error} onRetry={() => create.mutate()} /> : null}
      {invitations.isPending ? <Skeleton className="h-12" /> : null}
      {invitations.isError ? (
        <ProblemNote error={invitations.error} onRetry={() => void invitations.refetch()} />
      ) : null}
      {list.length === 0 ? null : (
        <ul className="overflow-hidden rounded-2xl border border-line bg-surface shadow-soft">
          {list.map((invitation) => (
            <Row key={invitation.id} invitation={invitation} />
          ))}
        </ul>
      )}
    </section>
  );
}

function Row({ invitation }: { invitation: Invitation }) {
  const client = useQueryClient();
  const trouble = useTroubleToast();
  const [now] = useState(() => Date.now());
  const cosign = useMutation({
    mutationFn: () => device.call("POST /network/invitations/{id}/cosign", { params: { id: invitation.id } }),
    onError: (error) => trouble(error, () => cosign.mutate()),
    onSettled: () => client.invalidateQueries({ queryKey: keys.invitations }),
  });
  const over = invitation.state === "used" || invitation.state === "expired";
  const asksMe = invitation.state === "needs-cosigner" && !invitation.mine;
  return (
    <li
      className={`flex flex-col gap-3 border-b border-line px-4 py-3 last:border-none sm:px-5 ${over ? "text-ink-soft" : ""}`}
    >
      <div className="flex flex-wrap items-center gap-3">
        <div className="min-w-0 grow">
          <p className={over ? "" : "font-medium"}>
            {asksMe
              ? `${invitation.createdBy} wants to invite someone`
              : invitation.mine
                ? "Your invitation"
                : `Invitation by ${invitation.createdBy}`}
          </p>
          <p className="text-sm text-ink-soft">
            {asksMe ? "It counts once one more member agrees." : invitationInWords(invitation, now)}
          </p>
        </div>
        {asksMe ? (
          <Button look="primary" busy={cosign.isPending} onClick={() => cosign.mutate()}>
            Agree
          </Button>
        ) : null}
      </div>
      {invitation.token !== undefined && !over ? (
        <Token token={invitation.token} ready={invitation.state === "open"} />
      ) : null}
    </li>
  );
}

/** Pages without a secure connection have no clipboard: there the text is selected, ready for the person's own copy. */
function Token({ token, ready }: { token: string; ready: boolean }) {
  const text = useRef<HTMLTextAreaElement>(null);
  const [copied, setCopied] = useState(false);
  const copy = (): void => {
    text.current?.select();
    const clipboard = navigator.clipboard as Clipboard | undefined;
    void clipboard?.writeText(token).then(
      () => setCopied(true),
      () => undefined,
    );
  };
  return (
    <div className="flex flex-wrap items-start gap-2">
      <textarea
        ref={text}
        readOnly
        rows={2}
        aria-label="Invitation text"
        value={token}
        onFocus={(event) => event.currentTarget.select()}
        className="min-w-0 grow basis-60 resize-none rounded-lg border border-line bg-sunken px-3 py-2 font-mono text-sm break-all text-ink-soft"
      />
      <Button
        disabled={!ready}
        icon={copied ? <Check aria-hidden="true" className="size-4" /> : <Copy aria-hidden="true" className="size-4" />}
        onClick={copy}
      >
        <span aria-live="polite">{copied ? "Copied" : "Copy"}</span>
      </Button>
    </div>
  );
}

import { useMutation } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { device, setCsrfToken } from "../api/device.ts";
import { Button } from "../design/button.tsx";
import { Dialog, DialogButtons } from "../design/dialog.tsx";
import { useTroubleToast } from "../design/toasts.tsx";
import { isBusy } from "../uploads/queue.ts";
import type { Uploads } from "../uploads/uploads.ts";
import { useBusyUploads } from "../uploads/use-uploads-warning.ts";

export interface SignOut {
  /** Asks first where uploads would stop. */
  readonly begin: () => void;
  readonly isPending: boolean;
  /** To be shown where the page has room for a dialog. */
  readonly question: ReactNode;
}

export function useSignOut(uploads: Uploads): SignOut {
  const trouble = useTroubleToast();
  const [isAsking, setAsking] = useState(false);
  const busy = useBusyUploads(uploads);
  const signOut = useMutation({
    mutationFn: () => device.call("DELETE /session", {}),
    onSuccess: () => {
      // Nothing of what was shown stays behind for whoever uses this browser next.
      setCsrfToken("");
      // Asked once is enough: the browser has nothing to ask about any more.
      for (const { key } of uploads.snapshot().items.filter(isBusy)) uploads.dispatch({ type: "pause", key });
      history.replaceState(null, "", location.pathname);
      // After the warning of before has been taken away.
      setTimeout(() => location.reload());
    },
    onError: (error) => trouble(error),
  });
  const close = (): void => setAsking(false);
  return {
    begin: () => (busy > 0 ? setAsking(true) : signOut.mutate()),
    isPending: signOut.isPending,
    question: isAsking ? (
      <Dialog
        role="alertdialog"
        onClose={close}
        title={busy === 1 ? "An upload stops" : `${busy} uploads stop`}
        text="They are not complete. What the device has of them waits for a while: choose the same files again after signing in, and they go on."
      >
        <DialogButtons>
          <Button onClick={close}>Stay</Button>
          <Button look="primary" busy={signOut.isPending} onClick={() => signOut.mutate()}>
            Sign out
          </Button>
        </DialogButtons>
      </Dialog>
    ) : null,
  };
}

import { useMutation } from "@tanstack/react-query";
import { device, setCsrfToken } from "../api/device.ts";
import { useTroubleToast } from "../design/toasts.tsx";

export function useSignOut() {
  const trouble = useTroubleToast();
  return useMutation({
    mutationFn: () => device.call("DELETE /session", {}),
    onSuccess: () => {
      // Nothing of what was shown stays behind for whoever uses this browser next.
      setCsrfToken("");
      history.replaceState(null, "", location.pathname);
      location.reload();
    },
    onError: (error) => trouble(error),
  });
}

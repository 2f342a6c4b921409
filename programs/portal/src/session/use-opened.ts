/** What follows once the device has answered with a session: everything is read anew. */
import { useQueryClient } from "@tanstack/react-query";
import { setCsrfToken } from "../api/device.ts";
import { keys } from "../api/keys.ts";
import type { Session } from "../api/queries.ts";

export function useOpened(): (session: Session) => Promise<void> {
  const client = useQueryClient();
  return async ({ csrf, ownerName, deviceName, expiresAtMs, phraseConfirmed }) => {
    setCsrfToken(csrf);
    // Field by field: an answer may carry a phrase beside them, and the cache keeps what it is given.
    client.setQueryData(keys.session, { csrf, ownerName, deviceName, expiresAtMs, phraseConfirmed });
    await client.invalidateQueries({ queryKey: keys.status });
  };
}

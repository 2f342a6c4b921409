import { useMutation, useQueryClient } from "@tanstack/react-query";
import { device } from "../api/device.ts";
import { keys } from "../api/keys.ts";
import { useTroubleToast } from "../design/toasts.tsx";

/** Takes the keys out of the device's memory; the status then brings the page that asks for the password. */
export function useLock() {
  const client = useQueryClient();
  const trouble = useTroubleToast();
  return useMutation({
    mutationFn: () => device.call("POST /lock", {}),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.status }),
    onError: (error) => trouble(error),
  });
}

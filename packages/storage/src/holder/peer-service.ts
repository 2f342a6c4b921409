import { isLogRequest } from "@piccolo/wire";
import type { PeerHandler } from "../ports/index.ts";

/** Everything members ask of this device: requests about logs go to one service, all others to the other. */
export function createPeerService(parts: { readonly fragments: PeerHandler; readonly logs: PeerHandler }): PeerHandler {
  const of = (frame: Uint8Array): PeerHandler => (isLogRequest(frame) ? parts.logs : parts.fragments);
  return {
    admit: (deviceKey, frame) => of(frame).admit(deviceKey, frame),
    handle: (deviceKey, request, signal) => of(request.frame).handle(deviceKey, request, signal),
  };
}

/** The one connection of this page to its device. The token of the session lives here and nowhere else. */
import { createDeviceClient, type DeviceClient } from "@piccolo/device-api/client";

import { isOtherSession } from "./problem.ts";
import { backupHeader, changesWait } from "./changes-wait.ts";

export const apiBase = "/api/v1";

let csrf = "";
export const csrfToken = (): string => csrf;
export function setCsrfToken(token: string): void {
  csrf = token;
}

const client = createDeviceClient({
  baseUrl: apiBase,
  fetch: (input, init) => fetch(input, init),
  csrf: csrfToken,
  answered: (method, path, header) => changesWait.answered(method, path, header(backupHeader)),
});

let onRefusal: (error: unknown) => void = () => undefined;
/** Told of every refusal, whichever screen meets it. */
export function listenToRefusals(listener: (error: unknown) => void): void {
  onRefusal = listener;
}

const told = (error: unknown): never => {
  onRefusal(error);
  throw error;
};

export const device: DeviceClient = {
  call: (name, input, options) =>
    client.call(name, input, options).catch(async (error: unknown) => {
      if (!isOtherSession(error)) return told(error);
      // Another page of this browser has signed in since: its cookie is in place, and the token that goes with it is asked for.
      const session = await client.call("GET /session", {}).catch(() => told(error));
      setCsrfToken(session.csrf);
      return client.call(name, input, options).catch(told);
    }),
};

/** Address of a file's bytes; a browser shows or saves them by itself. */
export function contentUrl(
  node: string,
  options: { readonly download?: boolean; readonly version?: string } = {},
): string {
  const query = new URLSearchParams();
  if (options.version !== undefined) query.set("version", options.version);
  if (options.download === true) query.set("download", "1");
  return `${apiBase}/files/${encodeURIComponent(node)}/content${query.size === 0 ? "" : `?${query.toString()}`}`;
}

/** Whether the portal answers a browser: asked over the network's own way in, since only that shows it. */
import { request } from "node:http";
import { request as requestSecurely } from "node:https";
import { apiPrefix } from "../http/api.ts";
import type { OwnAddress } from "../http/own-address.ts";

const answerMs = 20_000;

const anyAddress: ReadonlySet<string> = new Set(["::", "0.0.0.0"]);

export function ownPortalAnswers(address: OwnAddress, listenHost: string): Promise<boolean> {
  const { host } = new URL(address.origin);
  const options = {
    host: anyAddress.has(listenHost) ? "127.0.0.1" : listenHost,
    port: address.port,
    path: `${apiPrefix}/status`,
    headers: { host },
    agent: false,
    timeout: answerMs,
  };
  return new Promise((resolve) => {
    const asked = address.isSecure
      ? // Nothing is told to whoever answers, and who it is does not matter: it listens on this machine's own port.
        requestSecurely({ ...options, servername: host.replace(/:\d+$/, ""), rejectUnauthorized: false })
      : request(options);
    asked.once("response", (answer) => {
      answer.resume();
      answer.once("end", () => resolve(answer.statusCode === 200));
      answer.once("error", () => resolve(false));
    });
    asked.once("timeout", () => asked.destroy());
    asked.once("error", () => resolve(false));
    asked.once("close", () => resolve(false));
    asked.end();
  });
}

import { request } from "node:http";
import type { Probed } from "../apps/executor.ts";
import { namingHeaders } from "../apps/proxy/headers.ts";

/** It is this device that asks. */
const remote = "127.0.0.1";

/** The status of the answer; undefined where nobody answers in time. */
export function httpProbe({ address, port, path, origin, timeoutMs }: Probed): Promise<number | undefined> {
  const { host, protocol } = new URL(origin);
  const headers = {
    ...namingHeaders({ host, remote, scheme: protocol === "https:" ? "https" : "http" }),
    "User-Agent": "piccolo-probe",
  };
  return new Promise((resolve) => {
    const outgoing = request({ host: address, port, path, method: "GET", agent: false, headers }, (incoming) => {
      resolve(incoming.statusCode);
      incoming.destroy();
    });
    const timer = setTimeout(() => outgoing.destroy(), timeoutMs);
    outgoing.on("error", () => resolve(undefined));
    outgoing.on("close", () => {
      clearTimeout(timer);
      resolve(undefined);
    });
    outgoing.end();
  });
}

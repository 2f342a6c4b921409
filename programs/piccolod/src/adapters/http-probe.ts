import { request } from "node:http";

/** The status of the answer; undefined where nobody answers in time. */
export function httpProbe(address: string, port: number, path: string, timeoutMs: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const outgoing = request(
      { host: address, port, path, method: "GET", agent: false, headers: { "user-agent": "piccolo-probe" } },
      (incoming) => {
        resolve(incoming.statusCode);
        incoming.destroy();
      },
    );
    const timer = setTimeout(() => outgoing.destroy(), timeoutMs);
    outgoing.on("error", () => resolve(undefined));
    outgoing.on("close", () => {
      clearTimeout(timer);
      resolve(undefined);
    });
    outgoing.end();
  });
}

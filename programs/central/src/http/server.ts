import type { Server } from "node:http";
import { createAdaptorServer } from "@hono/node-server";
import type { Api } from "./api.ts";

export interface ListeningServer {
  readonly origin: string;
  /** Resolves when running calls have ended and the port is free. */
  close(): Promise<void>;
}

/** Serves the interface on a TCP port; 0 takes a free one. TLS ends in front of it, at the trusted proxy. */
export async function listen(api: Api, host: string, port: number): Promise<ListeningServer> {
  const server = createAdaptorServer({
    fetch: api.fetch,
    serverOptions: { requestTimeout: 300_000, headersTimeout: 10_000, keepAliveTimeout: 15_000, maxHeaderSize: 8_192 },
  }) as Server;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
  const address = server.address();
  const actual = typeof address === "object" && address !== null ? address.port : port;
  return {
    origin: `http://${host.includes(":") ? `[${host}]` : host}:${actual}`,
    close: () =>
      new Promise((resolve) => {
        // Calls are short; whoever still sends slowly when central ends is cut off after a moment.
        const cutOff = setTimeout(() => server.closeAllConnections(), 2_000);
        server.close(() => {
          clearTimeout(cutOff);
          resolve();
        });
        server.closeIdleConnections();
      }),
  };
}

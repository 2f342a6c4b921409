/** A catalog that somebody publishes on this machine, without apps. */
import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createCatalog } from "@piccolo/app-manifest";
import { toHex } from "@piccolo/bytes";
import { ed25519FromSeed } from "@piccolo/envelope";

export interface PublishedCatalog extends AsyncDisposable {
  readonly address: string;
  /** Hexadecimal, as an owner is told it. */
  readonly publicKey: string;
}

export async function publishCatalog(): Promise<PublishedCatalog> {
  const key = ed25519FromSeed(randomBytes(32));
  const nowMs = Date.now();
  const times = { issuedAtMs: nowMs, expiresAtMs: nowMs + 24 * 3_600_000 };
  const { index, signature } = createCatalog({ title: { en: "Neighbours" }, sequence: 1, ...times, apps: [] }, key);
  const files: Readonly<Record<string, string | Uint8Array>> = {
    "/apps/index.json": index,
    "/apps/index.sig": `${toHex(signature)}\n`,
  };
  const server = createServer((req, res) => {
    const file = files[req.url ?? ""];
    if (file === undefined) res.writeHead(404).end();
    else res.end(file);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}/apps`,
    publicKey: toHex(key.publicKey),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Fetches a catalog's files from where its publisher has them. Nothing of them is believed here. */
import { request as plainRequest } from "node:http";
import { request as secureRequest } from "node:https";
import { fromHex } from "@piccolo/bytes";
import { catalogBytesMax, type SignedCatalog } from "@piccolo/app-manifest";
import { catalogSourceFaults } from "../apps/catalog-faults.ts";

const signatureBytesMax = 256;

/** `timeoutMs`: for both files together; `stopping` ends it sooner. Throws `catalog-unreachable`, `catalog-too-large`. */
export async function fetchCatalog(address: string, timeoutMs: number, stopping?: AbortSignal): Promise<SignedCatalog> {
  if (!/^https?:\/\//.test(address) || !URL.canParse(address)) {
    throw catalogSourceFaults.fault("catalog-unreachable", "the address is none; correct it, then try again");
  }
  const late = AbortSignal.timeout(timeoutMs);
  const signal = stopping === undefined ? late : AbortSignal.any([late, stopping]);
  const folder = address.endsWith("/") ? address : `${address}/`;
  const signature = await fetchFile(new URL("index.sig", folder), signatureBytesMax, signal);
  const index = await fetchFile(new URL("index.json", folder), catalogBytesMax, signal);
  const text = Buffer.from(signature).toString("latin1").trim();
  // One that is none fits nothing, which is what is said of it then.
  return { index, signature: /^(?:[0-9a-f]{2})+$/.test(text) ? fromHex(text) : new Uint8Array(0) };
}

function fetchFile(url: URL, bytesMax: number, signal: AbortSignal): Promise<Uint8Array> {
  const open = url.protocol === "https:" ? secureRequest : plainRequest;
  return new Promise((resolve, reject) => {
    const unreachable = (cause?: unknown): void =>
      reject(
        catalogSourceFaults.fault(
          "catalog-unreachable",
          "the catalog's place does not answer, or not with a catalog; check the address, and try again later",
          {
            cause,
          },
        ),
      );
    const outgoing = open(url, { signal, agent: false, headers: { "user-agent": "piccolo" } }, (incoming) => {
      // Whoever sends the device elsewhere has not published it here.
      if (incoming.statusCode !== 200) {
        incoming.destroy();
        unreachable();
        return;
      }
      const parts: Buffer[] = [];
      let length = 0;
      incoming.on("data", (part: Buffer) => {
        length += part.length;
        if (length > bytesMax) {
          incoming.destroy();
          reject(
            catalogSourceFaults.fault(
              "catalog-too-large",
              `the catalog is over ${catalogBytesMax} bytes; ask its publisher for a smaller one`,
            ),
          );
          return;
        }
        parts.push(part);
      });
      incoming.on("end", () => resolve(new Uint8Array(Buffer.concat(parts))));
      incoming.on("error", unreachable);
    });
    outgoing.on("error", unreachable);
    outgoing.end();
  });
}

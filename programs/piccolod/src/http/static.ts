import type { IncomingMessage, ServerResponse } from "node:http";
import { extname } from "node:path";
import type { PortalFiles } from "../adapters/portal-files.ts";
import { httpFaults } from "./faults.ts";

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json",
  ".webmanifest": "application/manifest+json",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".ico": "image/x-icon",
  ".woff2": "font/woff2",
  ".wasm": "application/wasm",
  ".txt": "text/plain; charset=utf-8",
  ".map": "application/json",
};

/** Vite puts a hash of the content into these names, so a browser never needs to ask again. */
const isHashed = (path: string): boolean => path.startsWith("assets/");

const longestPath = 255;

/** A short path of plain names; anything else cannot be a file of the portal. */
function plainPath(path: string): string | undefined {
  if (path.length > longestPath) return undefined;
  const names = path.slice(1).split("/");
  return names.every((name) => /^[\w-][\w.-]*$/.test(name)) ? names.join("/") : undefined;
}

/** Serves the portal; paths that are no file of it are pages of it, which its one HTML file shows. */
export async function servePortal(
  portal: PortalFiles | undefined,
  req: IncomingMessage,
  res: ServerResponse,
  path: string,
): Promise<void> {
  if (req.method !== "GET" && req.method !== "HEAD") {
    res.setHeader("allow", "GET, HEAD");
    throw httpFaults.fault("method-not-allowed", "the portal's files can only be read");
  }
  const file = path === "/" ? "index.html" : plainPath(path);
  let name = file ?? "index.html";
  let content = file === undefined ? undefined : await portal?.read(file);
  if (content === undefined) {
    if (extname(path) !== "") throw httpFaults.fault("unknown-route", "there is no such file in the portal");
    name = "index.html";
    content = await portal?.read(name);
  }
  if (content === undefined) throw httpFaults.fault("unknown-route", "the portal is not built; run `npm start`");
  res.setHeader("cache-control", isHashed(name) ? "public, max-age=31536000, immutable" : "no-cache");
  res.setHeader("content-type", types[extname(name)] ?? "application/octet-stream");
  res.writeHead(200, { "content-length": content.length });
  res.end(req.method === "HEAD" ? undefined : content);
}

/**
 * A small page of the device's own, for a person whose browser shows what an address answers: at an app's address and on the way
 * to it there is no portal that could put a refusal into words. It runs no script and loads nothing.
 */
import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Fault } from "@piccolo/fault";
import { problemOf } from "./problem.ts";

export interface PageWords {
  readonly title: string;
  readonly text: string;
  /** Where it goes on. */
  readonly link: { readonly name: string; readonly href: string };
  /** The browser asks again by itself after so long; undefined where that would not help. */
  readonly againSeconds?: number | undefined;
}

const style =
  ":root{color-scheme:light dark}body{margin:0;min-height:100vh;display:grid;place-items:center;font:1.0625rem/1.5 system-ui,sans-serif}" +
  "main{max-width:27rem;padding:2.5rem 1.25rem;overflow-wrap:anywhere}h1{font-size:1.6rem;line-height:1.2;margin:0 0 .75rem}p{margin:0 0 1.25rem;opacity:.8}" +
  "a{display:inline-block;padding:.65rem 1.1rem;border:1px solid;border-radius:.7rem;color:inherit;text-decoration:none;font-weight:600}";
const styleHash = createHash("sha256").update(style).digest("base64");
const policy =
  `default-src 'none'; style-src 'sha256-${styleHash}'; frame-ancestors 'none'; ` +
  "base-uri 'none'; form-action 'none'";

/** Whether a browser shows the answer to a person; programs, and scripts of a page, get problem+json as ever. */
export function wantsPage({ method, headers }: IncomingMessage): boolean {
  const isShown = headers["sec-fetch-dest"] === undefined || headers["sec-fetch-dest"] === "document";
  return (method === "GET" || method === "HEAD") && isShown && (headers.accept ?? "").includes("text/html");
}

const escaped = (text: string): string =>
  text.replaceAll(/[&<>"']/g, (character) => `&#${character.codePointAt(0) ?? 0};`);

/** Answers with the status that the fault has everywhere. */
export function sendPage(
  req: IncomingMessage,
  res: ServerResponse,
  fault: Fault,
  { title, text, link, againSeconds }: PageWords,
): void {
  const { problem, headers } = problemOf(fault);
  const again = againSeconds === undefined ? "" : `<meta http-equiv="refresh" content="${againSeconds}">`;
  const note = againSeconds === undefined ? "" : "<p>This page tries again by itself.</p>";
  const body = Buffer.from(
    `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">` +
      `${again}<title>${escaped(title)}</title><style>${style}</style></head><body><main><h1>${escaped(title)}</h1>` +
      `<p>${escaped(text)}</p>${note}<a href="${escaped(link.href)}">${escaped(link.name)}</a></main></body></html>`,
  );
  const own = {
    ...headers,
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": policy,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "content-length": String(body.length),
  };
  for (const [name, value] of Object.entries(own)) res.setHeader(name, value);
  if (!req.complete) res.setHeader("connection", "close");
  res.writeHead(problem.status);
  res.end(req.method === "HEAD" ? undefined : body);
}

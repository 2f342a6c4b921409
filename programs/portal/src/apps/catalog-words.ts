/** Catalogs in words, and what a person types of one. Pure. */
import { agoInWords } from "../wording/time.ts";
import type { CatalogState } from "./queries.ts";

/** As publishers write keys: in groups, with colons, in capitals. Undefined where it is no key. */
export function keyOf(typed: string): string | undefined {
  const digits = typed.replaceAll(/[\s:-]/g, "").toLowerCase();
  return /^[0-9a-f]{64}$/.test(digits) ? digits : undefined;
}

/** In groups of four, which are easier to compare. */
export const keyInGroups = (key: string): string => (key.match(/.{1,4}/g) ?? []).join(" ");

/** The address of the folder, also where that of a file in it was copied. Undefined where it is none. */
export function addressOf(typed: string): string | undefined {
  const text = typed.trim();
  const full = /^[a-z]+:\/\//i.test(text) ? text : `https://${text}`;
  if (text === "" || !URL.canParse(full)) return undefined;
  const { protocol, username, password, search, hash, href } = new URL(full);
  const isPlain = username === "" && password === "" && search === "" && hash === "";
  if (!isPlain || !["https:", "http:"].includes(protocol) || href.length > 500) return undefined;
  return href.replace(/[?#]$/, "").replace(/\/(?:index\.json|index\.sig|key\.hex)?$/, "");
}

/** What is fetched from there can be seen, though not changed, by whoever carries it. */
export const isUnencrypted = (address: string): boolean => address.startsWith("http://");

const amount = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`;

/** What is in use, in one line. */
export function catalogInWords({ builtIn, fetchedAtMs, index }: CatalogState, nowMs: number): string {
  const when = builtIn
    ? "came with the system"
    : fetchedAtMs === undefined
      ? "not fetched yet"
      : `fetched ${agoInWords(fetchedAtMs, nowMs)}`;
  const what = index === undefined ? [] : [amount(index.apps, "app"), `number ${index.sequence}`];
  return [...what, when].join(" · ");
}

export interface CatalogTrouble {
  readonly tone: "warn" | "danger";
  readonly text: string;
}

/** What is wrong with it, the worst first. */
export function catalogTroubles(
  { index, problem, builtIn, fetchedAtMs }: CatalogState,
  nowMs: number,
): readonly CatalogTrouble[] {
  const troubles: CatalogTrouble[] = [];
  if (problem !== undefined && !builtIn && fetchedAtMs === undefined) {
    const when = agoInWords(problem.atMs, nowMs);
    troubles.push({ tone: "warn", text: `This device could not fetch it yet, last tried ${when}. ${problem.detail}` });
  } else if (problem !== undefined && index === undefined) {
    troubles.push({ tone: "danger", text: `Refused, so nothing of it is offered. ${problem.detail}` });
  } else if (problem !== undefined) {
    const when = agoInWords(problem.atMs, nowMs);
    troubles.push({ tone: "warn", text: `A newer one was looked for ${when}, in vain. ${problem.detail}` });
  }
  if (index?.development === true) {
    troubles.push({
      tone: "warn",
      text: "Signed with a key anybody has, for trying things out: nobody vouches for these apps.",
    });
  }
  if (index?.stale === true) {
    troubles.push({
      tone: "warn",
      text: `It has not been renewed for a long time${builtIn ? "" : " by its publisher"}; newer versions may be missing.`,
    });
  }
  return troubles;
}

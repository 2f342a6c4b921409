/** What a person finds in catalogs by words and category. Pure. */
import type { AppManifest, LocalizedText } from "../types.ts";

export interface CatalogQuery {
  readonly words: string;
  readonly category: string | undefined;
  /** BCP 47 in lower case; English stands in where a text has none. */
  readonly language: string;
}

function inLanguage(text: LocalizedText, language: string): string {
  return text[language] ?? text[language.split("-")[0] ?? ""] ?? text.en;
}

/** Without accents and case, since nobody types them into a search. */
function plain(text: string): string {
  return text.normalize("NFKD").replaceAll(/\p{M}/gu, "").toLowerCase();
}

/** 0 = not found; more for a word in the name, most for one at its beginning. */
function rank({ id, name, summary, description, categories }: AppManifest, word: string, language: string): number {
  const names = [id, inLanguage(name, language), name.en].map(plain);
  if (names.some((text) => text.startsWith(word))) return 8;
  if (names.some((text) => text.includes(word))) return 4;
  if ([inLanguage(summary, language), summary.en].some((text) => plain(text).includes(word))) return 2;
  const rest = [...categories, description === undefined ? "" : inLanguage(description, language)];
  return rest.some((text) => plain(text).includes(word)) ? 1 : 0;
}

/** Those in which every word is found, the best first, else by name. */
export function searchApps<A extends { readonly manifest: AppManifest }>(
  apps: readonly A[],
  { words, category, language }: CatalogQuery,
): readonly A[] {
  const wanted = plain(words)
    .split(/\s+/)
    .filter((word) => word !== "")
    .slice(0, 10);
  return apps
    .filter(({ manifest }) => category === undefined || manifest.categories.some((name) => name === category))
    .map((app) => ({ app, ranks: wanted.map((word) => rank(app.manifest, word, language)) }))
    .filter(({ ranks }) => ranks.every((found) => found > 0))
    .map(({ app, ranks }) => ({
      app,
      score: ranks.reduce((sum, found) => sum + found, 0),
      name: plain(inLanguage(app.manifest.name, language)),
    }))
    .toSorted((a, b) => b.score - a.score || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
    .map(({ app }) => app);
}

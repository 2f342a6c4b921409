/** Categories of other systems in this project's words. */
import type { Category } from "../types.ts";

const words: Readonly<Record<string, Category>> = {
  ai: "tools",
  automation: "automation",
  backup: "files",
  books: "books",
  chat: "communication",
  cloud: "files",
  communication: "communication",
  data: "documents",
  developer: "development",
  development: "development",
  documents: "documents",
  downloader: "media",
  featured: "tools",
  files: "files",
  finance: "finance",
  games: "games",
  gaming: "games",
  home: "automation",
  media: "media",
  monitoring: "monitoring",
  music: "media",
  network: "tools",
  networking: "tools",
  news: "news",
  notes: "notes",
  photography: "photos",
  photos: "photos",
  security: "security",
  social: "communication",
  utilities: "tools",
};

export function categoriesFrom(names: readonly string[]): readonly Category[] {
  const found = names.flatMap((name) => words[name.toLowerCase().split(/[^a-z]/)[0] ?? ""] ?? []);
  return found.length === 0 ? ["tools"] : [...new Set(found)].slice(0, 5);
}

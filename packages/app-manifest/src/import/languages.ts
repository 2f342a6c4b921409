/** Texts by language as other systems write them: `en_US`, `zh_cn`. */
import { languagePattern } from "../names.ts";
import { clipped } from "./draft.ts";
import { isMap, type Plain, textOf } from "./plain.ts";

/** Regions that are another language to read, and not only another country. */
const ownRegions = new Set(["zh-cn", "zh-tw", "pt-br"]);

/** Undefined where there is no English, or no text at all. */
export function localizedFrom(value: Plain | undefined, length: number): Record<string, string> | string | undefined {
  const single = textOf(value);
  if (single !== undefined) return single.trim() === "" ? undefined : clipped(single, length);
  if (!isMap(value)) return undefined;
  const result: Record<string, string> = {};
  for (const [written, text] of Object.entries(value)) {
    const plain = textOf(text);
    const full = written.toLowerCase().replaceAll("_", "-");
    const language = ownRegions.has(full) ? full : (full.split("-")[0] ?? "");
    if (plain === undefined || plain.trim() === "" || !languagePattern.test(language)) continue;
    result[language] ??= clipped(plain, length);
  }
  return result["en"] === undefined ? undefined : result;
}

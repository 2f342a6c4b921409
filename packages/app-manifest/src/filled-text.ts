/**
 * How long the texts of an app can become once their variables are filled. Two characters may stand for a setting of a
 * thousand, so that the bound of the text alone would let a small manifest become hundreds of megabytes, both here, where
 * defaults are filled in to look for secrets, and where the app is started.
 */
import type { WrittenApp } from "./app-shape.ts";
import { documentTextMax } from "./document.ts";
import type { Place, Problems } from "./problems.ts";
import type { Template, TemplatePart } from "./types.ts";

export const filledTextMax = documentTextMax;
/** More than an address of an app has, and than the name of a time zone. */
const factLengthMax = 256;
const numberLengthMax = String(Number.MAX_SAFE_INTEGER).length;

/** Counts the templates of one manifest; of what could not be read nothing is filled in, since the manifest is refused. */
export class FilledText {
  readonly #app: WrittenApp | undefined;
  readonly #problems: Problems;
  #length = 0;
  #isNoted = false;

  constructor(app: WrittenApp | undefined, problems: Problems) {
    this.#app = app;
    this.#problems = problems;
  }

  /** The template again, or undefined where all together have become too long; the first time a problem is noted. */
  counted(template: Template | undefined, path: string, place: Place): Template | undefined {
    if (template === undefined) return undefined;
    this.#length += template.reduce((sum, part) => sum + this.#lengthMax(part), 0);
    if (this.#length <= filledTextMax) return template;
    if (!this.#isNoted) {
      this.#problems.add(
        "too-large",
        path,
        place,
        `The values and words can have more than ${filledTextMax} characters once their variables are filled.`,
        "Use fewer variables, or give their settings a smaller length-max.",
      );
    }
    this.#isNoted = true;
    return undefined;
  }

  #lengthMax(part: TemplatePart): number {
    switch (part.kind) {
      case "text":
        return part.text.length;
      case "fact":
        return factLengthMax;
      case "secret":
        return this.#app?.secrets?.get(part.name)?.length ?? 0;
      default:
        return this.#settingLengthMax(part.name);
    }
  }

  #settingLengthMax(name: string): number {
    const setting = this.#app?.settings?.get(name);
    switch (setting?.kind) {
      case "text":
      case "password":
        return setting.lengthMax;
      case "number":
        return numberLengthMax;
      case "switch":
        return "false".length;
      case "choice":
        return Math.max(...setting.choices.map(({ value }) => value.length));
      default:
        return 0;
    }
  }
}

/** Which values settings take, and what of a version's settings holds for another one. Pure. */
import type { AppManifest, Setting } from "@piccolo/app-manifest";
import type { Generation } from "./plan-types.ts";

/** What an app was told so far. */
export type FormerSettings = Pick<Generation, "manifest" | "settings"> & {
  /** Its passwords, by name, which are kept with its secrets; absent: they stay as they are, and are not looked at. */
  readonly passwords?: Readonly<Record<string, string>>;
};

/** Why a setting does not take a value, in words that follow its name; `undefined` is no value at all. */
export function valueTrouble(setting: Setting, value: string | undefined): string | undefined {
  if (value === undefined || (setting.kind === "password" && value === "")) return "needs a value";
  if (/[^\P{Cc}\n\t]/u.test(value)) return "has control characters";
  switch (setting.kind) {
    case "text":
    case "password":
      return value.length > setting.lengthMax ? `is over ${setting.lengthMax} characters` : undefined;
    case "switch":
      return value === "true" || value === "false" ? undefined : "is true or false";
    case "choice":
      return setting.choices.some((choice) => choice.value === value) ? undefined : "is none of the choices";
    default: {
      const count = /^[0-9]{1,16}$/.test(value) ? Number(value) : Number.NaN;
      const isWithin = count >= setting.minimum && count <= setting.maximum;
      return isWithin ? undefined : `is a number from ${setting.minimum} to ${setting.maximum}`;
    }
  }
}

/**
 * What a setting has as long as its owner says nothing: what it had, or its default where it is new. What was of another type
 * meant something else, and a password becomes nothing that is shown.
 */
export function valueUnasked(setting: Setting, former: FormerSettings | undefined): string | undefined {
  const had = former?.manifest.settings.find(({ name }) => name === setting.name);
  if (former === undefined || had === undefined) return defaultOf(setting);
  if (had.kind !== setting.kind) return undefined;
  return setting.kind === "password" ? former.passwords?.[setting.name] : former.settings[setting.name];
}

function defaultOf(setting: Setting): string | undefined {
  if (setting.kind === "password" || setting.default === undefined) return undefined;
  return String(setting.default);
}

/** Those of another version that only the owner can give a value. */
export function missingSettings({ settings }: AppManifest, former: FormerSettings): readonly Setting[] {
  return settings.filter((setting) => valueTrouble(setting, valueUnasked(setting, former)) !== undefined);
}

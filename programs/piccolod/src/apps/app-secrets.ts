import type { AppManifest, GeneratedSecret } from "@piccolo/app-manifest";
import type { World } from "@piccolo/world";
import { generationsOf } from "./observe.ts";
import type { AppPlanRecord, Change } from "./plan-types.ts";

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const alphabets: Readonly<Record<GeneratedSecret["alphabet"], string>> = {
  alphanumeric: letters,
  hex: "0123456789abcdef",
  base64url: `${letters}-_`,
};

/** Those the manifest has that are not there yet. */
export function newSecrets(
  { secrets }: AppManifest,
  there: Readonly<Record<string, string>>,
  world: World,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    secrets
      .filter(({ name }) => there[name] === undefined)
      .map(({ name, length, alphabet }) => [name, randomText(world, length, alphabets[alphabet])]),
  );
}

/** Given values of password settings: kept with the secrets, never with the settings. */
export function passwordsOf(
  { settings }: AppManifest,
  given: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    settings.flatMap(({ kind, name }) => {
      const value = given[name];
      return kind === "password" && value !== undefined ? [[name, value]] : [];
    }),
  );
}

/** Those that are the new generation's until the change has ended, and the app's from then on. */
export function changedSecrets(change: Change | undefined): Readonly<Record<string, string>> {
  return { ...change?.secrets, ...change?.passwords };
}

/** What the owner typed and what was made for the app: nothing of it may come back in what the system says. */
export function ownValues(record: AppPlanRecord, secrets: Readonly<Record<string, string>>): readonly string[] {
  const settings = generationsOf(record).flatMap((generation) => Object.values(generation.settings));
  return [...settings, ...Object.values(secrets), ...Object.values(changedSecrets(record.change))];
}

/** Every character of the alphabet as likely as any other. */
function randomText(world: World, length: number, alphabet: string): string {
  const below = 256 - (256 % alphabet.length);
  let text = "";
  while (text.length < length) {
    for (const byte of world.randomBytes(length)) {
      if (byte < below && text.length < length) text += alphabet[byte % alphabet.length] ?? "";
    }
  }
  return text;
}

/** Recovery phrases as an owner handles them. */
import type { NewPhrase } from "@piccolo/device-api";
import { type Client, password, type TestDevice } from "./device.ts";

/** The words that were asked back. */
export const confirmation = ({ words, askedBack }: NewPhrase) => ({
  words: askedBack.map((position) => ({ position, word: words[position - 1] ?? "" })),
});

/** A claimed device's owner, and a further phrase, which waits to be confirmed. */
export async function claimed(device: TestDevice): Promise<{ readonly owner: Client; readonly phrase: NewPhrase }> {
  const owner = await device.owner();
  return { owner, phrase: await owner.call<NewPhrase>("POST", "/security/phrase", { password }) };
}

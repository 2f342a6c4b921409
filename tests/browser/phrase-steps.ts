/** What every browser test does with a recovery phrase the portal has just made: read it, write it down, answer. */
import type { Page } from "playwright-core";

/** The 24 words, as soon as they are shown. */
export async function readWords(page: Page): Promise<readonly string[]> {
  const shown = page.getByRole("list", { name: "Recovery phrase" }).getByRole("listitem");
  await shown.nth(23).waitFor({ timeout: 60_000 });
  return (await shown.allInnerTexts()).map((text) => text.split(/\s+/).at(-1) ?? "");
}

/** Gives back the words that are asked back, and goes on with the button of that name. */
export async function answerWords(page: Page, words: readonly string[], button = "Confirm"): Promise<void> {
  await page.getByRole("button", { name: "I have written them down" }).click();
  const asked = page.getByText(/^Word \d+$/);
  await asked.first().waitFor();
  for (const label of await asked.allInnerTexts()) {
    await page.getByLabel(label, { exact: true }).fill(words[Number(label.replace("Word ", "")) - 1] ?? "");
  }
  await page.getByRole("button", { name: button, exact: true }).click();
}

/**
 * What the link on the device's screen or terminal carries: `#claim=CODE&name=NAME`. A fragment never leaves the
 * browser, so the code reaches no log on its way.
 */
export interface ClaimLink {
  readonly claimCode: string;
  readonly ownerName: string | undefined;
}

export function parseClaimLink(fragment: string): ClaimLink | undefined {
  const values = new URLSearchParams(fragment.replace(/^#/, ""));
  const claimCode = values.get("claim")?.trim() ?? "";
  if (claimCode === "") return undefined;
  const ownerName = values.get("name")?.trim() ?? "";
  return { claimCode, ownerName: ownerName === "" ? undefined : ownerName };
}

/** People paste the code or the whole link. */
export function claimCodeOf(typed: string): string {
  const text = typed.trim();
  const fragment = text.indexOf("#");
  return (fragment < 0 ? undefined : parseClaimLink(text.slice(fragment)))?.claimCode ?? text;
}

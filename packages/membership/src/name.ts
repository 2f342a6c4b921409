import { membershipFaults } from "./faults.ts";

export const nameCharactersMax = 64;
/** Every character takes at most four bytes of UTF-8. */
export const nameBytesMax = nameCharactersMax * 4;

// Listed by code point, not by Unicode property: a property may grow with a new Unicode version, and then two releases
// would disagree about a log. C0 and C1 controls, line and paragraph separators, bidirectional controls, surrogates, the
// byte order mark, noncharacters of the first plane.
const refused =
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef\ufeff\ufffe\uffff]/u;
const edgeSpace = /^[ \u00a0\u3000]|[ \u00a0\u3000]$/u;

/** Whether the log accepts a display name as it is. */
export function isAcceptableName(name: string): boolean {
  return (
    name.length > 0 && Array.from(name).length <= nameCharactersMax && !refused.test(name) && !edgeSpace.test(name)
  );
}

/** The name a person typed, in the form the log keeps (trimmed, NFC). Throws `name-refused`. */
export function parseName(typed: string): string {
  const name = typed.trim().normalize("NFC");
  if (!isAcceptableName(name)) {
    throw membershipFaults.fault(
      "name-refused",
      `a display name has 1 to ${nameCharactersMax} characters and no control characters`,
    );
  }
  return name;
}

/** A hint while a new password is typed. It never forbids more than the device does: ten characters. */
export const passwordLengthMin = 10;

export interface PasswordStrength {
  /** 0 = not accepted, 1 = weak, 2 = good, 3 = strong. */
  readonly level: 0 | 1 | 2 | 3;
  readonly hint: string;
}

const wellKnown = ["password", "passwort", "qwerty", "qwertz", "letmein", "iloveyou", "welcome", "piccolo", "12345"];

/** Bits of a naive guess by character classes, with runs and repeats counted once. */
function roughBits(text: string): number {
  const classes: readonly (readonly [RegExp, number])[] = [
    [/[a-z]/, 26],
    [/[A-Z]/, 26],
    [/[0-9]/, 10],
    [/[^a-zA-Z0-9]/, 33],
  ];
  const alphabet = classes.reduce((sum, [pattern, size]) => sum + (pattern.test(text) ? size : 0), 0);
  const characters = Array.from(text);
  const steps = characters.filter((character, index) => {
    const before = index === 0 ? undefined : characters[index - 1]?.codePointAt(0);
    const code = character.codePointAt(0);
    return before === undefined || code === undefined || Math.abs(code - before) > 1;
  }).length;
  const distinct = new Set(characters).size;
  return Math.min(steps, distinct * 2) * Math.log2(Math.max(2, alphabet));
}

export function passwordStrength(password: string): PasswordStrength {
  const { length } = Array.from(password);
  if (length === 0) return { level: 0, hint: "At least 10 characters. Four random words are easy to remember." };
  if (length < passwordLengthMin) {
    const missing = passwordLengthMin - length;
    return { level: 0, hint: `${missing} more ${missing === 1 ? "character" : "characters"} needed.` };
  }
  const bits = roughBits(password) - (wellKnown.some((word) => password.toLowerCase().includes(word)) ? 30 : 0);
  if (bits < 45) return { level: 1, hint: "Easy to guess. Make it longer or less regular." };
  if (bits < 75) return { level: 2, hint: "Good. A few more words make it strong." };
  return { level: 3, hint: "Strong." };
}

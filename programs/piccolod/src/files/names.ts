import { directionControls, lineSeparators, toUtf8, visibleCharacter } from "@piccolo/bytes";
import { filesFaults } from "./types.ts";

export const nameBytesMax = 255;

function refuse(rule: string): Error {
  return filesFaults.fault("invalid-name", `${rule}; choose another name`);
}

/** The name a person or a program gave, in the form the tree keeps (NFC). Throws `invalid-name`. */
export function parseNodeName(given: string): string {
  if (!given.isWellFormed()) throw refuse("the name has half a character in it");
  const name = given.normalize("NFC");
  if (name === "") throw refuse("a name cannot be empty");
  if (name === "." || name === "..") throw refuse(`"${name}" is not a name`);
  if (name.includes("/")) throw refuse("a name cannot contain a slash");
  if (/\p{Cc}/u.test(name)) throw refuse("a name cannot contain control characters");
  if (lineSeparators.test(name)) throw refuse("a name cannot contain a line break");
  // They let a name end in another ending than the one that is read.
  if (directionControls.test(name)) {
    throw refuse("a name cannot contain characters that turn the direction of writing");
  }
  if (!visibleCharacter.test(name)) throw refuse("a name needs a visible character");
  if (toUtf8(name).length > nameBytesMax) throw refuse(`a name has at most ${nameBytesMax} bytes`);
  return name;
}

/**
 * What two names of one folder must differ in. Upper case first: it takes apart what has no lower-case partner of its
 * own (ß, final sigma), which comes close to Unicode's case folding.
 */
export function nameKey(name: string): string {
  return name.normalize("NFC").toUpperCase().toLowerCase().normalize("NFC");
}

/** Where a file name's ending begins: the last dot that is neither first nor last. */
function endingOf(name: string): number {
  const dot = name.lastIndexOf(".");
  return dot > 0 && dot < name.length - 1 ? dot : name.length;
}

/** `name`, or the first of `name (2)`, `name (3)`, ... that is not taken, within the bytes a name may have. */
export function freeName(name: string, isTaken: (name: string) => boolean): string {
  if (!isTaken(name)) return name;
  const dot = endingOf(name);
  const ending = toUtf8(name.slice(dot)).length < 100 ? name.slice(dot) : "";
  const stem = ending === "" ? name : name.slice(0, dot);
  for (let number = 2; ; number++) {
    const suffix = ` (${number})${ending}`;
    const letters = Array.from(stem);
    while (toUtf8(letters.join("") + suffix).length > nameBytesMax) letters.pop();
    const candidate = letters.join("") + suffix;
    if (!isTaken(candidate)) return candidate;
  }
}

import { membershipFaults } from "./faults.ts";

export const nameCharactersMax = 64;
/** Every character takes at most four bytes of UTF-8. */
export const nameBytesMax = nameCharactersMax * 4;

type Ranges = readonly (readonly [first: number, last: number])[];

// Listed by code point, not by Unicode property: a property may grow with a new Unicode version, and then two releases
// would disagree about a log.
const refusedCharacters: Ranges = [
  [0x0000, 0x001f], // C0 controls
  [0x007f, 0x009f], // delete, C1 controls
  [0x00ad, 0x00ad], // soft hyphen: invisible
  [0x061c, 0x061c], // Arabic letter mark: bidirectional control
  [0x200b, 0x200b], // zero width space
  [0x200e, 0x200f], // left-to-right and right-to-left mark
  [0x2028, 0x202e], // line and paragraph separator, bidirectional controls
  [0x2060, 0x206f], // invisible operators, bidirectional isolates
  [0xd800, 0xdfff], // halves of surrogate pairs
  [0xfdd0, 0xfdef], // noncharacters
  [0xfeff, 0xfeff], // byte order mark
  [0xfff9, 0xfffb], // interlinear annotation
  [0xfffe, 0xffff], // noncharacters
];

const spaces: Ranges = [
  [0x0020, 0x0020],
  [0x00a0, 0x00a0],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
];

function isIn(ranges: Ranges, character: string | undefined): boolean {
  const point = character?.codePointAt(0) ?? -1;
  return ranges.some(([first, last]) => point >= first && point <= last);
}

/** Whether the log accepts a display name as it is. */
export function isAcceptableName(name: string): boolean {
  const characters = Array.from(name);
  return (
    characters.length >= 1 &&
    characters.length <= nameCharactersMax &&
    !characters.some((character) => isIn(refusedCharacters, character)) &&
    !isIn(spaces, characters[0]) &&
    !isIn(spaces, characters.at(-1))
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

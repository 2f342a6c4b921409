/** How safe a file is, in words a person can weigh. */
const narrowSpace = "\u{202f}";

/** `99.999 999 999 %` for eleven nines; digits beyond what was computed are not claimed. */
export function ninesAsPercent(nines: number): string {
  const whole = Math.floor(nines + 1e-9);
  if (whole < 1) return "less than 90 %";
  if (whole === 1) return "90 %";
  if (whole === 2) return "99 %";
  const digits = "9".repeat(Math.min(whole, 18) - 2).match(/.{1,3}/g) ?? [];
  return `99.${digits.join(narrowSpace)} %`;
}

const magnitudes: readonly (readonly [number, string])[] = [
  [15, "million billion"],
  [12, "thousand billion"],
  [9, "billion"],
  [6, "million"],
];

/** `1 in 100 billion`: the chance of losing a file within a year, rounded to the worse side. */
export function yearlyLossInWords(nines: number): string {
  const whole = Math.floor(nines + 1e-9);
  if (whole < 1) return "more than 1 in 10";
  const found = magnitudes.find(([power]) => whole >= power);
  if (found === undefined) return `1 in ${(10 ** whole).toLocaleString("en").replaceAll(",", narrowSpace)}`;
  return `1 in ${10 ** (whole - found[0])} ${found[1]}`;
}

/** `Up to 6 of them can be lost.` and its exceptions. */
export function lossesInWords(survives: number): string {
  if (survives <= 0) return "None of them can be lost right now.";
  return survives === 1 ? "1 of them can be lost." : `Up to ${survives} of them can be lost.`;
}

/** What the network promises for files in general. */
export function safetyInWords(survives: number): string {
  if (survives <= 0) return "No device can be lost without losing files.";
  return `${survives === 1 ? "1 device" : `Up to ${survives} devices`} can be lost without losing a file.`;
}

/** `Any 3 of 9 pieces rebuild a file.` */
export function codeInWords(k: number, n: number): string {
  if (n <= 1) return "One other device keeps a whole copy of every file.";
  if (k === 1) return `Each of ${n} devices keeps a whole copy of every file.`;
  return `Every file becomes ${n} pieces on ${n} devices. Any ${k} pieces rebuild it.`;
}

export const devicesInWords = (count: number): string => `${count} ${count === 1 ? "device" : "devices"}`;

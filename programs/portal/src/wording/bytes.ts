/** Sizes and rates in words. Decimal units, as the makers of disks and systems write them. */
const units = ["bytes", "KB", "MB", "GB", "TB", "PB"] as const;

export function bytesInWords(bytes: number): string {
  if (!Number.isFinite(bytes) || bytes < 0) return "unknown size";
  let value = Math.round(bytes);
  let unit = 0;
  while (unit < units.length - 1 && (unit === 0 ? value >= 1000 : rounded(value) >= 1000)) {
    value /= 1000;
    unit += 1;
  }
  if (unit === 0) return value === 1 ? "1 byte" : `${value} bytes`;
  return `${rounded(value)} ${units[unit] ?? ""}`;
}

/** One digit behind the point below ten, none from ten on: more would only flicker. */
function rounded(value: number): number {
  return value < 9.95 ? Math.round(value * 10) / 10 : Math.round(value);
}

export function rateInWords(bytesPerSecond: number): string {
  return `${bytesInWords(bytesPerSecond)}/s`;
}

/** `done` of `total` for people, e.g. `1.2 of 8 GB`, with one unit where both share it. */
export function progressInWords(done: number, total: number): string {
  const whole = bytesInWords(total);
  const part = bytesInWords(done);
  const [, unit] = whole.split(" ");
  const [value, partUnit] = part.split(" ");
  return unit === partUnit ? `${value ?? ""} of ${whole}` : `${part} of ${whole}`;
}

export function percentInWords(done: number, total: number): string {
  if (total <= 0) return "0 %";
  // A hundred is said only when it is true.
  const percent = done >= total ? 100 : Math.min(99, Math.floor((done / total) * 100));
  return `${percent} %`;
}
